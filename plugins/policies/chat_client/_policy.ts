/**
 * A policy that asks a chat service.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Decision, Policy, PolicyView } from "../../../core/policy.ts";
import type { Json } from "../../../core/schema.ts";
import type { Action, Step } from "../../../core/trajectory.ts";
import { chatTool, messagesOf, parseObject } from "../../chat/mod.ts";
import { type Account, ask, type Asked } from "./_ask.ts";
import { Budget, costOf, type Prices } from "./_budget.ts";
import { type Clock, Concurrency } from "./_concurrency.ts";
import type { ClientSettings } from "./_options.ts";
import type { ChatService, ReplyCall } from "./_service.ts";

const accounts = new Map<string, Account>();

/** By the clock of this machine. */
const clock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        reject(signal!.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", end);
        resolve();
      }, ms);
      if (signal?.aborted === true) end();
      else signal?.addEventListener("abort", end, { once: true });
    }),
};

/** A policy; those of the same service, key, model and limits in a process share their limits. */
export async function createChatClient<S extends ClientSettings>(
  connect: (settings: S, key: string | null) => Promise<ChatService>,
  settings: S,
  key: string | null,
): Promise<Policy> {
  const service = await connect(settings, key);
  return new ChatClient(settings, { ...sharedAccount(service, settings, key), service });
}

function sharedAccount(service: ChatService, settings: ClientSettings, key: string | null): Account {
  const { model, baseUrl, maxConcurrency, tokenBudget, costBudgetUsd } = settings;
  const prices = pricesOf(settings);
  const secret = key === null ? null : createHash("sha256").update(key).digest("hex");
  const limits = { tokens: tokenBudget ?? null, costUsd: costBudgetUsd ?? null, prices };
  const identity = JSON.stringify([service.name, baseUrl, secret, model, maxConcurrency, limits]);
  const account = accounts.get(identity) ?? {
    service,
    concurrency: new Concurrency(maxConcurrency, clock),
    budget: new Budget(limits),
    clock,
    redact: (text) => key === null ? text : text.replaceAll(key, "[key]"),
  };
  accounts.set(identity, account); // kept as long as the process: a budget must outlive the episodes that spend it
  return account;
}

function pricesOf({ promptPriceUsd, completionPriceUsd }: ClientSettings): Prices | null {
  if (promptPriceUsd === undefined || completionPriceUsd === undefined) return null;
  return { prompt: promptPriceUsd, completion: completionPriceUsd };
}

class ChatClient implements Policy {
  readonly name: string;
  readonly model: string;
  readonly #settings: ClientSettings;
  readonly #account: Account;
  /** What the model said aloud, at the first step of each turn of the episode. */
  #said: string[] = [];

  constructor(settings: ClientSettings, account: Account) {
    this.name = account.service.name;
    this.model = settings.model;
    this.#settings = settings;
    this.#account = account;
  }

  reset(): void {
    this.#said = [];
  }

  async act(view: PolicyView): Promise<Decision> {
    const { baseUrl, temperature } = this.#settings;
    const prng = view.prng.fork(view.history.length);
    const seed = Math.floor(prng() * 2 ** 31);
    const request = this.#account.service.request({
      messages: this.#messages(view),
      tools: this.#settings.tools ? view.tools.map(chatTool) : null,
      seed,
    });
    const asked = await ask(this.#account, request, {
      ...this.#settings,
      // Episodes of the same task are to differ, so their draws are kept apart; greedy answers are the same for all.
      identity: {
        service: this.name,
        baseUrl: baseUrl ?? null,
        seed: temperature === 0 ? null : String(seed),
      },
      prng,
      signal: view.signal,
    });
    this.#said[view.history.length] = asked.reply.content;
    return decisionOf(asked, pricesOf(this.#settings));
  }

  /** The episode as messages. Reasoning is on record, but not said to the model again. */
  #messages(view: PolicyView) {
    const steps = view.history.map((step, at): Step => {
      const said = this.#said[at];
      return said === undefined ? step : { ...step, thought: step.action.tool === "" ? "" : said };
    });
    return messagesOf({
      system: this.#settings.system ?? null,
      task: view.task,
      reset: { observation: view.resetObservation, timestamp: null },
      tools: null,
      steps,
    }, { callIds: "position" }).messages;
  }
}

/** A reply as what to do: its calls, or its text. Beside others a call without a name is none. */
export function decisionOf({ reply, attempts }: Asked, prices: Prices | null): Decision {
  const { content, reasoning, calls, finish, promptTokens, completionTokens, logProbs } = reply;
  const named = calls.filter(({ name }) => name !== "");
  const [call = calls[0], ...further] = named;
  const dropped = call === undefined ? 0 : calls.length - 1 - further.length;
  const thought = [reasoning, call === undefined ? "" : content].filter((text) => text !== "").join("\n");
  const known = promptTokens !== null && completionTokens !== null && attempts > 0;
  const costUsd = known ? costOf({ promptTokens, completionTokens }, prices) : null;
  const extra: Record<string, Json> = {
    ...(finish === "length" ? { cut: true } : {}),
    ...(finish === "refused" ? { refused: true } : {}),
    ...(dropped > 0 ? { droppedCalls: dropped } : {}),
    ...(attempts === 0 ? { cached: true } : {}),
    ...(attempts > 1 ? { attempts } : {}),
    ...(costUsd === null ? {} : { costUsd }),
    ...(logProbs === null ? {} : { logProbs }),
  };
  return {
    action: call === undefined ? { tool: "", params: {}, raw: content.trim() } : actionOf(call),
    ...(further.length === 0 ? {} : { more: further.map(actionOf) }),
    thought,
    tokens: {
      promptIds: null,
      completionIds: null,
      logProbs: null, // they belong to ids, which services do not give
      sampling: null,
      promptTokens,
      completionTokens,
      reencoded: false,
    },
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

function actionOf({ name, arguments: text, id }: ReplyCall): Action {
  const callId = id === "" ? {} : { callId: id };
  const params = parseObject(text.trim() === "" ? "{}" : text);
  return params === null
    ? { tool: name, params: {}, raw: text, ...callId }
    : { tool: name, params, ...callId };
}
