import assert from "node:assert/strict";
import fc from "fast-check";
import { seeded } from "../../../core/prng.ts";
import { goodnessOfFit } from "../../statistics/mod.ts";
import { logSumExp, sampleToken, type Sampling } from "./sampling.ts";

/** Logits of these probabilities. */
const logits = (...probabilities: number[]) => Float32Array.from(probabilities, Math.log);

/** Probabilities that tokens are drawn with, as `drawnLogProbability` says; 0 for those that never come. */
function distribution(given: Float32Array, sampling: Sampling, before: number[] = []): number[] {
  const found = new Array<number>(given.length).fill(0);
  for (let at = 0; at < 400; at++) {
    const { id, drawnLogProbability } = sampleToken(given, before, sampling, () => (at + 0.5) / 400);
    found[id] = Math.exp(drawnLogProbability);
  }
  return found;
}

function near(found: readonly number[], wanted: readonly number[], what: string): void {
  assert.equal(found.length, wanted.length);
  for (const [at, value] of found.entries()) {
    assert.ok(Math.abs(value - wanted[at]!) < 1e-6, `${what}: wanted ${wanted}: received ${found}`);
  }
}

const shares = [0.1, 0.4, 0.3, 0.2];
const given = logits(...shares);

const cases: readonly (readonly [what: string, Sampling, before: number[], wanted: number[]])[] = [
  ["nothing narrowed", {}, [], shares],
  ["temperature 1/2 squares", { temperature: 0.5 }, [], [1 / 30, 16 / 30, 9 / 30, 4 / 30]],
  ["top-k 2", { topK: 2 }, [], [0, 4 / 7, 3 / 7, 0]],
  ["top-k above the vocabulary", { topK: 9 }, [], shares],
  ["top-p takes the token that fills the share", { topP: 0.6 }, [], [0, 4 / 7, 3 / 7, 0]],
  ["top-p just above a sum takes one more", { topP: 0.701 }, [], [0, 4 / 9, 3 / 9, 2 / 9]],
  ["top-p below the best keeps the best", { topP: 1e-9 }, [], [0, 1, 0, 0]],
  ["min-p 0.6 of the best", { minP: 0.6 }, [], [0, 4 / 7, 3 / 7, 0]],
  ["min-p 1 keeps the best", { minP: 1 }, [], [0, 1, 0, 0]],
  // Of the best three, 0.4 / 0.9 = 0.44 is not half, the two best are: top-p looks at what top-k left.
  ["top-k then top-p", { topK: 3, topP: 0.5 }, [], [0, 4 / 7, 3 / 7, 0]],
  ["top-p then min-p", { topP: 0.8, minP: 0.7 }, [], [0, 4 / 7, 3 / 7, 0]],
  // Squared weights 1, 16, 9, 4: the best is 16 / 30 of all, more than half.
  ["temperature before top-p", { temperature: 0.5, topP: 0.5 }, [], [0, 1, 0, 0]],
  // log 0.4 · 2 = log 0.16, so 0.1, 0.16, 0.3, 0.2 remain of a sum of 0.76; ids that come twice count once.
  [
    "penalty multiplies negative logits",
    { repetitionPenalty: 2 },
    [1, 1],
    [10, 16, 30, 20].map((x) => x / 76),
  ],
  ["penalty before top-k", { repetitionPenalty: 2, topK: 1 }, [1], [0, 0, 1, 0]],
];
for (const [what, sampling, before, wanted] of cases) {
  Deno.test(`sampleToken() draws with ${what}`, () => {
    near(distribution(given, sampling, before), wanted, what);
  });
}

Deno.test("sampleToken() with top-p takes no token beyond a share that is exactly filled", () => {
  near(distribution(Float32Array.of(0, 0), { topP: 0.5 }), [1, 0], "half of two");
});

Deno.test("sampleToken() divides positive logits by the penalty and leaves those it is given alone", () => {
  const positive = Float32Array.of(2, 1);
  const sampling = { repetitionPenalty: 4 };
  const sum = Math.exp(0.5) + Math.exp(1);
  near(distribution(positive, sampling, [0]), [Math.exp(0.5) / sum, Math.exp(1) / sum], "penalty");
  assert.deepEqual(positive, Float32Array.of(2, 1));
});

Deno.test("sampleToken() at temperature 0 takes the first of the greatest, and penalises before that", () => {
  const ties = Float32Array.of(1, 3, 3, 2);
  const never = () => assert.fail("greedy decoding draws nothing");
  const greedy = (before: number[], sampling: Sampling) =>
    sampleToken(ties, before, { temperature: 0, ...sampling }, never).id;
  assert.equal(greedy([], {}), 1);
  assert.equal(greedy([1], { repetitionPenalty: 1.1 }), 2);
  assert.equal(greedy([1, 2], { repetitionPenalty: 3 }), 3);
});

Deno.test("sampleToken() reports the model's own log-probability, whatever narrowed the draw", () => {
  const drawn = sampleToken(given, [2], { temperature: 0.3, topK: 1, repetitionPenalty: 1.5 }, () => 0);
  assert.equal(drawn.id, 1);
  near([drawn.logProbability, drawn.drawnLogProbability], [Math.log(0.4), 0], "log-probabilities");
  const greedy = sampleToken(given, [], { temperature: 0, topK: 1 }, () => 0);
  near([greedy.logProbability, greedy.drawnLogProbability], [Math.log(0.4), Math.log(0.4)], "greedy");
});

/**
 * 20 000 draws each. False-alarm rate 0.1 % a case; seeds are fixed, so a case that passes passes always.
 */
const drawnFrom: readonly (readonly [string, Sampling])[] = [
  ["nothing narrowed", {}],
  ["temperature 1.7", { temperature: 1.7 }],
  ["all limits at once", { temperature: 1.3, topK: 12, topP: 0.9, minP: 0.05, repetitionPenalty: 1.2 }],
];
for (const [seed, [what, sampling]] of drawnFrom.entries()) {
  Deno.test(`sampleToken() follows the distribution that it states, with ${what}`, () => {
    const chance = seeded(seed);
    const spread = Float32Array.from({ length: 20 }, () => 3 * chance() - 1.5);
    const expected = distribution(spread, sampling, [3, 4]);
    const total = expected.reduce((sum, share) => sum + share, 0);
    assert.ok(Math.abs(total - 1) < 1e-6, "every token that can come is stated, and shares sum to 1");
    const counts = new Array<number>(20).fill(0);
    for (let draw = 0; draw < 20_000; draw++) counts[sampleToken(spread, [3, 4], sampling, chance).id]!++;
    const possible = expected.flatMap((share, id) => share > 0 ? [id] : []);
    assert.equal(possible.reduce((sum, id) => sum + counts[id]!, 0), 20_000);
    const { p } = goodnessOfFit(possible.map((id) => counts[id]!), possible.map((id) => expected[id]!));
    assert.ok(p > 0.001, `p = ${p}`);
  });
}

Deno.test("sampleToken() never draws what is impossible, and its token is always among the k best", () => {
  const logit = fc.oneof(
    fc.integer({ min: -50, max: 50 }),
    fc.constant(-Infinity),
    fc.constant(-1e5),
  );
  const sampling = fc.record({
    temperature: fc.double({ min: 0.01, max: 5, noNaN: true }),
    topK: fc.nat(6),
    topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
    minP: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  const share = fc.double({ min: 0, max: 1 - 2 ** -53, noNaN: true });
  fc.assert(
    fc.property(fc.array(logit, { minLength: 1, maxLength: 9 }), sampling, share, (values, how, at) => {
      const all = Float32Array.from([0, ...values]);
      const { id, drawnLogProbability, logProbability } = sampleToken(all, [], how, () => at);
      assert.ok(Number.isFinite(drawnLogProbability) && Number.isFinite(logProbability));
      assert.ok(drawnLogProbability <= 0);
      const above = all.filter((value) => value > all[id]!).length;
      assert.ok(how.topK === 0 || above < how.topK);
    }),
    { seed: 1, numRuns: 500 },
  );
});

Deno.test("sampleToken() does not take an impossible token when rounding leaves a rest", () => {
  const many = new Float32Array(20_000).fill(Math.log(0.1));
  many[many.length - 1] = -Infinity;
  const { id, drawnLogProbability } = sampleToken(many, [], {}, () => 1);
  assert.equal(id, many.length - 2);
  assert.ok(Number.isFinite(drawnLogProbability));
});

for (const odd of [[1, NaN], [1, Infinity], [-Infinity, -Infinity]]) {
  Deno.test(`sampleToken() refuses logits ${odd.join(", ")}`, () => {
    assert.throws(() => sampleToken(Float32Array.from(odd), [], { temperature: 0 }, () => 0), {
      name: "RangeError",
      message: "Cannot sample: wanted finite logits: received others",
    });
  });
}

Deno.test("logSumExp() neither overflows nor loses small values", () => {
  assert.equal(logSumExp(Float32Array.of(1000, 1000)), 1000 + Math.log(2));
  assert.equal(logSumExp(Float32Array.of(-1000, -Infinity)), -1000);
});
