/**
 * `serve policy`: a local model for every program that speaks OpenAI's protocol.
 *
 * @module
 */
import { basename, resolve } from "node:path";
import { z } from "zod";
import type { Command, CommandContext, CommandResult } from "../../core/command.ts";
import { GymError } from "../../core/errors.ts";
import type { Contribution } from "../../core/kind.ts";
import { verb } from "./_verb.ts";

const input = z.strictObject({
  model: z.string().min(1).describe("Model folder"),
  adapter: z.string().optional().describe("Adapter folder, as PEFT or a trainer writes it"),
  adapters: z.record(z.string().min(1), z.string().min(1)).default({}).describe(
    "Adapter folder by the name that clients ask for; repeat for more, all on one session",
  ),
  name: z.string().min(1).optional().describe("Name of the model for clients; the folder's when left out"),
  host: z.string().min(1).default("127.0.0.1").describe(
    "Address to listen on; beyond this machine only with a token",
  ),
  port: z.int().min(0).max(65_535).default(8000).describe("Port to listen on; 0 takes a free one"),
  token: z.string().min(1).optional().describe(
    "What clients must show as bearer token; others on this machine can see it",
  ),
  tokenEnv: z.string().min(1).optional().describe("Environment variable with the token"),
  maxBody: z.int().min(1).default(8 * 2 ** 20).describe("Largest request in bytes"),
  maxConcurrent: z.int().min(1).default(64).describe("Most answers at once; further requests get 429"),
  maxBatch: z.int().min(1).default(16).describe("Most answers that are computed together"),
  maxLength: z.int().min(2).optional().describe(
    "Longest prompt and answer in tokens; the model's context when left out",
  ),
  graceMs: z.int().min(0).default(10_000).describe("Milliseconds that answers have to end after Ctrl-C"),
  provider: z.enum(["auto", "cpu", "webgpu", "cuda"]).default("auto").describe("Execution provider"),
  threads: z.int().min(1).optional().describe("Threads of one operator"),
});

/** Milliseconds that the body of a request may take. */
const BODY_MS = 30_000;

/** Milliseconds after the grace in which clients read why their answers ended. */
const FAREWELL_MS = 2000;

type Input = z.output<typeof input>;

async function run(given: Input, context: CommandContext): Promise<CommandResult> {
  const { cwd, now, prng, signal, progress } = context;
  const token = tokenOf(given);
  const local = isLoopback(given.host);
  if (!local && token === null) {
    throw new GymError(
      "INVALID_OPTIONS",
      `Cannot serve on ${given.host}: wanted --token or --token-env, because others can reach this address`,
      { host: given.host },
    );
  }
  const name = given.name ?? basename(resolve(cwd, given.adapter ?? given.model));
  if (Object.hasOwn(given.adapters, name)) {
    throw new GymError(
      "INVALID_OPTIONS",
      `Cannot use --adapters ${name}: wanted another name than the model's: received "${name}"`,
      { name },
    );
  }
  const [{ openChatModel }, { createHandler }] = await Promise.all([
    import("../models/generation/open_chat_model.ts"),
    import("./_serve/handler.ts"),
  ]);
  const model = await openChatModel({
    ...given,
    model: resolve(cwd, given.model),
    adapter: given.adapter === undefined ? undefined : resolve(cwd, given.adapter),
    adapters: Object.fromEntries(
      Object.entries(given.adapters).map(([name, folder]) => [name, resolve(cwd, folder)]),
    ),
  });
  const ended = new AbortController();
  const hosts = local && token === null ? new Set(["127.0.0.1", "localhost", "[::1]", given.host]) : null;
  let requests = 0;
  try {
    const { maxBody, maxConcurrent } = given;
    const handler = createHandler({
      model,
      name,
      adapters: Object.keys(given.adapters),
      token,
      hosts,
      maxBody,
      bodyMs: BODY_MS,
      maxConcurrent,
      now,
      prng,
      stopping: signal,
      ended: ended.signal,
    });
    const counted = (request: Request): Promise<Response> => (requests++, handler(request));
    await served(given, counted, (address) => progress(`Serving ${name} on ${address}/v1: Ctrl-C stops`), {
      signal,
      ended,
    });
  } finally {
    await model.generator[Symbol.asyncDispose]();
  }
  return { data: { model: name, requests }, text: `Stopped after ${requests} requests` };
}

/** Serves until the signal: then no more requests are taken, and those that run have their time to end. */
async function served(
  { host, port, graceMs }: Input,
  handler: (request: Request) => Promise<Response>,
  onListen: (address: string) => void,
  { signal, ended }: { readonly signal: AbortSignal; readonly ended: AbortController },
): Promise<void> {
  const server = listen(host, port, handler, onListen);
  await new Promise<void>((stop) => {
    if (signal.aborted) stop();
    else signal.addEventListener("abort", () => stop(), { once: true });
  });
  const { promise: given, resolve: giveUp } = Promise.withResolvers<void>();
  const timers = [setTimeout(() => ended.abort(), graceMs), setTimeout(giveUp, graceMs + FAREWELL_MS)];
  try {
    await Promise.race([server.shutdown(), given]); // a client that does not read would hold it for ever
  } finally {
    for (const timer of timers) clearTimeout(timer);
    ended.abort();
  }
}

function listen(
  hostname: string,
  port: number,
  handler: (request: Request) => Promise<Response>,
  onListen: (address: string) => void,
): Deno.HttpServer {
  const say = ({ hostname, port }: Deno.NetAddr): void =>
    onListen(`http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`);
  try {
    return Deno.serve({ hostname, port, onListen: say }, handler);
  } catch (thrown) {
    const flag = `--allow-net=${hostname}:${port}`;
    if (thrown instanceof Deno.errors.NotCapable) {
      throw new GymError(
        "PERMISSION",
        `Cannot serve on ${hostname}:${port}: the process lacks a permission: run again with ${flag}`,
        { flag },
      );
    }
    throw new GymError(
      "SERVICE_FAILED",
      `Cannot serve on ${hostname}:${port}: ${thrown instanceof Error ? thrown.message : thrown}`,
      { host: hostname, port },
      { cause: thrown },
    );
  }
}

function tokenOf({ token, tokenEnv }: Input): string | null {
  if (tokenEnv === undefined) return token ?? null;
  const found = token ?? Deno.env.get(tokenEnv);
  if (found !== undefined && found !== "") return found;
  throw new GymError(
    "INVALID_OPTIONS",
    `Cannot use --token-env ${tokenEnv}: wanted a variable that is set: received nothing`,
    { variable: tokenEnv },
  );
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}

/** `serve policy`: a local model for every program that speaks OpenAI's protocol. */
export const servePolicy: Contribution<Command> = verb("knowlyr/serve-policy-v1", {
  path: ["serve", "policy"],
  summary: "Serve a local model to programs that speak OpenAI's protocol",
  input,
  positionals: [],
  examples: [
    { line: "serve policy --model models/smollm2 --port 8000", does: "Answers on http://127.0.0.1:8000/v1" },
    {
      line:
        "serve policy --model models/smollm2 --adapters sft=runs/sft/adapter --adapters grpo=runs/grpo/adapter",
      does: "Answers as the model smollm2, sft or grpo, whichever a request names",
    },
    {
      line: "serve policy --model models/smollm2 --adapter runs/sft/adapter --host 0.0.0.0 --token-env TOKEN",
      does: "Serves what was trained to other machines, which show the token",
    },
  ],
  run,
});
