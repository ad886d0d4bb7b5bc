/**
 * From episodes to a trained preference: what the exporter writes is what the trainer reads.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { ExportRow } from "../../core/exporter.ts";
import { sampleTrajectories } from "../../core/testing/mod.ts";
import { loadChatCodec } from "../../plugins/chat/codec.ts";
import { collect } from "../../plugins/exporters/_collect.ts";
import { pairItem } from "../../plugins/trainers/_preference/item.ts";
import { readPreferenceRow } from "../../plugins/trainers/_data/mod.ts";
import { inFolder, only, streamWith, tinyModel } from "../../plugins/trainers/_testing_test.ts";
import { dpoTrainer } from "../../plugins/trainers/mod.ts";

function exportedPairs(): Promise<readonly ExportRow[]> {
  // Two episodes of each task; of one task the better one failed, which makes no pair.
  const episodes = sampleTrajectories().map((trajectory, at) => ({
    ...trajectory,
    task: { ...trajectory.task, id: `task-${at >> 1}` },
    reward: at % 2,
  }));
  return collect("knowlyr/dpo", episodes).then(({ rows }) => rows);
}

inFolder("pairs that the exporter writes are trained on actions alone", async (folder) => {
  const rows = await exportedPairs();
  assert.equal(rows.length, 1);
  const model = await tinyModel(folder);
  const codec = await loadChatCodec(model);
  const options = { maxLength: 4096, tooLong: "error", trainOn: "all", tools: true, ldAlpha: 1 } as const;
  for (const [row, value] of rows.entries()) {
    const position = { file: "pairs.jsonl", line: row + 1, row };
    const { item } = pairItem(readPreferenceRow(value, position), codec, options);
    for (const [at, side] of item!.sides.entries()) {
      const answers = value[at === 0 ? "chosen" : "rejected"] as { role: string; content: string }[];
      const trained = codec.tokenizer.decode(side.ids.filter((_, t) => side.weights[t]! > 0));
      const ends = trained.split("<|im_end|>").length - 1;
      assert.equal(ends, answers.filter(({ role }) => role === "assistant").length);
      for (const { role, content } of answers) {
        if (role === "tool") assert.ok(!trained.includes(content), trained);
      }
    }
  }
  const settings = {
    model,
    provider: "cpu",
    threads: 1,
    epochs: 20,
    learningRate: 1e-2,
    batchSize: 1,
  } as const;
  const stream = streamWith(dpoTrainer, settings, { folder: join(folder, "run"), rows, evaluation: rows });
  const told = only(await Array.fromAsync(stream), "evaluation");
  assert.equal(told.at(-1)!.metrics["rewardAccuracy"], 1);
});
