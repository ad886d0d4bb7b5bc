/**
 * A run of `dpo` that was killed and went on gives the bytes of one that was not.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { ExportRow } from "../../core/exporter.ts";
import { seeded } from "../../core/prng.ts";
import { hashes, inFolder, only, tinyModel } from "../../plugins/trainers/_testing_test.ts";
import type { DpoTrainerOptions } from "../../plugins/trainers/mod.ts";
import { inChild } from "./_child.ts";

const PAIRS: readonly ExportRow[] = Array.from({ length: 9 }, (_, at) => ({
  task_id: `task-${at}`,
  prompt: [{ role: "user", content: `Count to ${at}` }],
  chosen: [{ role: "assistant", content: "ab ".repeat(1 + at % 4) }],
  rejected: [{ role: "assistant", content: "cd ".repeat(1 + at % 3) }],
}));

const SHARED = {
  provider: "cpu",
  threads: 1,
  loraRank: 4,
  epochs: 2,
  saveEvery: 1,
  learningRate: 1e-2,
} as const;

const VARIANTS: readonly (readonly [string, Omit<DpoTrainerOptions, "model">])[] = [
  ["adapters", { batchSize: 2 }],
  ["all weights, packed, accumulated, with evaluations", {
    method: "full",
    batchSize: 1,
    accumulation: 2,
    packing: true,
    maxLength: 128,
    evalFraction: 0.2,
    evalEvery: 2,
  }],
  ["adapters, judged answers", { loss: "kto", batchSize: 3 }],
];

for (const [name, variant] of VARIANTS) {
  inFolder(`dpo killed three times and resumed gives the same bytes: ${name}`, async (folder) => {
    const options = { ...SHARED, ...variant, model: await tinyModel(folder) };
    const [straight, broken] = [join(folder, "straight"), join(folder, "broken")];
    const run = (into: string, killAt?: number) =>
      inChild({
        trainer: "dpo",
        options,
        given: { folder: into, rows: PAIRS, resume: true },
        ...killAt === undefined ? {} : { killAt },
      });
    const whole = await run(straight);
    assert.equal(whole.error, null, whole.stderr);
    assert.equal(only(whole.events, "end")[0]?.reason, "done");
    const prng = seeded(5);
    const begun: number[] = [];
    for (let kill = 0; kill < 3; kill++) {
      // At most three times a quarter of the operations: the run cannot end before the third kill.
      const killAt = Math.ceil((0.5 + 0.5 * prng()) * whole.operations! / 4);
      const { signal, events, stderr } = await run(broken, killAt);
      assert.equal(signal, "SIGKILL", stderr);
      begun.push(only(events, "start")[0]?.step ?? 0);
    }
    assert.ok(begun.at(-1)! > 0, `resumed at ${begun}`);
    const last = await run(broken);
    assert.equal(only(last.events, "end")[0]?.reason, "done", last.stderr);
    assert.deepEqual(await hashes(join(broken, "final")), await hashes(join(straight, "final")));
    assert.deepEqual(only(last.events, "evaluation").at(-1), only(whole.events, "evaluation").at(-1));
  });
}
