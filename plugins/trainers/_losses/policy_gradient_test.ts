import assert from "node:assert/strict";
import { gradients } from "../../onnx/autodiff.ts";
import { Graph } from "../../onnx/graph.ts";
import { Session } from "../../onnx/session.ts";
import { groupAdvantages } from "../_grpo/advantages.ts";
import { policyMetrics } from "../_grpo/metrics.ts";
import {
  type Aggregation,
  AGGREGATIONS,
  policyGradientLoss,
  type PolicyGradientOptions,
  truncatedWeight,
} from "./policy_gradient.ts";

type Rows = readonly (readonly number[])[];

interface Given {
  readonly logps: Rows;
  readonly old: Rows;
  readonly ref: Rows;
  readonly mask: Rows;
  readonly advantages: readonly number[];
  readonly maxCompletionLength: number;
}

type Type = "float32" | "float64";

/** Tokens that count, row by row. */
function picked(rows: Rows, mask: Rows): number[] {
  return rows.flatMap((row, b) => row.filter((_, t) => mask[b]![t] === 1));
}

/** Loss and its gradient with respect to each trained token. */
async function lossOf(given: Given, aggregation: Aggregation, options: PolicyGradientOptions, type: Type) {
  const { mask } = given;
  const lengths = mask.map((row) => row.filter((m) => m === 1).length);
  const totals = {
    sequences: mask.length,
    tokens: lengths.reduce((sum, n) => sum + n, 0),
    maxCompletionLength: given.maxCompletionLength,
  };
  const perToken = (of: (row: number) => number) =>
    mask.flatMap((row, b) => row.filter((m) => m === 1).map(() => of(b)));
  const g = new Graph();
  const vector = (name: string) => g.input(name, type, ["N"]);
  const logProbabilities = vector("logps");
  const loss = policyGradientLoss(g, {
    logProbabilities,
    old: vector("old"),
    reference: vector("ref"),
    advantages: vector("advantages"),
    weights: vector("weights"),
    sequences: { of: g.input("of", "int64", ["N"]), inverseLengths: g.input("inverse", type, ["S"]) },
  }, options);
  const [slope] = gradients(g, loss, [logProbabilities]);
  g.output("loss", loss);
  g.output("slope", slope!);
  await using session = await Session.create(g);
  const feed = (numbers: readonly number[]) => ({
    data: type === "float64" ? Float64Array.from(numbers) : Float32Array.from(numbers),
    shape: [numbers.length],
  });
  const outputs = await session.run({
    logps: feed(picked(given.logps, mask)),
    old: feed(picked(given.old, mask)),
    ref: feed(picked(given.ref, mask)),
    advantages: feed(perToken((b) => given.advantages[b]!)),
    weights: feed(perToken((b) => AGGREGATIONS[aggregation](lengths[b]!, totals))),
    of: { data: BigInt64Array.from(perToken((b) => b), BigInt), shape: [totals.tokens] },
    inverse: feed(lengths.map((n) => 1 / n)),
  });
  const numbers = (name: string) => [...(outputs[name] as { data: Float64Array }).data];
  return { loss: numbers("loss")[0]!, slope: numbers("slope") };
}

const golden = new URL("../../../tests/golden/", import.meta.url);

async function read<T>(name: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(new URL(`${name}.json`, golden)));
}

interface Case {
  loss_type: string;
  level: "token" | "sequence";
  beta: number;
  kl_bias_correction: boolean;
  eps_low: number;
  eps_high: number;
  delta: number | null;
  loss: number;
  loss_f64?: number;
  grad_logps: number[][];
}

Deno.test("policyGradientLoss() and its gradient equal TRL's, in every variant", async () => {
  const numbers = await read<
    Record<"logps" | "old_logps" | "ref_logps" | "mask", number[][]> & {
      advantages: number[];
      max_completion_length: number;
      cases: Case[];
    }
  >("models/grpo-given");
  const given: Given = {
    logps: numbers.logps,
    old: numbers.old_logps,
    ref: numbers.ref_logps,
    mask: numbers.mask,
    advantages: numbers.advantages,
    maxCompletionLength: numbers.max_completion_length,
  };
  let checked = 0;
  for (const expected of numbers.cases) {
    if (!(expected.loss_type in AGGREGATIONS)) continue; // cispo, luspo and sapo are other objectives
    checked++;
    const what = JSON.stringify({ ...expected, grad_logps: undefined });
    for (const type of ["float32", "float64"] as const) {
      const { loss, slope } = await lossOf(given, expected.loss_type as Aggregation, {
        level: expected.level,
        beta: expected.beta,
        klBiasCorrection: expected.kl_bias_correction,
        epsilonLow: expected.eps_low,
        epsilonHigh: expected.eps_high,
        delta: expected.delta,
      }, type);
      assert.ok(Math.abs(loss - (expected.loss_f64 ?? expected.loss)) < 1e-6, `${loss}: ${what}`);
      for (const [at, value] of picked(expected.grad_logps, given.mask).entries()) {
        assert.ok(
          Math.abs(slope[at]! - value) < 1e-6,
          `${at}: wanted ${value}: received ${slope[at]}: ${what}`,
        );
      }
    }
  }
  assert.equal(checked, 50);
});

interface Ideal {
  input: Record<"new" | "old" | "ref" | "mask", number[][]> & {
    rewards: number[];
    beta: number;
    eps_low: number;
    eps_high: number;
    adv_eps: number;
  };
  expected:
    & Record<
      "unbiased" | "none",
      & { advantages: number[] }
      & Record<
        "grpo_seq_mean" | "dapo_token_mean" | "dr_grpo_const_len" | "mean_k3_kl" | "clip_fraction",
        number
      >
    >
    & { gspo_sequence_mean: number };
}

Deno.test("policyGradientLoss() in float64 equals the published formulas to 1e-9", async () => {
  for (const name of ["02", "03"]) {
    const { input, expected } = await read<Ideal>(`numerics/ideal-grpo-token-${name}`);
    const options: PolicyGradientOptions = {
      beta: input.beta,
      epsilonLow: input.eps_low,
      epsilonHigh: input.eps_high,
      klBiasCorrection: false,
    };
    for (const [scale, variant] of [["group", "unbiased"], ["none", "none"]] as const) {
      const advantages = groupAdvantages([input.rewards], { scale, epsilon: input.adv_eps }).advantages[0]!;
      const given: Given = {
        logps: input.new,
        old: input.old,
        ref: input.ref,
        mask: input.mask,
        advantages,
        maxCompletionLength: input.mask[0]!.length,
      };
      const close = (actual: number, wanted: number, what: string) =>
        assert.ok(Math.abs(actual - wanted) < 1e-9, `${name} ${variant} ${what}: ${actual}, not ${wanted}`);
      const loss = async (aggregation: Aggregation) =>
        (await lossOf(given, aggregation, options, "float64")).loss;
      close(await loss("grpo"), expected[variant].grpo_seq_mean, "grpo");
      close(await loss("dapo"), expected[variant].dapo_token_mean, "dapo");
      close(await loss("dr_grpo"), expected[variant].dr_grpo_const_len, "dr_grpo");
      if (variant === "unbiased") {
        const { loss } = await lossOf(given, "grpo", { ...options, level: "sequence", beta: 0 }, "float64");
        close(loss, expected.gspo_sequence_mean, "gspo");
      }
      const metrics = policyMetrics(
        {
          logProbabilities: picked(input.new, input.mask),
          old: picked(input.old, input.mask),
          reference: picked(input.ref, input.mask),
          advantages: input.mask.flatMap((row, b) => row.filter((m) => m === 1).map(() => advantages[b]!)),
          sequences: input.mask.flatMap((row, b) => row.filter((m) => m === 1).map(() => b)),
        },
        options,
      );
      close(metrics.kl / metrics.tokens, expected[variant].mean_k3_kl, "kl");
      close(
        (metrics.clippedLow + metrics.clippedHigh) / metrics.tokens,
        expected[variant].clip_fraction,
        "clip fraction",
      );
    }
  }
});

Deno.test("policyGradientLoss() stays finite where a token became far more likely", async () => {
  const given: Given = {
    logps: [[0, -1]],
    old: [[-200, -1]],
    ref: [[-1, -1]],
    mask: [[1, 1]],
    advantages: [-1],
    maxCompletionLength: 2,
  };
  const { loss, slope } = await lossOf(given, "dapo", {}, "float32");
  assert.ok([loss, ...slope].every(Number.isFinite), `${loss} ${slope}`);
});

Deno.test("truncatedWeight() is the ratio, held below the cap", () => {
  assert.equal(truncatedWeight(-1, -1, 2), 1);
  assert.equal(truncatedWeight(-1, -3, 2), 2);
  assert.equal(truncatedWeight(-2, -1, 2), Math.exp(-1));
  assert.equal(truncatedWeight(0, -1000, Infinity), Math.exp(20));
});
