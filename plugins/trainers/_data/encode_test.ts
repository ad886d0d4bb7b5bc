import assert from "node:assert/strict";
import fc from "fast-check";
import { GymError } from "../../../core/errors.ts";
import {
  characterCodec as codec,
  characterTokenizer as tokenizer,
  conversation,
  episode,
  textOf,
  trainedText,
} from "./_testing_test.ts";
import { type EncodeOptions, encodeRow } from "./encode.ts";
import { encodeRows } from "./encode_rows.ts";
import type { ConversationRow, Row } from "./rows/row.ts";
import { ROLES, type Sequence } from "./sequence.ts";

const wide = { maxLength: 10_000 } satisfies EncodeOptions;

function only(row: Row, options: Partial<EncodeOptions> = {}): Sequence {
  const { sequences } = encodeRow(row, codec, { ...wide, ...options });
  assert.equal(sequences.length, 1);
  return sequences[0]!;
}

const calling: ConversationRow = conversation([
  { role: "user", content: "task" },
  {
    role: "assistant",
    content: "look",
    reasoning_content: "hm",
    tool_calls: [{ id: "c", type: "function", function: { name: "ls", arguments: {} } }],
  },
  { role: "tool", content: "a.ts" },
  { role: "assistant", content: "done" },
  { role: "user", content: "thanks" },
]);

Deno.test("encodeRow() trains answers and their end token, never headers or replies", () => {
  assert.equal(trainedText(only(calling)), "<think>hm</think>look<call>ls{}<|im_end|>|done<|im_end|>");
});

Deno.test("encodeRow() trains the part that trainOn names", () => {
  assert.deepEqual(
    (["last", "thought", "action"] as const).map((trainOn) => trainedText(only(calling, { trainOn }))),
    ["done<|im_end|>", "<think>hm</think>look", "<call>ls{}<|im_end|>|done<|im_end|>"],
  );
});

Deno.test("encodeRow() without masks trains everything after the first user message", () => {
  assert.equal(
    trainedText(only(calling, { maskObservations: false })),
    textOf(only(calling, { maskObservations: false })).split("task<|im_end|>\n")[1],
  );
});

Deno.test("encodeRow() drops what follows the last trained token", () => {
  assert.ok(textOf(only(calling)).endsWith("done<|im_end|>"));
});

Deno.test("encodeRow() labels tokens by role and step", () => {
  const { roles, steps } = only(calling);
  const runs = [...roles].map((role, t) => `${ROLES[role]} ${steps[t]}`)
    .filter((label, t, all) => label !== all[t - 1]);
  assert.deepEqual(runs, ["template -1", "user -1", "assistant 0", "tool 0", "assistant 1"]);
});

Deno.test("encodeRow() takes message weights as the row has them, or all alike", () => {
  const row = conversation(episode([["a", "1"], ["b", "2"], ["c", "3"]]), {
    weights: [0, 0, 0.5, 0, 0, 0, 2, 0],
    weighted: true,
  });
  const weightsOf = (options: Partial<EncodeOptions>) =>
    [...only(row, options).weights].filter((weight) => weight > 0);
  assert.deepEqual(weightsOf({}), [0.5, 0.5, 2, 2]);
  assert.deepEqual(weightsOf({ weighting: "uniform" }), [1, 1, 1, 1]);
  assert.deepEqual(weightsOf({ weighting: "rewards" }).map((weight) => +weight.toFixed(6)), [
    0.4,
    0.4,
    1.6,
    1.6,
  ]);
});

Deno.test("encodeRow() weighs steps by their rewards over all parts of a row", () => {
  const row = conversation(episode([["aaaa", "1"], ["bb", "2"], ["cc", "3"]]), { stepRewards: [1, 0, 3] });
  const whole = only(row, { weighting: "rewards" });
  assert.deepEqual(trainedText(whole), "aaaa<|im_end|>|cc<|im_end|>");
  // 5 tokens at 1 and 3 at 3: mean 14/8.
  assert.deepEqual(
    [...whole.weights].filter((weight) => weight > 0),
    [...Array(5).fill(Math.fround(8 / 14)), ...Array(3).fill(Math.fround(24 / 14))],
  );
  const cut = encodeRow(row, codec, { maxLength: 10_000, weighting: "rewards", stepsPerChunk: 1 });
  assert.deepEqual(cut.sequences.map(trainedText), ["aaaa<|im_end|>", "cc<|im_end|>"]);
  assert.equal(cut.sequences[1]!.weights.at(-1), Math.fround(24 / 14));
});

Deno.test("encodeRow() trains a text as a whole and a completion after its prompt, each with an end token", () => {
  const head = { row: 0, origin: "d:1", group: "d:1", reward: null, kind: "plain" as const };
  assert.equal(
    trainedText(only({ ...head, segments: [{ text: "once upon", train: true }] })),
    "nce upon<|im_end|>",
  );
  const continued = only({
    ...head,
    segments: [{ text: "2+2=", train: false }, { text: "4", train: true }],
  });
  assert.equal(trainedText(continued), "4<|im_end|>");
  assert.equal(textOf(continued), "2+2=4<|im_end|>");
});

Deno.test("encodeRow() cuts a long text in windows that train each token once", () => {
  const row: Row = {
    row: 0,
    origin: "d:1",
    group: "d:1",
    reward: null,
    kind: "plain",
    segments: [{ text: "abcdefghij", train: true }],
  };
  const { sequences } = encodeRow(row, codec, { maxLength: 4 });
  assert.deepEqual(sequences.map(textOf), ["abcd", "defg", "ghij", "j<|im_end|>"]);
  assert.equal(sequences.map(trainedText).join(""), "bcdefghij<|im_end|>");
  assert.throws(() => encodeRow(row, codec, { maxLength: 4, chunk: false }), {
    message: "Cannot encode d:1: wanted the row in 4 tokens (maxLength): received 11; " +
      'tooLong may be "skip" or "truncate"',
  });
});

const letters = (min: number, max: number) =>
  fc.string({ unit: fc.constantFrom("x", "y", "z", "🙂"), minLength: min, maxLength: max });

/** Answers begin with their number between colons, so that every one is found again. */
const episodes = fc.record({
  steps: fc.array(fc.tuple(letters(0, 25), letters(0, 150)), { minLength: 1, maxLength: 12 })
    .map((steps) => steps.map(([answer, reply], at): [string, string] => [`:${at}:${answer}`, reply])),
  maxLength: fc.integer({ min: 150, max: 400 }),
  overlapSteps: fc.integer({ min: 0, max: 3 }),
  omittedNote: fc.boolean(),
  maskObservations: fc.constant(true),
});

Deno.test("encodeRow() cuts at steps: each is trained once and whole, in the budget, after the prompt", () => {
  fc.assert(
    fc.property(episodes, ({ steps, ...options }) => {
      const row = conversation(episode(steps, "the task"));
      const { sequences } = encodeRow(row, codec, options);
      assert.equal(
        sequences.map(trainedText).join("|"),
        steps.map(([answer]) => `${answer}<|im_end|>`).join("|"),
      );
      for (const [chunk, part] of sequences.entries()) {
        assert.ok(part.ids.length <= options.maxLength);
        assert.ok(textOf(part).startsWith("<|im_start|>system\nsys<|im_end|>\n<|im_start|>user\nthe task"));
        assert.deepEqual([part.chunk, part.chunks], [chunk, sequences.length]);
        // No token of a reply is ever trained.
        const assistant = ROLES.indexOf("assistant");
        assert.ok(part.weights.every((weight, t) => weight === 0 || part.roles[t] === assistant));
        const shown = new Set(part.steps.filter((step) => step >= 0));
        const trained = new Set(part.steps.filter((_, t) => part.weights[t]! > 0));
        assert.ok(shown.size - trained.size <= options.overlapSteps);
      }
    }),
    { numRuns: 300 },
  );
});

const steps: [string, string][] = [["first", "r".repeat(40)], ["second", "s"], ["third", "t"]];

Deno.test("encodeRow() repeats the latest steps and says how many are omitted", () => {
  const { sequences } = encodeRow(conversation(episode(steps)), codec, { maxLength: 135 });
  assert.deepEqual(sequences.map(trainedText), ["first<|im_end|>|second<|im_end|>", "third<|im_end|>"]);
  const head = "<|im_start|>system\nsys<|im_end|>\n<|im_start|>user\ntask";
  assert.equal(
    textOf(sequences[1]!),
    `${head}\n\n[1 earlier step omitted]<|im_end|>\n<|im_start|>assistant\nsecond<|im_end|>\n` +
      "<|im_start|>user\ns<|im_end|>\n<|im_start|>assistant\nthird<|im_end|>",
  );
});

Deno.test("encodeRow() leaves out the middle of a long reply, never of an answer", () => {
  const long: [string, string][] = [["first", "r".repeat(500)], ["second", ""]];
  const { sequences, shortened } = encodeRow(conversation(episode(long)), codec, { maxLength: 150 });
  assert.equal(shortened, true);
  assert.deepEqual(sequences.map(trainedText), ["first<|im_end|>", "second<|im_end|>"]);
  const [, head, left, tail] = /user\n(r+)\n\[(\d+) tokens left out\]\n(r+)<\|im_end\|>/.exec(
    textOf(sequences[1]!),
  )!;
  assert.equal(head!.length + Number(left) + tail!.length, 500);
  assert.ok(Math.abs(head!.length - tail!.length) <= 1);
  assert.ok(sequences[1]!.ids.length > 140);
});

Deno.test("encodeRow() fails, skips or cuts when an answer does not fit with its prompt", () => {
  const row = conversation(episode([["a", "b"], ["x".repeat(200), "c"]]));
  assert.throws(() => encodeRow(row, codec, { maxLength: 150 }), {
    name: "GymError",
    code: "LIMIT_EXCEEDED",
    message:
      "Cannot encode data.jsonl:1: wanted step 2 with the prompt in 150 tokens (maxLength): received 237; " +
      'tooLong may be "skip" or "truncate"',
  });
  assert.deepEqual(encodeRow(row, codec, { maxLength: 150, tooLong: "skip" }), {
    sequences: [],
    skipped: "too long",
    shortened: false,
    uninformative: false,
  });
  const { sequences, shortened } = encodeRow(row, codec, { maxLength: 150, tooLong: "truncate" });
  assert.equal(shortened, true);
  assert.match(trainedText(sequences[1]!), /^x+$/);
  assert.equal(sequences[1]!.ids.length, 150);
});

Deno.test("encodeRow() fails when not even a cut answer fits", () => {
  const prompt = [{ role: "system" as const, content: "" }, { role: "assistant" as const, content: "a" }];
  assert.throws(() => encodeRow(conversation(prompt), codec, { maxLength: 20, tooLong: "truncate" }), {
    message:
      "Cannot encode data.jsonl:1: wanted step 1 with the prompt in 20 tokens (maxLength): received 23",
  });
});

Deno.test("encodeRow() with one step a part trains thoughts that a template drops from earlier turns", () => {
  const forgetful: typeof codec = {
    ...codec,
    encode(messages, options) {
      const last = messages.findLastIndex(({ role }) => role === "assistant");
      const shown = messages.map(({ reasoning_content, ...rest }, at) =>
        at === last && reasoning_content !== undefined ? { ...rest, reasoning_content } : rest
      );
      return codec.encode(shown, options);
    },
  };
  const row = conversation([
    { role: "user", content: "task" },
    { role: "assistant", content: "a", reasoning_content: "one" },
    { role: "user", content: "b" },
    { role: "assistant", content: "c", reasoning_content: "two" },
  ]);
  const { sequences } = encodeRow(row, forgetful, { ...wide, stepsPerChunk: 1, overlapSteps: Infinity });
  assert.deepEqual(sequences.map(trainedText), [
    "<think>one</think>a<|im_end|>",
    "<think>two</think>c<|im_end|>",
  ]);
  assert.ok(textOf(sequences[1]!).includes("assistant\na<|im_end|>"));
});

Deno.test("encodeRow() truncates a long prompt to half of the room before an answer", () => {
  const row = conversation(episode([["answer", ""]], "t".repeat(300)));
  const { sequences } = encodeRow(row, codec, { maxLength: 120, tooLong: "truncate" });
  assert.equal(trainedText(sequences[0]!), "answer<|im_end|>");
  assert.match(textOf(sequences[0]!), /user\nt+\n\[\d+ tokens left out\]\nt+<\|im_end\|>/);
});

Deno.test("encodeRow() trains only steps that the row trains, with context before", () => {
  const row = conversation(episode(steps), { weights: [0, 0, 0, 0, 0, 0, 1, 0] });
  const { sequences } = encodeRow(row, codec, { maxLength: 135 });
  assert.deepEqual(sequences.map(trainedText), ["third<|im_end|>"]);
});

async function* stream(rows: readonly Row[]): AsyncIterable<Row> {
  yield* rows;
}

const good = conversation(episode([["a", "b"]]));
const silent = conversation([{ role: "user", content: "only a question" }], { origin: "data.jsonl:2" });

Deno.test("encodeRows() reports what became of the rows", async () => {
  const punished = conversation(episode([["a", ""], ["b", ""]]), { stepRewards: [-1, -2] });
  const { sequences, report } = await encodeRows(stream([good, silent, punished]), codec, {
    ...wide,
    weighting: "rewards",
    skipEmpty: true,
  });
  assert.equal(sequences.length, 1);
  assert.deepEqual(report, {
    rows: 3,
    sequences: 1,
    tokens: sequences[0]!.ids.length,
    trainedTokens: 2,
    skipped: { "no trained token": 1, "no step has a positive reward": 1 },
    cut: 0,
    shortened: 0,
    uninformative: 1,
  });
});

Deno.test("encodeRows() refuses rows without a trained token and names the first", async () => {
  await assert.rejects(encodeRows(stream([good, silent, silent]), codec, wide), {
    name: "GymError",
    code: "INVALID_DATA",
    message:
      "Cannot train on data.jsonl:2: wanted a trained token in every row: received 2 rows without any, " +
      "this the first; skipEmpty leaves them out",
  });
  await assert.rejects(encodeRows(stream([silent]), codec, { ...wide, skipEmpty: true }), {
    message: "Cannot train on the data: wanted at least one row to train on: received 1 row, all left out",
  });
});

Deno.test("encodeRow() says which row a template refuses", () => {
  const strict = {
    ...codec,
    encode: () => {
      throw new GymError("INVALID_DATA", "Cannot render conversation: wanted a user: received none");
    },
  };
  assert.throws(() => encodeRow(good, strict, wide), {
    name: "GymError",
    code: "INVALID_DATA",
    message: "Cannot encode data.jsonl:1: Cannot render conversation: wanted a user: received none",
  });
});

Deno.test("encodeRow() refuses a maxLength in which nothing can be trained", () => {
  assert.throws(() => encodeRow(good, codec, { maxLength: 1 }), {
    name: "RangeError",
    message: "Cannot encode rows: wanted a maxLength of at least 2: received 1",
  });
});

Deno.test("characterTokenizer round-trips, so that the tests above read what was encoded", () => {
  assert.equal(tokenizer.decode(tokenizer.encode("a🙂b")), "a🙂b");
});
