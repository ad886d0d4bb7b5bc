/**
 * Options that all clients of chat services share.
 *
 * @module
 */
import { z } from "zod";
import { GymError } from "../../../core/errors.ts";
import type { Json } from "../../../core/schema.ts";

const count = z.int().min(1);
/** Sound: the same values, under our name of their type. */
const json = z.json() as unknown as z.ZodType<Json, Json>;
const price = z.number().min(0);

/** Fields of the options. */
export const clientFields = {
  model: z.string().min(1).describe("Name of the model, as the service knows it"),
  baseUrl: z.url({ protocol: /^https?$/ }).optional().describe("Address of another service of this protocol"),
  apiKeyEnv: z.string().min(1).optional().describe(
    "Environment variable with the key; another service gets no key unless this is given",
  ),
  // No text: what a configuration file can hold would be recorded with it. Checked where it is used, so that no message
  // shows the value.
  apiKey: z.custom<() => string>(() => true).optional().describe("From code: a function that gives the key"),
  system: z.string().optional().describe("System prompt"),
  tools: z.boolean().default(true).describe("Offer the tools of the environment"),
  temperature: z.number().min(0).max(2).optional().describe("The service's own when left out"),
  topP: z.number().gt(0).max(1).optional().describe("The service's own when left out"),
  maxNewTokens: count.default(2048).describe("Most tokens of one turn"),
  stop: z.array(z.string().min(1)).default([]).describe("Texts that end a turn"),
  stream: z.boolean().default(true).describe(
    "Take the answer in pieces, so that nothing between gives up waiting",
  ),
  body: z.record(z.string(), json).default({}).describe(
    "Further fields of each request, as the service has them",
  ),
  timeoutMs: count.default(300_000).describe("Milliseconds for one attempt, the whole answer included"),
  retries: z.int().min(0).default(5).describe("Further attempts after overloads, faults and cut answers"),
  maxWaitMs: count.default(120_000).describe(
    "Longest wait between attempts; a service that wants more has failed",
  ),
  maxConcurrency: count.default(64).describe("Most requests at once; how many below is found by trying"),
  tokenBudget: count.optional().describe("Most tokens of all requests of this process"),
  costBudgetUsd: price.optional().describe("Most US dollars of all requests of this process; needs prices"),
  promptPriceUsd: price.optional().describe("US dollars a million tokens of prompts"),
  completionPriceUsd: price.optional().describe("US dollars a million tokens of answers"),
  cache: z.string().min(1).optional().describe("Folder that keeps replies; the same question is asked once"),
};

/** Options that all clients share. */
export interface ChatClientOptions {
  /** Name of the model, as the service knows it. */
  readonly model: string;
  /** Address of another service of this protocol. */
  readonly baseUrl?: string | undefined;
  /** Environment variable with the key; another service gets no key unless this is given. */
  readonly apiKeyEnv?: string | undefined;
  /** From code: gives the key. A function, so that no record of the options can hold it. */
  readonly apiKey?: (() => string) | undefined;
  /** System prompt. */
  readonly system?: string | undefined;
  /** Offer the tools of the environment. @default true */
  readonly tools?: boolean | undefined;
  /** The service's own when left out. */
  readonly temperature?: number | undefined;
  /** The service's own when left out. */
  readonly topP?: number | undefined;
  /** Most tokens of one turn. @default 2048 */
  readonly maxNewTokens?: number | undefined;
  /** Texts that end a turn. @default [] */
  readonly stop?: string[] | undefined;
  /** Take the answer in pieces, so that nothing between gives up waiting. @default true */
  readonly stream?: boolean | undefined;
  /** Further fields of each request, as the service has them. @default {} */
  readonly body?: { readonly [field: string]: Json } | undefined;
  /** Milliseconds for one attempt, the whole answer included. @default 300000 */
  readonly timeoutMs?: number | undefined;
  /** Further attempts after overloads, faults and cut answers. @default 5 */
  readonly retries?: number | undefined;
  /** Longest wait between attempts in milliseconds; a service that wants more has failed. @default 120000 */
  readonly maxWaitMs?: number | undefined;
  /** Most requests at once; how many below is found by trying. @default 64 */
  readonly maxConcurrency?: number | undefined;
  /** Most tokens of all requests of this process. */
  readonly tokenBudget?: number | undefined;
  /** Most US dollars of all requests of this process; needs prices. */
  readonly costBudgetUsd?: number | undefined;
  /** US dollars a million tokens of prompts. */
  readonly promptPriceUsd?: number | undefined;
  /** US dollars a million tokens of answers. */
  readonly completionPriceUsd?: number | undefined;
  /** Folder that keeps replies; the same question is asked once. */
  readonly cache?: string | undefined;
}

/** Values of {@linkcode clientFields}. */
export type ClientSettings = z.output<z.ZodObject<typeof clientFields>>;

/** Refuses a budget in money without prices, and one price without the other. */
export function checkPrices({ costBudgetUsd, promptPriceUsd, completionPriceUsd }: ClientSettings): boolean {
  const prices = [promptPriceUsd, completionPriceUsd].filter((each) => each !== undefined).length;
  return prices === 2 || prices === 0 && costBudgetUsd === undefined;
}

/** What {@linkcode checkPrices} wants. */
export const PRICES_WANTED =
  "expected promptPriceUsd and completionPriceUsd together, and with costBudgetUsd";

/** A request's fields that are set. */
export function withoutUndefined(
  fields: { readonly [key: string]: Json | undefined },
): { [key: string]: Json } {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  );
}

/**
 * The key of a service; null for none.
 *
 * @param usual The variable that holds it when the service is the protocol's own.
 * @throws {GymError} `INVALID_OPTIONS` when it is not there, `PERMISSION` when the variable may not be read.
 */
export function keyOf(
  { apiKey, apiKeyEnv, baseUrl }: ClientSettings,
  usual: string,
): string | null {
  if (baseUrl !== undefined && /^\w+:\/\/[^/]*@/.test(baseUrl)) {
    throw new GymError(
      "INVALID_OPTIONS",
      "Cannot use option baseUrl: wanted an address without a name and password, because it is recorded",
    );
  }
  if (apiKey !== undefined) {
    const key: unknown = typeof apiKey === "function" ? apiKey() : undefined;
    if (typeof key === "string" && key !== "") return key;
    throw new GymError(
      "INVALID_OPTIONS",
      "Cannot use option apiKey: wanted a function that gives the key; in files and on the command line name a " +
        "variable in apiKeyEnv",
    );
  }
  if (apiKeyEnv === undefined && baseUrl !== undefined) return null;
  const name = apiKeyEnv ?? usual;
  const key = readVariable(name);
  if (key !== undefined && key !== "") return key;
  throw new GymError(
    "INVALID_OPTIONS",
    `Cannot ask the model: wanted a key in the environment variable ${name}: received nothing`,
    { variable: name },
  );
}

function readVariable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotCapable)) throw thrown;
    const flag = `--allow-env=${name}`;
    throw new GymError(
      "PERMISSION",
      `Cannot read the key in ${name}: the process lacks a permission: run again with ${flag}`,
      { flag },
    );
  }
}
