/**
 * A chat service as the policies see it, whatever its protocol: a request goes in, a whole reply or a fault comes out.
 *
 * @module
 */
import type { Json } from "../../../core/schema.ts";
import type { ChatMessage, ChatTool } from "../../chat/mod.ts";

/** What is asked. */
export interface Question {
  readonly messages: readonly ChatMessage[];
  /** Null when tools are not put into requests. */
  readonly tools: readonly ChatTool[] | null;
  /** For services that can draw the same again. */
  readonly seed: number;
}

/** A call as it came. */
export type ReplyCall = {
  readonly name: string;
  /** JSON as text, or what the model wrote instead. */
  readonly arguments: string;
  readonly id: string;
};

/** A whole answer. */
export type Reply = {
  readonly content: string;
  /** Reasoning that came apart from the answer. */
  readonly reasoning: string;
  readonly calls: readonly ReplyCall[];
  /** `length`: the limit of tokens cut it; `refused`: the model or the service would not answer. */
  readonly finish: "stop" | "length" | "refused";
  /** Cached ones included; null when the service does not say. */
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  /** Texts of the sampled tokens and their log-probabilities; null when not asked for or not given. */
  readonly logProbs: { readonly tokens: readonly string[]; readonly values: readonly number[] } | null;
};

/** A reply with the headers it came with. */
export interface Answer {
  readonly reply: Reply;
  readonly headers: Headers;
}

/** A service. */
export interface ChatService {
  /** Name for messages and records. */
  readonly name: string;
  /** The request as it is sent, without the key. */
  request(question: Question): { readonly [key: string]: Json };
  /** Sends a request. @throws {ServiceFault} Or whatever the transport throws. */
  send(request: { readonly [key: string]: Json }, signal: AbortSignal): Promise<Answer>;
}

/** Facts about a failed attempt. */
export interface FaultFacts {
  /** Status of the response, if there was one. */
  readonly status?: number | undefined;
  readonly headers?: Headers | undefined;
  /** Whether another attempt may help. */
  readonly again: boolean;
}

/** A failed attempt. */
export class ServiceFault extends Error {
  readonly facts: FaultFacts;

  constructor(message: string, facts: FaultFacts) {
    super(message);
    this.facts = facts;
  }

  /** Whether the service said that it has too much to do. 529 is Anthropic's. */
  get overloaded(): boolean {
    return [429, 503, 529].includes(this.facts.status ?? 0);
  }
}

/** What a client library threw, as a fault. Its errors carry `status`, `headers` and `code`. */
export function faultOf(thrown: unknown): ServiceFault {
  if (thrown instanceof ServiceFault) return thrown;
  const { status, headers, code, message } = thrown as {
    status?: unknown;
    headers?: unknown;
    code?: unknown;
    message?: unknown;
  };
  const known = typeof status === "number" ? status : undefined;
  const given = headers instanceof Headers ? headers : undefined;
  const asked = given?.get("x-should-retry");
  const again = asked === "true" || asked !== "false" && code !== "insufficient_quota" && mayPass(known);
  return new ServiceFault(String(message ?? thrown), { status: known, headers: given, again });
}

function mayPass(status: number | undefined): boolean {
  return status === undefined || [408, 409, 429].includes(status) || status >= 500;
}
