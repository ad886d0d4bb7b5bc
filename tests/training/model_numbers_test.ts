/**
 * Logits, losses, gradients and training curves against PyTorch, transformers and PEFT (tests/golden/README.md).
 */
import assert from "node:assert/strict";
import { learningRate } from "../../plugins/onnx/schedule.ts";
import { floats, Session } from "../../plugins/onnx/session.ts";
import { openModelFolder } from "../../plugins/models/folder.ts";
import { logitsGraph, type TrainedModel, trainingGraph } from "../../plugins/models/training_graph.ts";
import { Learner } from "../../plugins/trainers/_learner.ts";
import { close, distance, feedsOf, golden, int64, modelPath, MODELS, type PaddedBatch } from "./_golden.ts";
import {
  byName,
  fullModel,
  type Lora,
  loraModel,
  type LoraVariant,
  lossAndGradients,
  type LossGrads,
  MAX_POSITIONS,
} from "./_models.ts";

interface Forward extends PaddedBatch {
  logits: { row: number; pos: number; f64: number[] }[];
}

for (const name of MODELS) {
  Deno.test(`logits of ${name} equal those of transformers`, async () => {
    const { config, weights } = await openModelFolder(modelPath(name));
    const numbers = await golden<Forward>(`${name}-forward`);
    const graph = logitsGraph({ config, weights, buckets: [], lora: null }, { maxPositions: MAX_POSITIONS });
    await using session = await Session.create(graph);
    const T = numbers.input_ids[0]!.length;
    const { ids, positions } = feedsOf(numbers);
    const rows = int64(numbers.logits.map(({ row, pos }) => row * T + pos), [numbers.logits.length]);
    const logits = floats((await session.run({ ids, positions, rows }))["logits"]);
    for (const [at, { f64, row, pos }] of numbers.logits.entries()) {
      const own = logits.subarray(at * config.vocabularySize, (at + 1) * config.vocabularySize);
      assert.ok(distance(own, f64) < 1e-5, `row ${row}, position ${pos}: ${distance(own, f64)}`);
    }
  });

  Deno.test(`loss and every gradient of ${name} equal those of PyTorch`, async () => {
    const numbers = await golden<LossGrads>(`${name}-loss-grads`);
    const { model, values } = await fullModel(name);
    const { loss, logProbabilities, gradients } = await lossAndGradients(model, values, numbers);
    close(loss, numbers.loss_f64, 1e-5, 0, "loss");
    const expected = numbers.labels.flatMap((row, b) =>
      row.slice(1).flatMap((label, t) => label === -100 ? [] : [numbers.token_logp[b]![t]!])
    );
    assert.ok(distance(logProbabilities, expected) < 1e-5);
    for (const [tensor, { l2_f64 }] of Object.entries(numbers.grad_stats)) {
      close(norm(gradients.get(tensor)!), l2_f64, 1e-4, 0, `norm of ${tensor}`);
    }
    for (const [tensor, values] of Object.entries(numbers.grads)) {
      const apart = distance(gradients.get(tensor)!, (values as number[][]).flat());
      assert.ok(apart < 1e-4, `${tensor}: ${apart}`);
    }
  });

  Deno.test(`loss and adapter gradients of ${name} equal those of PEFT`, async () => {
    const numbers = await golden<Lora>(`${name}-lora`);
    const { model, values } = await loraModel(name, numbers.init);
    const { loss, gradients } = await lossAndGradients(model, values, numbers);
    close(loss, numbers.loss_f64, 1e-5, 0, "loss");
    for (const [tensor, values] of Object.entries(numbers.grads)) {
      const apart = distance(gradients.get(`${tensor}.weight`)!, values.flat());
      assert.ok(apart < 1e-4, `${tensor}: ${apart}`);
    }
  });

  Deno.test(`variants of adapters on ${name} give the losses of PEFT`, async () => {
    const numbers = await golden<Lora>(`${name}-lora`);
    const variants: [string, LoraVariant, number][] = [
      ["B zero", { zeroB: true }, numbers.zero_B.loss],
      ["rsLoRA", { rsLora: true }, numbers.rslora.loss],
      ["q and v only", { targets: ["q_proj", "v_proj"] }, numbers.q_v_only.loss],
    ];
    for (const [what, variant, expected] of variants) {
      const { model, values } = await loraModel(name, numbers.init, variant);
      const { loss, gradients } = await lossAndGradients(model, values, numbers);
      close(loss, expected, 1e-5, 0, what);
      if (what !== "q and v only") continue;
      for (const [tensor, l2] of Object.entries(numbers.q_v_only.grad_l2)) {
        close(norm(gradients.get(`${tensor}.weight`)!), l2, 1e-4, 0, tensor);
      }
    }
  });

  Deno.test(`sequences of ${name} packed into one row give the loss and gradients of padded ones`, async () => {
    const numbers = await golden<LossGrads>(`${name}-loss-grads`);
    const { model, values } = await fullModel(name);
    const padded = await lossAndGradients(model, values, numbers);
    const packed = await packedRun(model, values, numbers);
    close(packed.loss, numbers.loss_f64, 1e-5, 0, "loss");
    for (const [tensor, gradient] of padded.gradients) {
      const apart = distance(packed.gradients.get(tensor)!, gradient);
      assert.ok(apart < 1e-4, `${tensor}: ${apart}`);
    }
  });

  Deno.test(`recomputed layers and a head in chunks give the loss and gradients of ${name}`, async () => {
    const numbers = await golden<LossGrads>(`${name}-loss-grads`);
    const { init } = await golden<Lora>(`${name}-lora`);
    for (const { model, values } of [await fullModel(name), await loraModel(name, init)]) {
      const plain = await lossAndGradients(model, values, numbers);
      const saving = await lossAndGradients(model, values, numbers, { recompute: true, headChunk: 10 });
      close(saving.loss, plain.loss, 1e-6, 0, "loss");
      for (const [tensor, gradient] of plain.gradients) {
        const apart = distance(saving.gradients.get(tensor)!, gradient);
        assert.ok(apart < 1e-5, `${tensor}: ${apart}`);
      }
    }
  });

  Deno.test(`twenty steps of AdamW on ${name} follow PyTorch`, async () => {
    const full = await golden<Curves>(`${name}-train-full`);
    const adapters = await golden<Curves>(`${name}-train-lora`);
    const { init } = await golden<Lora>(`${name}-lora`);
    const runs = [
      ["full, decay on all", await fullModel(name, true), full, full["decay_all"]],
      ["full", await fullModel(name), full, full["no_decay_on_norm_and_bias"]],
      ["adapters", await loraModel(name, init), adapters, adapters["start_given_A_B"]],
      [
        "adapters from zero",
        await loraModel(name, init, { zeroB: true }),
        adapters,
        adapters["start_given_A_zero_B"],
      ],
    ] as const;
    for (const [what, { model, values }, { peak_lr }, curve] of runs) {
      await followCurve(what, model, values, full.batches, peak_lr, curve!);
    }
  });
}

interface Curve {
  lr: number[];
  f64: { loss: number[]; grad_norm: number[]; final_loss_on_batch0: number };
  final_params?: Record<string, { l2: number }>;
}

interface Curves {
  peak_lr: number;
  batches: PaddedBatch[];
  decay_all?: Curve;
  no_decay_on_norm_and_bias?: Curve;
  start_given_A_B?: Curve;
  start_given_A_zero_B?: Curve;
}

async function followCurve(
  what: string,
  model: TrainedModel,
  values: Float32Array[],
  batches: PaddedBatch[],
  peak: number,
  curve: Curve,
): Promise<void> {
  await using session = await Session.create(trainingGraph(model, { maxPositions: MAX_POSITIONS }));
  const learner = new Learner(model.buckets, values);
  for (const [step, batch] of batches.entries()) {
    const { loss } = await learner.accumulate(session, feedsOf(batch));
    close(floats(loss)[0]!, curve.f64.loss[step]!, 1e-5, 0, `${what}: loss ${step}`);
    const rate = learningRate({ kind: "cosine", peak, warmupSteps: 4, steps: 20 }, step);
    close(rate, curve.lr[step]!, 1e-9, 1e-15, `${what}: learning rate ${step}`);
    const { gradientNorm } = learner.update({ learningRate: rate, weightDecay: 0.01, maxGradientNorm: 1 });
    close(gradientNorm, curve.f64.grad_norm[step]!, 1e-4, 0, `${what}: gradient norm ${step}`);
  }
  const { loss } = await learner.accumulate(session, feedsOf(batches[0]!));
  close(floats(loss)[0]!, curve.f64.final_loss_on_batch0, 1e-5, 0, `${what}: loss after the last step`);
  const final = byName(model.buckets, learner.states.map((state) => state.parameters as Float32Array));
  // Wider than the losses: a bias of keys moves all scores of a row alike, so its gradient is rounding alone.
  for (const [tensor, { l2 }] of Object.entries(curve.final_params ?? {})) {
    close(norm(final.get(tensor) ?? final.get(`${tensor}.weight`)!), l2, 1e-4, 0, `${what}: ${tensor}`);
  }
}

function norm(vector: Float32Array): number {
  return Math.hypot(...vector);
}

/** All rows without their padding, one after another in a single row. */
async function packedRun(model: TrainedModel, values: Float32Array[], batch: LossGrads) {
  const lengths = batch.attention_mask.map((row) => row.reduce((sum, real) => sum + real, 0));
  const parts = lengths.map((length, b) => ({
    ids: batch.input_ids[b]!.slice(0, length),
    labels: batch.labels[b]!.slice(0, length),
  }));
  const feeds = feedsOf({
    input_ids: [parts.flatMap(({ ids }) => ids)],
    labels: [parts.flatMap(({ labels }) => [-100, ...labels.slice(1)])],
  });
  const shape = feeds.ids.shape;
  await using session = await Session.create(
    trainingGraph(model, { maxPositions: MAX_POSITIONS, packed: true }),
  );
  const learner = new Learner(model.buckets, values);
  const outputs = await learner.accumulate(session, {
    ...feeds,
    positions: int64(lengths.flatMap((length) => Array.from({ length }, (_, t) => t)), shape),
    segments: int64(lengths.flatMap((length, b) => Array<number>(length).fill(b + 1)), shape),
  });
  return { loss: floats(outputs["loss"])[0]!, gradients: byName(model.buckets, learner.gradients!) };
}
