/**
 * `chat`: talk to a local model.
 *
 * @module
 */
import { basename, resolve } from "node:path";
import { z } from "zod";
import type { Command, CommandContext, CommandResult } from "../../core/command.ts";
import { isGymError } from "../../core/errors.ts";
import type { Contribution } from "../../core/kind.ts";
import type { Answer, Conversation } from "./_conversation.ts";
import { printable } from "./_printable.ts";
import { verb } from "./_verb.ts";

const input = z.strictObject({
  model: z.string().min(1).describe("Model folder"),
  adapter: z.string().optional().describe("Adapter folder, as PEFT or a trainer writes it"),
  system: z.string().optional().describe("System prompt"),
  temperature: z.number().min(0).default(1).describe("0 takes the most probable token"),
  topK: z.int().min(0).default(0).describe("Keeps the k most probable tokens; 0 keeps all"),
  topP: z.number().gt(0).max(1).default(1).describe("Keeps the most probable tokens that hold this share"),
  minP: z.number().min(0).max(1).default(0).describe(
    "Keeps tokens at least this share as probable as the best",
  ),
  repetitionPenalty: z.number().positive().default(1).describe("Above 1 makes repeats less likely"),
  maxNewTokens: z.int().min(1).default(512).describe("Most tokens of an answer"),
  maxLength: z.int().min(2).optional().describe(
    "Longest conversation in tokens; the model's context when left out",
  ),
  seed: z.int().min(0).default(0).describe("The only source of randomness"),
  provider: z.enum(["auto", "cpu", "webgpu", "cuda"]).default("auto").describe("Execution provider"),
  threads: z.int().min(1).optional().describe("Threads of one operator"),
});

/** One message and its answer. */
type Turn = { readonly user: string } & Answer;

async function run(given: z.output<typeof input>, context: CommandContext): Promise<CommandResult> {
  const { cwd, signal } = context;
  const { Conversation } = await import("./_conversation.ts");
  const { system, maxNewTokens, seed, provider, threads, maxLength } = given;
  await using conversation = await Conversation.open({
    model: resolve(cwd, given.model),
    adapter: given.adapter === undefined ? undefined : resolve(cwd, given.adapter),
    provider,
    threads,
    maxLength,
  }, { system, sampling: given, maxNewTokens, seed });
  const name = basename(given.adapter ?? given.model);
  context.progress(`Talking to ${name}: /reset starts over, /quit leaves, Ctrl-C stops an answer`);
  const turns: Turn[] = [];
  let failures = 0;
  try {
    for await (const user of spoken(context)) {
      if (user === "/quit" || user === "/exit") break;
      if (user === "/reset") {
        conversation.reset();
        context.progress("Started over");
        continue;
      }
      try {
        turns.push({ user, ...await answered(conversation, user, context) });
      } catch (thrown) {
        if (!isGymError(thrown)) throw thrown;
        failures++;
        context.progress(`error: ${thrown.message}`);
      }
      if (signal.aborted) break;
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    context.progress(""); // Ctrl-C while nothing is being answered is a way to leave
  }
  return {
    data: { model: name, turns: turns.map((turn) => ({ ...turn })) },
    text: "",
    exitCode: failures > 0 ? 1 : 0,
  };
}

/** One answer, written while it comes. Ctrl-C stops it and leaves the conversation open. */
async function answered(
  conversation: Conversation,
  user: string,
  { write, signal, onInterrupt, progress }: CommandContext,
): Promise<Answer> {
  const stop = new AbortController();
  using _taken = onInterrupt?.(() => stop.abort());
  const clean = Deno.stdout.isTerminal() ? printable : (text: string) => text;
  let writing = Promise.resolve();
  const onText = (text: string): void => {
    if (text === "") return;
    writing = writing.then(() => write(new TextEncoder().encode(clean(text))));
    writing.catch(() => stop.abort()); // nobody reads any more; thrown below
  };
  try {
    const answer = await conversation.answer(user, {
      signal: AbortSignal.any([signal, stop.signal]),
      onText,
    });
    if (answer.omitted > 0) progress(`Earlier exchanges that no longer fit: ${answer.omitted}`);
    return answer;
  } finally {
    onText("\n");
    await writing;
  }
}

/** What the user types, line by line, with a mark to type behind when somebody sits there. */
async function* spoken({ stdin, write }: CommandContext): AsyncGenerator<string> {
  const mark = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  const ask = async (): Promise<void> => {
    if (mark) await write(new TextEncoder().encode("> "));
  };
  await ask();
  for await (const line of linesOf(stdin())) {
    if (line.trim() !== "") yield line.trim();
    await ask();
  }
  if (mark) await write(new TextEncoder().encode("\n"));
}

async function* linesOf(bytes: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = `${rest}${text}`.split(/\r?\n/);
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** `chat`: talk to a local model. */
export const chat: Contribution<Command> = verb("knowlyr/chat-v1", {
  path: ["chat"],
  summary: "Talk to a local model; lines of standard input are answered one by one",
  input,
  positionals: ["model"],
  examples: [{
    line: "chat models/smollm2 --temperature 0.7",
    does: "Opens a conversation in the terminal",
  }, {
    line: "chat models/nano --adapter runs/sft/final --system Be-brief --temperature 0 < questions.txt",
    does: "Answers every line of a file, all in one conversation",
  }],
  run,
});
