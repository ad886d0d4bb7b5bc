import assert from "node:assert/strict";
import type { ExportRow } from "../../../core/exporter.ts";
import { characterCodec, textOf, trainedText } from "../_data/_testing_test.ts";
import { loadPreferences, type PreferenceDataOptions } from "./dataset.ts";

const PLAIN: PreferenceDataOptions = {
  loss: "sigmoid",
  maxLength: 200,
  tooLong: "error",
  trainOn: "all",
  tools: true,
  ldAlpha: 1,
  skipEmpty: false,
  evalFraction: 0,
  seed: 1,
  marginWeighting: false,
  desirableWeight: 1,
  undesirableWeight: 1,
};

async function* each(rows: readonly ExportRow[]): AsyncGenerator<ExportRow> {
  yield* rows;
}

function load(
  rows: readonly ExportRow[],
  options: Partial<PreferenceDataOptions> = {},
  evaluation?: readonly ExportRow[],
) {
  const job = {
    folder: "",
    source: "pairs.jsonl",
    rows: () => each(rows),
    ...evaluation && { evaluation: () => each(evaluation) },
  };
  return loadPreferences(job, characterCodec, { ...PLAIN, ...options });
}

const pair = (at: number, more: object = {}): ExportRow => ({
  task_id: `task-${at}`,
  prompt: `${at}?`,
  chosen: ` yes ${at}`,
  rejected: ` no ${at}`,
  ...more,
});

Deno.test("loadPreferences() lays answers out by item and side, and tells what it read", async () => {
  const { training, evaluation, rows, text } = await load([pair(0), pair(1)], {}, [pair(2)]);
  assert.deepEqual(training.sequences.map(trainedText), [
    " yes 0<|im_end|>",
    " no 0<|im_end|>",
    " yes 1<|im_end|>",
    " no 1<|im_end|>",
  ]);
  assert.deepEqual([training.weights, evaluation.items.length, rows], [[1, 1], 1, 2]);
  assert.equal(text, "2 rows, 2 pairs; 1 pair to evaluate on");
});

Deno.test("loadPreferences() weighs pairs by margins, 1 on average", async () => {
  const { training } = await load([pair(0, { margin: 0.5 }), pair(1, { reward_margin: 1.5 })], {
    marginWeighting: true,
  });
  assert.deepEqual(training.weights, [0.5, 1.5]);
  for (const [row, received] of [[pair(0), "none"], [pair(0, { margin: -1 }), "-1"]] as const) {
    await assert.rejects(() => load([row], { marginWeighting: true }), {
      code: "INVALID_DATA",
      message:
        `Cannot weigh pairs.jsonl:1 by its margin: wanted a margin of at least 0: received ${received}`,
    });
  }
});

Deno.test("loadPreferences() holds whole tasks out", async () => {
  const all = Array.from({ length: 20 }, (_, at) => pair(at >> 1));
  const { training, evaluation } = await load(all, { evalFraction: 0.3 });
  assert.equal(training.items.length + evaluation.items.length, 20);
  const groups = new Set(evaluation.items.map(({ group }) => group));
  assert.ok(groups.size > 0 && training.items.every(({ group }) => !groups.has(group)));
});

Deno.test("loadPreferences() leaves out or refuses rows, and refuses when none is left", async () => {
  const empty = {
    prompt: [{ role: "user", content: "?" }],
    rejected: [{ role: "assistant", content: "no" }],
  };
  const row = { ...empty, chosen: [{ role: "assistant", content: "yes", weight: 0 }] };
  await assert.rejects(() => load([pair(0), row]), {
    code: "INVALID_DATA",
    message:
      "Cannot train on pairs.jsonl:2: wanted a trained token in every answer: received an answer without any; " +
      "skipEmpty leaves such rows out",
  });
  assert.equal(
    (await load([pair(0), row], { skipEmpty: true })).text,
    "2 rows, 1 pair; 1 left out: no trained token",
  );
  const long = pair(1, { chosen: "y".repeat(300) });
  assert.equal(
    (await load([pair(0), long], { tooLong: "skip" })).text,
    "2 rows, 1 pair; 1 left out: too long",
  );
  await assert.rejects(() => load([long], { tooLong: "skip" }), {
    code: "INVALID_DATA",
    message: "Cannot train on pairs.jsonl: wanted at least one row to train on: received 1, all left out",
  });
});

Deno.test("loadPreferences() takes judged answers and pairs for kto, each with the answer to another prompt", async () => {
  const judged = { prompt: "2?", completion: " maybe", label: false };
  const { training } = await load([pair(0), judged], {
    loss: "kto",
    desirableWeight: 2,
    undesirableWeight: 0.5,
  });
  assert.deepEqual(training.items.map(({ good }) => good), [true, false, false]);
  assert.deepEqual(training.weights, [2, 0.5, 0.5]);
  assert.deepEqual(training.sequences.map(textOf), [
    "0? yes 0<|im_end|>",
    "0? no 0<|im_end|>",
    "2? maybe<|im_end|>",
    "0? maybe<|im_end|>",
    "0? maybe<|im_end|>",
    "2? yes 0<|im_end|>",
  ]);
  assert.deepEqual(training.sequences.slice(3).map(trainedText), [
    " maybe<|im_end|>",
    " maybe<|im_end|>",
    " yes 0<|im_end|>",
  ]);
});
