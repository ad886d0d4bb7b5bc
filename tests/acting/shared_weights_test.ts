/** Weights in memory: mapped from their file, so that a trainer and a policy hold them once. */
import assert from "node:assert/strict";
import { openModelFolder } from "../../plugins/models/folder.ts";
import { Generator } from "../../plugins/models/generation/generator.ts";
import { initModel } from "../../plugins/models/init.ts";
import { scoringGraph } from "../../plugins/models/training_graph.ts";
import { Session } from "../../plugins/onnx/session.ts";
import { int64 } from "../training/_golden.ts";

/** Bytes of this process that are its own, not those of a file. */
function ownBytes(): number {
  const text = Deno.readTextFileSync("/proc/self/smaps_rollup");
  return Number(/^Anonymous:\s+(\d+) kB/m.exec(text)![1]) * 1024;
}

Deno.test({
  name: "a trainer's session and a policy on one float32 file, not packed anew, hold its weights once",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const size = { layers: 2, hiddenSize: 1024, heads: 8, keyValueHeads: 8, intermediateSize: 4096 };
      await initModel(folder, { seed: 1n, size, contextLength: 256 });
      const { size: bytes } = await Deno.stat(`${folder}/model.safetensors`);
      assert.ok(bytes > 100e6);
      const { config, weights } = await openModelFolder(folder);
      const model = { config, weights, buckets: [], lora: null };
      const start = ownBytes();
      await using scoring = await Session.create(scoringGraph(model, { maxPositions: 64 }), {
        prepack: false,
      });
      await scoring.run({
        ids: int64([1, 2, 3], [1, 3]),
        positions: int64([0, 1, 2], [1, 3]),
        rows: int64([1], [1]),
        targets: int64([3], [1]),
      });
      await using generator = await Generator.create(model, {}, { prepack: false, maxLength: 64 });
      await generator.generate({ promptIds: Int32Array.of(1, 2, 3), maxNewTokens: 3, seed: 1 });
      const grown = ownBytes() - start;
      assert.ok(
        grown < bytes / 2,
        `${Math.round(grown / 1e6)} MB beside ${Math.round(bytes / 1e6)} MB mapped`,
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
