/** Dropout on what adapters read: its gradient, its rate, and that evaluation knows nothing of it. */
import assert from "node:assert/strict";
import { seeded } from "../../core/prng.ts";
import { floats, Session } from "../../plugins/onnx/session.ts";
import { trainingGraph } from "../../plugins/models/training_graph.ts";
import { dropoutFeeds } from "../../plugins/trainers/_feeds.ts";
import { Learner } from "../../plugins/trainers/_learner.ts";
import { feedsOf, golden, type PaddedBatch } from "./_golden.ts";
import { loraModel } from "./_models.ts";

interface Lora extends PaddedBatch {
  init: Record<string, number[][]>;
}

Deno.test("gradients under dropout equal central differences for the same keys, recomputed layers too", async () => {
  const numbers = await golden<Lora>("tiny-llama-lora");
  const { model, values } = await loraModel("tiny-llama", numbers.init);
  const feeds = feedsOf(numbers);
  const [batch, length] = feeds.ids.shape as [number, number];
  const keys = dropoutFeeds({ batch, length } as Parameters<typeof dropoutFeeds>[0], seeded(3));
  for (const recompute of [false, true]) {
    const graph = trainingGraph(model, { maxPositions: 128, loraDropout: 0.3, recompute });
    await using session = await Session.create(graph);
    const learner = new Learner(model.buckets, values.map((vector) => vector.slice()));
    const lossOf = async () =>
      floats((await session.run({ ...learner.feeds(), ...feeds, ...keys }))["loss"])[0]!;
    await learner.accumulate(session, { ...feeds, ...keys });
    const gradient = learner.gradients![0]!;
    const parameters = learner.states[0]!.parameters;
    // One direction over all parameters: float32 losses cannot tell a single one apart.
    const prng = seeded(7);
    const direction = parameters.map((_: number) => prng() < 0.5 ? -1 : 1) as Float32Array;
    const along = direction.reduce((sum: number, sign: number, i: number) => sum + sign * gradient[i]!, 0);
    const step = 1e-3;
    const moved = async (by: number) => {
      for (let i = 0; i < parameters.length; i++) parameters[i]! += by * direction[i]!;
      const loss = await lossOf();
      for (let i = 0; i < parameters.length; i++) parameters[i]! -= by * direction[i]!;
      return loss;
    };
    const difference = (await moved(step) - await moved(-step)) / (2 * step);
    assert.ok(
      Math.abs(difference - along) <= 0.02 * Math.abs(along) + 0.02,
      `${difference}, wanted ${along}`,
    );
  }
});

Deno.test("the share that is left out is the rate, and other keys leave out other elements", () => {
  const prng = seeded(5);
  const columns = Float32Array.from({ length: 576 }, () => prng());
  const mask = (seed: number) => {
    const { dropout } = dropoutFeeds(
      { batch: 4, length: 64 } as Parameters<typeof dropoutFeeds>[0],
      seeded(seed),
    );
    return [...dropout.data as Float32Array].flatMap((key) =>
      [...columns].map((column) => {
        const turns = Math.fround(key * column);
        return turns - Math.floor(turns) < 0.1;
      })
    );
  };
  const [one, other] = [mask(1), mask(2)];
  const rate = one.filter(Boolean).length / one.length;
  // 147,456 elements: three deviations of a fair draw are 0.0024.
  assert.ok(Math.abs(rate - 0.1) < 0.005, `${rate}`);
  const both = one.filter((left, at) => left && other[at]).length / one.length;
  assert.ok(Math.abs(both - 0.01) < 0.003, `${both}`);
});
