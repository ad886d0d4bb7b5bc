/**
 * Preference losses through whole models against TRL and PEFT (tests/golden/README.md).
 */
import assert from "node:assert/strict";
import { type Feed, floats, Session } from "../../plugins/onnx/session.ts";
import { scoringGraph } from "../../plugins/models/training_graph.ts";
import { inChunks } from "../../plugins/trainers/_feeds.ts";
import { Learner } from "../../plugins/trainers/_learner.ts";
import { preferenceGraph } from "../../plugins/trainers/_preference/graph.ts";
import type { Objective } from "../../plugins/trainers/_preference/objective.ts";
import { close, feedsOf, golden, MODELS } from "./_golden.ts";
import { byName, type Lora, loraModel, MAX_POSITIONS } from "./_models.ts";

interface Case {
  readonly loss_type: readonly string[];
  readonly beta: number;
  readonly label_smoothing?: number;
  readonly ld_alpha?: number;
  readonly loss: number;
  readonly lora_grad_l2_total: number;
  readonly lora_grad_l2?: Readonly<Record<string, number>>;
}

interface Preferences {
  readonly input_ids: number[][];
  readonly completion_mask: number[][];
  readonly policy_logps_f64: number[];
  readonly ref_logps_f64: number[];
  readonly cases: readonly Case[];
}

/** Names of TRL's losses that are ours. */
const NAMES: Readonly<Record<string, Objective["loss"]>> = {
  sigmoid: "sigmoid",
  sigmoid_cdpo: "sigmoid",
  robust: "robust",
  ipo: "ipo",
  hinge: "hinge",
  sigmoid_norm: "sigmoid_norm",
  apo_zero: "apo_zero",
  apo_down: "apo_down",
  sppo_hard: "sppo_hard",
};

/** Feeds of a padded batch of answers. @param tail What tokens beyond the shorter answer of a pair weigh. */
function answerFeeds({ input_ids, completion_mask: mask }: Preferences, tail: number) {
  const pairs = input_ids.length / 2;
  const labels = input_ids.map((row, b) => row.map((id, t) => mask[b]![t] === 1 ? id : -100));
  const lengths = mask.map((row) => row.reduce((all, one) => all + one, 0));
  const [owners, tokenWeights]: [number[], number[]] = [[], []];
  for (const [b, length] of lengths.entries()) {
    const shorter = Math.min(length, lengths[(b + pairs) % (2 * pairs)]!);
    for (let t = 0; t < length; t++) {
      owners.push(b);
      tokenWeights.push(t < shorter ? 1 : tail);
    }
  }
  const { ids, positions, rows, targets } = feedsOf({ input_ids, labels });
  return {
    ids,
    positions,
    rows,
    targets,
    owners: { data: BigInt64Array.from(owners, BigInt), shape: [owners.length] },
    token_weights: { data: Float32Array.from(tokenWeights), shape: [owners.length] },
    lengths: { data: Float32Array.from(lengths), shape: [2, pairs] },
    item_weights: { data: new Float32Array(pairs).fill(1 / pairs), shape: [pairs] },
  };
}

/** Inputs that are [N]. */
const BY_TARGET = ["rows", "targets", "owners", "token_weights"] as const;

function only(graph: { readonly inputs: readonly { readonly name: string }[] }, feeds: Record<string, Feed>) {
  return Object.fromEntries(
    graph.inputs.flatMap(({ name }) => name in feeds ? [[name, feeds[name]!]] : []),
  );
}

/** Σ weight · log p of each answer under the base model. */
async function referenceOf(name: string, feeds: ReturnType<typeof answerFeeds>): Promise<number[]> {
  const { model } = await loraModel(name, (await golden<Lora>(`${name}-lora`)).init);
  const graph = scoringGraph({ ...model, buckets: [], lora: null }, { maxPositions: MAX_POSITIONS });
  await using session = await Session.create(graph);
  const found = floats((await session.run(only(graph, feeds)))["log_probabilities"]);
  const sums = new Array(feeds.lengths.data.length).fill(0);
  for (const [n, owner] of feeds.owners.data.entries()) {
    sums[Number(owner)] += found[n]! * feeds.token_weights.data[n]!;
  }
  return sums;
}

for (const name of MODELS) {
  Deno.test(`preference losses and adapter gradients of ${name} equal those of TRL`, async () => {
    const numbers = await golden<Preferences>(`${name}-dpo`);
    const { init } = await golden<Lora>(`${name}-lora`);
    let compared = 0;
    for (const given of numbers.cases) {
      const loss = NAMES[given.loss_type[0]!];
      if (loss === undefined || given.loss_type.length > 1) continue;
      const what = `${given.loss_type[0]} with beta ${given.beta}`;
      const objective = {
        loss,
        beta: given.beta,
        labelSmoothing: given.label_smoothing ?? 0,
        gamma: 0,
        rpoAlpha: 0,
      };
      const { model, values } = await loraModel(name, init);
      const feeds = answerFeeds(numbers, given.ld_alpha ?? 1);
      const reference = await referenceOf(name, feeds);
      if (given.ld_alpha === undefined) {
        for (const [b, sum] of reference.entries()) {
          close(sum, numbers.ref_logps_f64[b]!, 0, 1e-4, `reference of answer ${b}`);
        }
      }
      const graph = preferenceGraph(model, objective, { maxPositions: MAX_POSITIONS });
      await using session = await Session.create(graph);
      const learner = new Learner(model.buckets, values);
      const all = {
        ...feeds,
        reference: { data: Float32Array.from(reference), shape: feeds.lengths.shape },
      };
      const outputs = await learner.accumulate(session, only(graph, all));
      close(floats(outputs["loss"])[0]!, given.loss, 1e-5, 0, what);
      if (given.ld_alpha === undefined) {
        for (const [b, sum] of floats(outputs["answers"]).entries()) {
          close(sum, numbers.policy_logps_f64[b]!, 0, 1e-4, `answer ${b}`);
        }
      }
      close(
        Math.hypot(...learner.gradients!.flatMap((all) => [...all])),
        given.lora_grad_l2_total,
        1e-5,
        0,
        what,
      );
      if (given.lora_grad_l2 !== undefined) {
        for (const [tensor, gradient] of byName(model.buckets, learner.gradients!)) {
          const l2 = given.lora_grad_l2[tensor.replace(/\.weight$/, "")]!;
          close(Math.hypot(...gradient), l2, 1e-5, 0, `${what}: ${tensor}`);
        }
      }
      compared++;
    }
    assert.equal(compared, 14);
  });
}

Deno.test("preference gradients with recomputed layers and a head in chunks are those without", async () => {
  const name = "tiny-qwen2";
  const numbers = await golden<Preferences>(`${name}-dpo`);
  const { init } = await golden<Lora>(`${name}-lora`);
  const objective = { loss: "sigmoid", beta: 0.1, labelSmoothing: 0.1, gamma: 0, rpoAlpha: 0.2 } as const;
  const feeds = answerFeeds(numbers, 1);
  const reference = { data: Float32Array.from(numbers.ref_logps_f64), shape: feeds.lengths.shape };
  const run = async (saving: { recompute?: boolean; headChunk?: number }) => {
    const { model, values } = await loraModel(name, init);
    const graph = preferenceGraph(model, objective, { maxPositions: MAX_POSITIONS, ...saving });
    await using session = await Session.create(graph);
    const learner = new Learner(model.buckets, values);
    const all = { ...feeds, reference };
    const outputs = await learner.accumulate(
      session,
      only(graph, saving.headChunk === undefined ? all : inChunks(all, saving.headChunk, BY_TARGET)),
    );
    return { loss: floats(outputs["loss"])[0]!, gradients: learner.gradients! };
  };
  const [plain, saving] = [await run({}), await run({ recompute: true, headChunk: 10 })];
  close(saving.loss, plain.loss, 1e-6, 0, "loss");
  for (const [at, gradient] of plain.gradients.entries()) {
    const apart = Math.hypot(...gradient.map((slope, i) => slope - saving.gradients[at]![i]!));
    assert.ok(apart < 1e-5 * Math.hypot(...gradient), `${apart}`);
  }
});
