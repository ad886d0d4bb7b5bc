import assert from "node:assert/strict";
import { gradients } from "../../onnx/autodiff.ts";
import { Graph } from "../../onnx/graph.ts";
import { Session } from "../../onnx/session.ts";
import { type Objective, objectiveLoss } from "../_preference/objective.ts";

type Real = "float32" | "float64";

interface Given {
  readonly answers: readonly number[];
  readonly reference: readonly number[];
  readonly lengths: readonly number[];
  readonly signs?: readonly number[];
  readonly shift?: number;
  /** Of each item. @default 1 ÷ items */
  readonly weights?: readonly number[];
}

const PLAIN = { beta: 0.1, labelSmoothing: 0, gamma: 0, rpoAlpha: 0 } as const;

/** Mean loss over the items and its gradient by the log-probability of each answer. */
async function lossOf(objective: Partial<Objective> & Pick<Objective, "loss">, given: Given, type: Real) {
  const g = new Graph();
  let answers;
  const loss = objectiveLoss(
    g,
    { ...PLAIN, ...objective },
    (shape) => answers = g.input("answers", type, shape),
  );
  g.output("loss", loss);
  g.output("gradient", gradients(g, loss, [answers!])[0]!);
  await using session = await Session.create(g);
  const sides = objective.loss === "kto" ? 1 : 2;
  const P = given.answers.length / sides;
  const real = (data: readonly number[], shape: readonly number[]) => ({
    data: type === "float64" ? Float64Array.from(data) : Float32Array.from(data),
    shape,
  });
  const feeds = {
    answers: real(given.answers, [sides, P]),
    reference: real(given.reference, [sides, P]),
    lengths: real(given.lengths, [sides, P]),
    item_weights: real(given.weights ?? new Array(P).fill(1 / P), [P]),
    ...(given.signs && { signs: real(given.signs, [P]), shift: real([given.shift!], []) }),
  };
  const asked = new Set(g.inputs.map(({ name }) => name));
  const outputs = await session.run(
    Object.fromEntries(Object.entries(feeds).filter(([name]) => asked.has(name))),
  );
  const data = (name: string) => [...(outputs[name] as { data: Float64Array }).data];
  return { loss: data("loss")[0]!, gradient: data("gradient") };
}

function near(actual: number, expected: number, relative: number, what: string): void {
  const allowed = relative * Math.max(1, Math.abs(expected));
  assert.ok(Math.abs(actual - expected) <= allowed, `${what}: wanted ${expected}: received ${actual}`);
}

const golden = new URL("../../../tests/golden/", import.meta.url);
const read = async (name: string) => JSON.parse(await Deno.readTextFile(new URL(name, golden)));

/** Cases of another implementation that are losses of this one. */
const OURS = new Set(
  ["sigmoid", "sigmoid_cdpo", "robust", "ipo", "hinge", "sigmoid_norm", "apo_zero", "apo_down", "sppo_hard"],
);

for (const type of ["float32", "float64"] as const) {
  const tolerance = type === "float32" ? 1e-5 : 1e-6; // the recorded numbers are float32

  Deno.test(`losses and gradients of given log-probabilities equal those of TRL in ${type}`, async () => {
    const numbers = await read("models/dpo-given.json");
    const mask: number[][] = numbers.completion_mask.map((row: number[]) => row.slice(1));
    const sum = (rows: number[][]) =>
      rows.map((row, i) => row.reduce((all, p, t) => all + p * mask[i]![t]!, 0));
    const given = {
      answers: sum(numbers.per_token_logps),
      reference: sum(numbers.ref_per_token_logps),
      lengths: sum(mask),
    };
    let compared = 0;
    for (
      const { loss_type: [name, more], beta, label_smoothing = 0, ld_alpha, loss, grad_logps } of numbers
        .cases
    ) {
      if (!OURS.has(name) || more !== undefined || ld_alpha !== undefined) continue;
      const own = name === "sigmoid_cdpo" ? "sigmoid" : name;
      const made = await lossOf({ loss: own, beta, labelSmoothing: label_smoothing }, given, type);
      const what = `${name} with beta ${beta}`;
      near(made.loss, loss, tolerance, what);
      for (const [i, row] of (grad_logps as number[][]).entries()) {
        for (const [t, slope] of row.entries()) {
          if (mask[i]![t] === 1) {
            near(made.gradient[i]!, slope, tolerance, `${what}: answer ${i}, token ${t}`);
          }
        }
      }
      compared++;
    }
    assert.equal(compared, 13);
  });

  Deno.test(`losses of given log-probabilities equal the published formulas in ${type}`, async () => {
    // Sums of 1000 in float32 are told to 1e-4, which squares amplify.
    const allowed = type === "float32" ? 1e-5 : 1e-9;
    for (const file of ["01", "03", "04", "06"]) {
      const { input, expected } = await read(`numerics/loss-dpo-${file}.json`);
      const given = {
        answers: [...input.policy_chosen, ...input.policy_rejected],
        reference: [...input.ref_chosen, ...input.ref_rejected],
        lengths: new Array(2 * input.policy_chosen.length).fill(1),
      };
      const settings = { beta: input.beta, labelSmoothing: input.label_smoothing };
      const { variants } = expected;
      const sigmoid = await lossOf({ ...settings, loss: "sigmoid" }, given, type);
      near(sigmoid.loss, expected.loss, allowed, `sigmoid in ${file}`);
      const slopes = [...expected.grad_policy_chosen, ...expected.grad_policy_rejected];
      for (const [i, slope] of slopes.entries()) {
        near(sigmoid.gradient[i]!, slope, allowed, `${file}: slope ${i}`);
      }
      for (const name of ["robust", "ipo", "hinge", "sppo_hard"] as const) {
        const { loss } = await lossOf({ ...settings, loss: name }, given, type);
        near(loss, variants[name], allowed, `${name} in ${file}`);
      }
      const simpo = await lossOf({ ...settings, loss: "simpo", gamma: 0.5 }, given, type);
      near(simpo.loss, variants["simpo_gamma_0.5_on_inputs_as_avg_logps"], allowed, `simpo in ${file}`);
    }
  });
}

const ANSWERS: Given = {
  answers: [-3.2, -0.7, -9.1, -4.4],
  reference: [-3.0, -1.1, -8.8, -4.0],
  lengths: [4, 2, 7, 3],
};

Deno.test("the cross-entropy of chosen answers adds its mean over tokens, times alpha", async () => {
  const alone = await lossOf({ loss: "sigmoid" }, ANSWERS, "float64");
  const anchored = await lossOf({ loss: "sigmoid", rpoAlpha: 0.3 }, ANSWERS, "float64");
  near(anchored.loss, alone.loss + 0.3 * (3.2 / 4 + 0.7 / 2) / 2, 1e-12, "loss");
  near(anchored.gradient[0]! - alone.gradient[0]!, -0.3 / 4 / 2, 1e-12, "slope of the first chosen answer");
  near(anchored.gradient[2]!, alone.gradient[2]!, 1e-12, "slope of the first rejected answer");
});

Deno.test("orpo is cross-entropy and the log-odds of mean probabilities", async () => {
  const odds = (mean: number) => Math.exp(mean) / (1 - Math.exp(mean));
  const pair = (chosen: number, rejected: number) =>
    -chosen + 0.1 * Math.log(1 + odds(rejected) / odds(chosen));
  const expected = (pair(-3.2 / 4, -9.1 / 7) + pair(-0.7 / 2, -4.4 / 3)) / 2;
  near((await lossOf({ loss: "orpo" }, ANSWERS, "float64")).loss, expected, 1e-12, "float64");
  near((await lossOf({ loss: "orpo" }, ANSWERS, "float32")).loss, expected, 1e-6, "float32");
});

Deno.test("orpo stays finite when an answer is certain", async () => {
  const certain = { ...ANSWERS, answers: [0, -1e-9, -9.1, 0] };
  const { loss, gradient } = await lossOf({ loss: "orpo" }, certain, "float32");
  assert.ok([loss, ...gradient].every(Number.isFinite), `${loss}, ${gradient}`);
});

Deno.test("kto pushes good answers up and bad ones down, each from where the policy stands", async () => {
  const given = { ...ANSWERS, signs: [1, -1, 1, -1], shift: 0.25 };
  const sigma = (x: number) => 1 / (1 + Math.exp(-x));
  const scores = given.answers.map((sum, at) => sum - given.reference[at]!);
  const expected = scores.reduce((all, s, at) => all + 1 - sigma(0.5 * given.signs[at]! * (s - 0.25)), 0) / 4;
  const { loss, gradient } = await lossOf({ loss: "kto", beta: 0.5 }, given, "float64");
  near(loss, expected, 1e-12, "loss");
  assert.deepEqual(gradient.map(Math.sign), [-1, 1, -1, 1]);
});

for (const type of ["float32", "float64"] as const) {
  Deno.test(`simpo, orpo and kto and their gradients equal those of TRL in ${type}`, async () => {
    const { answers, reference, lengths, cases } = await read("models/preferences-given.json");
    const P = answers.length / 2;
    for (const expected of cases) {
      const { loss_type: loss, beta, gamma = 0, labels, kl, weights } = expected;
      const judged = loss === "kto" && {
        signs: labels.map((good: boolean) => good ? 1 : -1),
        shift: Math.max(0, kl.reduce((all: number, one: number) => all + one, 0) / kl.length),
        weights: labels.map((good: boolean) => (good ? weights[0] : weights[1]) / (2 * P)),
      };
      const made = await lossOf({ loss, beta, gamma }, { answers, reference, lengths, ...judged }, type);
      const what = JSON.stringify({ loss, beta, gamma, kl, weights });
      // TRL computes the odds of orpo in float32.
      const allowed = type === "float32" || loss === "orpo" ? 1e-5 : 1e-12;
      near(made.loss, expected.loss, allowed, what);
      for (const [i, slope] of expected.grad.entries()) {
        near(made.gradient[i]!, slope, allowed, `${what}: slope ${i}`);
      }
    }
    assert.deepEqual(cases.map(({ loss_type }: { loss_type: string }) => loss_type), [
      ...["simpo", "simpo", "simpo", "orpo", "orpo", "kto", "kto", "kto"],
    ]);
  });
}
