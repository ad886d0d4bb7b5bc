import assert from "node:assert/strict";
import { readJudgedRow, readPreferenceRow } from "../_data/mod.ts";
import { characterCodec, textOf, trainedText } from "../_data/_testing_test.ts";
import { type ItemOptions, judgedItem, pairItem, promptLength } from "./item.ts";

const at = { file: "pairs.jsonl", line: 1, row: 0 };
const ROOMY: ItemOptions = { maxLength: 500, tooLong: "error", trainOn: "all", tools: true, ldAlpha: 1 };

function pair(chosen: unknown, rejected: unknown, options: Partial<ItemOptions> = {}, more: object = {}) {
  const row = { prompt: [{ role: "user", content: "0123456789" }], chosen, rejected, ...more };
  return pairItem(readPreferenceRow(row, at), characterCodec, { ...ROOMY, ...options });
}

const said = (content: string) => [{ role: "assistant", content }];

Deno.test("pairItem() trains both answers, in full and without what the environment said", () => {
  const { item, skipped, shortened } = pair(
    said("yes"),
    [
      ...said("wait"),
      { role: "user", content: "go on" },
      ...said("no"),
    ],
    {},
    { margin: 0.4 },
  );
  const [chosen, rejected] = item!.sides;
  assert.equal(trainedText(chosen!), "yes<|im_end|>");
  assert.equal(trainedText(rejected!), "wait<|im_end|>|no<|im_end|>");
  const prompt = promptLength(chosen!);
  assert.equal(promptLength(rejected!), prompt);
  assert.deepEqual(chosen!.ids.slice(0, prompt), rejected!.ids.slice(0, prompt));
  assert.deepEqual([item!.margin, item!.good, skipped, shortened], [0.4, null, null, false]);
});

Deno.test("pairItem() counts every trained token once, whatever its message weighs", () => {
  const weighted = [{ role: "assistant", content: "yes", weight: 3 }];
  const { item } = pair(weighted, said("no"));
  assert.deepEqual([...new Set(item!.sides[0]!.weights)], [0, 1]);
});

Deno.test("pairItem() with trainOn last trains the last message of each answer", () => {
  const { item } = pair([...said("a"), { role: "user", content: "b" }, ...said("c")], said("d"), {
    trainOn: "last",
  });
  assert.deepEqual(item!.sides.map(trainedText), ["c<|im_end|>", "d<|im_end|>"]);
});

Deno.test("pairItem() refuses a pair whose longer side does not fit, or leaves it out", () => {
  const length = pair(said("yes"), said("n"))!.item!.sides[0]!.ids.length;
  assert.throws(() => pair(said("yes"), said("n"), { maxLength: length - 1 }), {
    code: "LIMIT_EXCEEDED",
    message:
      `Cannot encode pairs.jsonl:1: wanted the prompt with each answer in ${
        length - 1
      } tokens (maxLength): ` +
      `received ${length}; tooLong may be "skip" or "truncate"`,
  });
  assert.deepEqual(pair(said("yes"), said("n"), { maxLength: length - 1, tooLong: "skip" }), {
    item: null,
    skipped: "too long",
    shortened: false,
  });
  assert.notEqual(pair(said("yes"), said("n"), { maxLength: length }).item, null);
});

Deno.test("pairItem() cuts the beginning of a long prompt, from both sides alike", () => {
  const whole = pair(said("yes"), said("n")).item!.sides;
  const { item, shortened } = pair(said("yes"), said("n"), {
    maxLength: whole[0]!.ids.length - 6,
    tooLong: "truncate",
  });
  assert.equal(shortened, true);
  for (const [at, side] of item!.sides.entries()) {
    assert.equal(textOf(side), textOf({ ids: whole[at]!.ids.slice(6) }));
    assert.equal(trainedText(side), trainedText(whole[at]!));
  }
});

Deno.test("pairItem() cuts the ends of answers when the prompt has only half of the room", () => {
  const { item } = pair(said("y".repeat(60)), said("n"), { maxLength: 40, tooLong: "truncate" });
  const [chosen, rejected] = item!.sides;
  assert.equal(chosen!.ids.length, 40);
  assert.equal(promptLength(chosen!), 20);
  assert.equal(trainedText(chosen!), "y".repeat(20));
  assert.equal(trainedText(rejected!), "n<|im_end|>");
});

Deno.test("pairItem() lets tokens beyond the shorter answer count ldAlpha", () => {
  const { item } = pair(said("yes!"), said("n"), { ldAlpha: 0.5 });
  const weights = item!.sides.map((side) => [...side.weights].filter((weight) => weight > 0));
  assert.deepEqual(weights, [[1, 1, 0.5, 0.5, 0.5], [1, 1]]);
});

Deno.test("pairItem() believes a told reference only for answers as the row has them", () => {
  const told = { ref_chosen_logps: -3, ref_rejected_logps: -4 };
  assert.deepEqual(pair(said("yes"), said("n"), {}, told).item!.reference, [-3, -4]);
  assert.equal(pair(said("yes"), said("n"), { ldAlpha: 0.5 }, told).item!.reference, null);
  assert.equal(
    pair(said("yes"), said("n"), { maxLength: 40, tooLong: "truncate" }, told).item!.reference,
    null,
  );
  assert.equal(pair(said("yes"), said("n"), {}, { ref_chosen_logps: -3 }).item!.reference, null);
});

Deno.test("pairItem() leaves a pair out that has a side without a trained token", () => {
  const untrained = [{ role: "assistant", content: "no", weight: 0 }];
  assert.deepEqual(pair(said("yes"), untrained), {
    item: null,
    skipped: "no trained token",
    shortened: false,
  });
});

Deno.test("judgedItem() reads prompt, completion and label", () => {
  const read = (label: unknown) =>
    judgedItem(readJudgedRow({ prompt: "2+2=", completion: "4", label }, at), characterCodec, ROOMY).item!;
  assert.equal(trainedText(read(true).sides[0]!), "4<|im_end|>");
  assert.deepEqual([read(true).good, read(false).good], [true, false]);
  assert.throws(() => read("good"), {
    code: "INVALID_DATA",
    message: 'Cannot read pairs.jsonl:1: label: wanted true or false: received "good"',
  });
});
