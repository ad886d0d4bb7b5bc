/** Tests of hypotheses: values by hand, properties, and false alarms under the null. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { seeded } from "../../core/prng.ts";
import {
  goodnessOfFit,
  mannWhitneyTest,
  mcNemarTest,
  pairedCounts,
  pairedTTest,
  permutationTest,
  signFlipTest,
  type TestResult,
  welchTTest,
  wilcoxonTest,
} from "./mod.ts";

type Sample = readonly number[];
const draws = () => ({ prng: seeded(5), resamples: 499, exactUpTo: 2000 });
const PAIRED: Record<string, (a: Sample, b: Sample) => TestResult> = {
  pairedTTest,
  wilcoxonTest,
  signFlipTest: (a, b) => signFlipTest(a, b, draws()),
  mcNemarTest: (a, b) => mcNemarTest(pairedCounts(a.map((x) => x > 0 ? 1 : 0), b.map((x) => x > 0 ? 1 : 0))),
};
const UNPAIRED: Record<string, (a: Sample, b: Sample) => TestResult> = {
  welchTTest,
  mannWhitneyTest,
  permutationTest: (a, b) => permutationTest(a, b, { ...draws(), exactUpTo: 200_000 }),
};

const value = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ min: -10, max: 10, noNaN: true }));
const pairs = fc.array(fc.tuple(value, value), { minLength: 2, maxLength: 9 });

for (const [name, test] of Object.entries({ ...PAIRED, ...UNPAIRED })) {
  Deno.test(`${name}() gives p in [0, 1], never below what it calls smallest, and the same with a and b swapped`, () => {
    fc.assert(fc.property(pairs, (both) => {
      const [a, b] = [both.map(([x]) => x), both.map(([, y]) => y)];
      const [result, swapped] = [test(a, b), test(b, a)];
      assert.ok(result.p >= 0 && result.p <= 1, `p = ${result.p}`);
      assert.ok(result.p >= result.smallestP * (1 - 1e-12), `${result.p} below ${result.smallestP}`);
      assert.ok(Math.abs(result.p - swapped.p) <= 1e-9, `${result.p} and ${swapped.p}`);
    }));
  });

  Deno.test(`${name}() gives 1 for equal samples`, () => {
    assert.equal(test([1, 2, 3, 3], [1, 2, 3, 3]).p, 1);
  });

  Deno.test(`${name}() grows surer with the shift, and its statistic rises`, () => {
    const a = [0.11, 0.52, -0.4, 0.95, -0.73, -0.18, 0.37, -0.66, 0.29];
    const noise = [0.05, -0.1, 0.2, 0.13, -0.21, 0.09, -0.04, 0.15, -0.07];
    const results = [0, 0.2, 0.6, 2.4].map((shift) => test(a, a.map((x, i) => x + noise[i]! + shift)));
    for (const [i, result] of results.slice(1).entries()) {
      assert.ok(result.p <= results[i]!.p, `${result.p} above ${results[i]!.p}`);
      assert.ok(result.statistic >= results[i]!.statistic);
    }
    assert.ok(results.at(-1)!.p < results[0]!.p);
  });
}

Deno.test("signFlipTest() raises at most 5 % false alarms at p ≤ 0.05 under the null, and p spreads evenly", () => {
  // 2,000 samples of 10 pairs; p takes multiples of 1/512, so P(p ≤ 25/512) = 25/512 and every decile is as likely up to
  // 1/512. A right test fails this for about one seed in 10⁴ (chi-square at 1e-4; the alarm count then follows).
  const prng = seeded(11);
  const deciles = new Array<number>(10).fill(0);
  let alarms = 0;
  for (let i = 0; i < 2000; i++) {
    const a = Array.from({ length: 10 }, prng);
    const b = Array.from({ length: 10 }, prng);
    const { p } = signFlipTest(a, b, { prng });
    alarms += p <= 0.05 ? 1 : 0;
    deciles[Math.min(9, Math.ceil(p * 10) - 1)]!++;
  }
  const cells = deciles.map((_, i) => Math.floor((i + 1) * 51.2) - Math.floor(i * 51.2));
  assert.ok(goodnessOfFit(deciles, cells).p > 1e-4, `deciles ${deciles}`);
  assert.ok(alarms > 60 && alarms < 140, `${alarms} alarms of 2000, 98 expected, deviation 9.7`);
});

Deno.test("random draws agree with counting: within 5 standard errors", () => {
  const a = [0.2, 0.5, 0.1, 0.9, 0.3, 0.7, 0.4, 0.6, 0.8, 0.2, 0.1, 0.5];
  const b = [0.4, 0.4, 0.5, 0.8, 0.9, 0.6, 0.7, 0.9, 0.7, 0.6, 0.3, 0.9];
  for (const test of [signFlipTest, permutationTest]) {
    const exact = test(a, b, { prng: seeded(1), exactUpTo: 3e6 });
    const drawn = test(a, b, { prng: seeded(1), exactUpTo: 0, resamples: 20_000 });
    assert.deepEqual([exact.method, drawn.method], ["exact", "monte-carlo"]);
    const error = Math.sqrt(exact.p * (1 - exact.p / 2) * 2 / 20_000);
    assert.ok(Math.abs(exact.p - drawn.p) < 5 * error, `${exact.p} and ${drawn.p}`);
  }
});

Deno.test("mcNemarTest() by hand: 1 against 5 of 6 is 14/64, and mid-p counts the observed half", () => {
  const counts = { both: 10, onlyA: 1, onlyB: 5, neither: 3 };
  assert.deepEqual(mcNemarTest(counts), {
    name: "McNemar's exact test",
    method: "exact",
    statistic: 4,
    n: 6,
    p: 14 / 64,
    smallestP: 2 / 64,
  });
  assert.ok(Math.abs(mcNemarTest(counts, { midP: true }).p - 8 / 64) < 1e-12);
  assert.equal(mcNemarTest({ ...counts, onlyB: 1 }, { midP: true }).p, 1);
  assert.equal(mcNemarTest({ both: 4, onlyA: 0, onlyB: 0, neither: 2 }).p, 1);
});

Deno.test("mcNemarTest() and pairedCounts() refuse what is no count", () => {
  assert.throws(() => mcNemarTest({ both: 1, onlyA: 0.5, onlyB: 0, neither: 0 }), {
    name: "RangeError",
    message: "Cannot compare paired outcomes: whole numbers of at least 0: received 0.5 for onlyA",
  });
  assert.throws(() => pairedCounts([1], []), {
    name: "RangeError",
    message: "Cannot count paired outcomes: as many values of a as of b: received 1 and 0",
  });
});

Deno.test("wilcoxonTest() drops pairs without a difference and counts signs of tied ranks", () => {
  const result = wilcoxonTest([1, 1, 1, 1, 5], [2, 2, 2, 2, 5]); // four equal gains: ranks 2.5 each
  assert.deepEqual([result.n, result.statistic, result.p, result.method], [4, 10, 2 / 16, "exact"]);
  assert.equal(wilcoxonTest([1], [1]).p, 1);
});

Deno.test("pairedTTest() takes equal differences for certainty, rounding aside", () => {
  const a = [0.1, 0.2, 0.3];
  const result = pairedTTest(a, a.map((x) => x + 0.1)); // 0.1 + 0.2 is not 0.3 + tiny: differences differ in the last bit
  assert.deepEqual([result.p, result.statistic, result.degenerate], [0, Infinity, true]);
});

Deno.test("tests refuse samples that are too small or not finite", () => {
  const refusals: [() => unknown, string][] = [
    [() => pairedTTest([1], [2]), "Cannot compare pairs by t test: at least 2 values: received 1"],
    [
      () => welchTTest([1], [2, 3]),
      "Cannot compare samples by Welch's t test: at least 2 values: received 1",
    ],
    [() => mannWhitneyTest([], [2]), "Cannot compare samples by ranks: at least one value: received 0"],
    [
      () => goodnessOfFit([3], [1]),
      "Cannot test goodness of fit: at least one degree of freedom: received 0",
    ],
    [
      () => goodnessOfFit([3, 1], [1, 0]),
      "Cannot test goodness of fit: expected weights above 0: received 0 in cell 1",
    ],
    [
      () => permutationTest([1], [Infinity], { prng: seeded(1) }),
      "Cannot compare samples by permutation: finite numbers: received Infinity at index 0",
    ],
  ];
  for (const [call, message] of refusals) assert.throws(call, { name: "RangeError", message });
});
