/** What tests of chat clients share: a server with a script, and views. */
import type { Policy, PolicyView } from "../../core/policy.ts";
import { seeded } from "../../core/prng.ts";
import type { Step } from "../../core/trajectory.ts";

/** What a request of a client looked like. */
export interface Seen {
  readonly path: string;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any -- tests look at whatever was sent
  readonly body: any;
}

/** A server that answers requests in order, the last answer again and again. */
export function scripted(...answers: readonly ((request: Request) => Response | Promise<Response>)[]) {
  const seen: Seen[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const answer = answers[Math.min(seen.length, answers.length - 1)]!;
    const body = await request.json();
    seen.push({ path: new URL(request.url).pathname, headers: request.headers, body });
    return await answer(request);
  });
  return {
    seen,
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Ids of calls that were asked for and not answered at once, and of answers that nobody asked for, as OpenAI refuses them. */
export function unansweredCalls(
  messages: readonly { role: string; tool_calls?: { id: string }[]; tool_call_id?: string }[],
): string[] {
  const wrong: string[] = [];
  let open: string[] = [];
  for (const { role, tool_calls = [], tool_call_id } of messages) {
    if (role === "tool") {
      if (!open.includes(tool_call_id!)) wrong.push(tool_call_id!);
      open = open.filter((id) => id !== tool_call_id);
      continue;
    }
    wrong.push(...open);
    open = tool_calls.map(({ id }) => id);
  }
  return [...wrong, ...open];
}

/** The same of Anthropic's messages: results of all calls stand at the start of the next message. */
export function unansweredUses(
  messages: readonly { role: string; content: { type: string; id?: string; tool_use_id?: string }[] }[],
): string[] {
  const flat = messages.flatMap(({ role, content }) => {
    const uses = content.filter(({ type }) => type === "tool_use").map(({ id }) => ({ id: id! }));
    return role === "assistant"
      ? [{ role, tool_calls: uses }]
      : content.map(({ type, tool_use_id }) =>
        type === "tool_result" ? { role: "tool", tool_call_id: tool_use_id! } : { role }
      );
  });
  return unansweredCalls(flat);
}

/** Server-sent events in chunks of `size` bytes. */
export function events(
  pieces: readonly (readonly [event: string | null, data: unknown])[],
  size = 7,
): Response {
  const text = pieces.map(([event, data]) =>
    `${event === null ? "" : `event: ${event}\n`}data: ${
      typeof data === "string" ? data : JSON.stringify(data)
    }\n\n`
  ).join("");
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

export const rollDice = {
  name: "roll",
  description: "Rolls a die",
  parameters: { type: "object", properties: { sides: { type: "integer" } } },
};

/** What a policy is shown. */
export function viewOf(history: readonly Step[] = [], signal?: AbortSignal): PolicyView {
  return {
    task: { id: "t", description: "Roll a die" },
    tools: [rollDice],
    resetObservation: "Ready",
    observation: "Ready",
    history,
    prng: seeded(1),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** A step that called `roll`. */
export function rolled(index: number, output: string): Step {
  return {
    index,
    thought: "hm",
    action: { tool: "roll", params: { sides: 6 }, callId: "x" },
    result: { output, exitCode: 0, error: null, durationMs: 1, truncated: false },
    reward: 0,
    scores: [],
    timestamp: null,
    tokens: null,
  };
}

/** What a policy throws when it acts. */
export async function failureOf(policy: Policy, view: PolicyView = viewOf()) {
  try {
    await policy.act(view);
  } catch (thrown) {
    return thrown as Error & { code?: string; data?: Record<string, unknown> };
  }
  throw new Error("it acted");
}
