import assert from "node:assert/strict";
import { join } from "node:path";
import type { ExportRow } from "../../core/exporter.ts";
import { hashes, inFolder, only, series, streamWith, tinyModel } from "./_testing_test.ts";
import type { Given } from "./_testing_test.ts";
import { dpoTrainer, type DpoTrainerOptions } from "./mod.ts";

const FAST = { provider: "cpu", threads: 1, loraRank: 4, maxLength: 128, learningRate: 1e-2 } as const;

function train(options: DpoTrainerOptions, given: Given) {
  return Array.fromAsync(streamWith(dpoTrainer, { ...FAST, ...options }, given));
}

/** Pairs with answers of different lengths, some with a turn of the environment. */
function pairs(count: number): ExportRow[] {
  return Array.from({ length: count }, (_, at) => ({
    task_id: `task-${at}`,
    prompt: [{ role: "user", content: `Count to ${at}` }],
    chosen: [{ role: "assistant", content: "ab ".repeat(1 + at % 4) }],
    rejected: at % 2 === 0 ? [{ role: "assistant", content: "cd ".repeat(1 + at % 3) }] : [
      { role: "assistant", content: "wait" },
      { role: "user", content: "More" },
      { role: "assistant", content: "cd" },
    ],
    margin: 0.5 + at % 3,
  }));
}

inFolder("dpo makes chosen answers likelier than rejected ones, with every loss", async (folder) => {
  const model = await tinyModel(folder);
  const losses = [
    "sigmoid",
    "robust",
    "ipo",
    "hinge",
    "sigmoid_norm",
    "simpo",
    "orpo",
    "apo_zero",
    "apo_down",
  ] as const;
  for (const loss of [...losses, "sppo_hard", "kto"] as const) {
    const events = await train({ model, loss, epochs: 12 }, {
      folder: join(folder, loss),
      rows: pairs(4),
      evaluation: pairs(4),
    });
    const margins = only(events, "evaluation").map(({ metrics }) => metrics["rewardMargin"]!);
    assert.ok(margins.at(-1)! > margins[0]! + 0.005, `${loss}: ${margins}`);
    const losses = only(events, "evaluation").map(({ metrics }) => metrics["loss"]!);
    assert.ok(losses.at(-1)! < losses[0]!, `${loss}: ${losses}`);
    assert.equal(only(events, "end")[0]!.reason, "done");
  }
});
