import assert from "node:assert/strict";
import { batchOf } from "./_data/mod.ts";
import { sequence } from "./_data/_testing_test.ts";
import { floats } from "../onnx/session.ts";
import { evaluateSequences } from "./_evaluation.ts";
import { scoringFeeds, trainingFeeds } from "./_feeds.ts";
import { trainingGraph } from "../models/training_graph.ts";
import { Trainee } from "./_trainee.ts";
import { inFolder, tinyModel } from "./_testing_test.ts";

const MAX = 64;
/** Five sequences of different lengths; weights from 0.5 to 2.5. */
const SEQUENCES = [20, 3, 11, 40, 7].map((length, at) => {
  const made = sequence(length, { trained: 1 + at, first: 10 * at });
  return { ...made, weights: made.weights.map((weight) => weight * (0.5 + at / 2)) };
});

async function trainee(folder: string): Promise<Trainee> {
  return await Trainee.create({
    model: await tinyModel(folder),
    method: "full",
    loraRank: 1,
    loraAlpha: 1,
    loraRs: false,
    loraTargets: ["q_proj"],
    seed: 1,
    provider: "cpu",
    prepack: true,
    threads: 1,
  }, () => {});
}

inFolder(
  "evaluateSequences() finds the same whatever the batch size and the padding token",
  async (folder) => {
    await using model = await trainee(folder);
    const session = await model.scoring({ maxPositions: MAX });
    const evaluate = (batchSize: number, padId: number) =>
      evaluateSequences(session, () => model.learner.feeds(), SEQUENCES, {
        batchSize,
        maxLength: MAX,
        padId,
      });
    const wanted = await evaluate(1, 0);
    assert.equal(wanted.tokens, 1 + 2 + 3 + 4 + 5);
    for (const [batchSize, padId] of [[2, 0], [5, 0], [5, 200]] as const) {
      const found = await evaluate(batchSize, padId);
      assert.equal(found.tokens, wanted.tokens);
      assert.equal(found.tokenAccuracy, wanted.tokenAccuracy);
      assert.ok(Math.abs(found.loss - wanted.loss) < 1e-6, `${found.loss} is not ${wanted.loss}`);
      assert.ok(Math.abs(found.perplexity / wanted.perplexity - 1) < 1e-6);
    }
  },
);

inFolder(
  "evaluateSequences() weights the loss, counts every token alike in perplexity and accuracy",
  async (folder) => {
    await using model = await trainee(folder);
    const session = await model.scoring({ maxPositions: MAX });
    const batch = batchOf(SEQUENCES, { rows: SEQUENCES.map((_, at) => [at]), length: MAX }, { padId: 0 });
    const outputs = await session.run({ ...model.learner.feeds(), ...scoringFeeds(batch, false) });
    const surprise = [...floats(outputs["log_probabilities"])].map((x) => -x);
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    const loss = sum(surprise.map((x, at) => x * batch.weights[at]!)) / sum([...batch.weights]);
    const best = (outputs["best"] as { data: BigInt64Array }).data;
    // The target that is the best token of its place is right, whatever a random model thinks of.
    const second = SEQUENCES.map((each, at) =>
      at === 1 ? { ...each, ids: each.ids.with(2, Number(best[2])) } : each
    );
    const options = { batchSize: 2, maxLength: MAX, padId: 0 };
    const found = await evaluateSequences(session, () => model.learner.feeds(), SEQUENCES, options);
    assert.ok(Math.abs(found.loss - loss) < 1e-6, `${found.loss} is not ${loss}`);
    assert.ok(Math.abs(found.perplexity / Math.exp(sum(surprise) / surprise.length) - 1) < 1e-6);
    const right = await evaluateSequences(session, () => model.learner.feeds(), second, options);
    assert.equal(right.tokenAccuracy * 15, found.tokenAccuracy * 15 + 1);
  },
);

inFolder("evaluateSequences() stops when it is told to", async (folder) => {
  await using model = await trainee(folder);
  const session = await model.scoring({ maxPositions: MAX });
  const signal = AbortSignal.abort(new Error("enough"));
  const options = { batchSize: 2, maxLength: MAX, padId: 0, signal };
  await assert.rejects(evaluateSequences(session, () => model.learner.feeds(), SEQUENCES, options), {
    message: "enough",
  });
});

inFolder("loss and gradients do not depend on padding", async (folder) => {
  await using model = await trainee(folder);
  for (const packed of [false, true]) {
    const session = await model.session(
      `${packed}`,
      () => trainingGraph(model.model, { maxPositions: MAX, packed }),
    );
    const run = async (length: number, padId: number) => {
      const rows = packed ? [[0, 1], [2, 4], [3]] : SEQUENCES.map((_, at) => [at]);
      const feeds = trainingFeeds(batchOf(SEQUENCES, { rows, length }, { padId }), {
        packed,
        totalWeight: 22.5,
      });
      const { loss } = await model.learner.accumulate(session, feeds);
      const gradients = model.learner.gradients!.map((gradient) => [...gradient]).flat();
      model.learner.discard();
      return { loss: floats(loss)[0]!, gradients };
    };
    const wanted = await run(40, 0);
    assert.ok(wanted.loss > 4, `${wanted.loss}`);
    for (const [length, padId] of [[48, 0], [64, 259]] as const) {
      const found = await run(length, padId);
      assert.ok(
        Math.abs(found.loss - wanted.loss) < 1e-6 * wanted.loss,
        `${found.loss} is not ${wanted.loss}`,
      );
      const apart = Math.max(...found.gradients.map((x, at) => Math.abs(x - wanted.gradients[at]!)));
      assert.ok(apart < 1e-6, `${length}: ${apart}`);
    }
  }
});
