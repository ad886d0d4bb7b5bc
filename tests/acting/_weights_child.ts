/**
 * Prints how many bytes of its own this process needs for a trainer's session and a policy on one model. Run by
 * shared_weights_test.ts: other tests in the same process would be counted as well.
 *
 *     deno run -A tests/acting/_weights_child.ts MODEL_FOLDER
 */
import { openModelFolder } from "../../plugins/models/folder.ts";
import { Generator } from "../../plugins/models/generation/generator.ts";
import { scoringGraph } from "../../plugins/models/training_graph.ts";
import { Session } from "../../plugins/onnx/session.ts";
import { int64 } from "../training/_golden.ts";

/** Bytes of this process that are its own, not those of a file. */
function ownBytes(): number {
  const text = Deno.readTextFileSync("/proc/self/smaps_rollup");
  return Number(/^Anonymous:\s+(\d+) kB/m.exec(text)![1]) * 1024;
}

const { config, weights } = await openModelFolder(Deno.args[0]!);
const model = { config, weights, buckets: [], lora: null };
const start = ownBytes();
await using scoring = await Session.create(scoringGraph(model, { maxPositions: 64 }), { prepack: false });
await scoring.run({
  ids: int64([1, 2, 3], [1, 3]),
  positions: int64([0, 1, 2], [1, 3]),
  rows: int64([1], [1]),
  targets: int64([3], [1]),
});
await using generator = await Generator.create(model, {}, { prepack: false, maxLength: 64 });
await generator.generate({ promptIds: Int32Array.of(1, 2, 3), maxNewTokens: 3, seed: 1 });
console.log(ownBytes() - start);
