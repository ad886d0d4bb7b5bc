/** Intervals, corrections, effect sizes: published values and properties. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { seeded } from "../../core/prng.ts";
import {
  benjaminiHochberg,
  bootstrapInterval,
  cohenDz,
  hodgesLehmannPaired,
  hodgesLehmannShift,
  holm,
  type Interval,
  meanInterval,
  newcombeInterval,
  newcombePairedInterval,
  normalCdf,
  normalQuantile,
  studentTCdf,
  studentTQuantile,
  studentTSurvival,
  wilsonInterval,
} from "./mod.ts";

function holdsEstimate({ low, estimate, high }: Interval): void {
  assert.ok(low <= estimate && estimate <= high, `${estimate} not in ${low} to ${high}`);
}

const rounded = ({ low, high }: Interval): number[] => [low, high].map((x) => Math.round(x * 1e4) / 1e4);

Deno.test("newcombeInterval() equals the published interval of 56/70 − 48/80", () => {
  const interval = newcombeInterval({ successes: 48, trials: 80 }, { successes: 56, trials: 70 });
  assert.deepEqual(rounded(interval), [0.0524, 0.3339]); // Newcombe 1998, table II (a), method 10
});

Deno.test("newcombePairedInterval() equals the published interval of 36, 12, 2, 0", () => {
  const interval = newcombePairedInterval({ both: 36, onlyB: 12, onlyA: 2, neither: 0 });
  assert.deepEqual(rounded(interval), [0.0569, 0.3404]); // Newcombe 1998, paired data, table III, method 10
});

Deno.test("intervals hold their estimate, widen with confidence and stay in range", () => {
  const counts = fc.tuple(fc.nat(60), fc.nat(60), fc.nat(60), fc.nat(60)).filter((n) => n.some((k) => k > 0));
  fc.assert(fc.property(counts, ([both, onlyA, onlyB, neither]) => {
    const n = both + onlyA + onlyB + neither;
    const kinds: ((confidence: number) => Interval)[] = [
      (c) => wilsonInterval(both + onlyA, n, c),
      (c) => newcombeInterval({ successes: both, trials: n }, { successes: onlyB, trials: n }, c),
      (c) => newcombePairedInterval({ both, onlyA, onlyB, neither }, c),
    ];
    for (const kind of kinds) {
      const [narrow, wide] = [kind(0.9), kind(0.99)];
      holdsEstimate(narrow);
      assert.ok(wide.low <= narrow.low && wide.high >= narrow.high);
      assert.ok(wide.low >= -1 - 1e-12 && wide.high <= 1 + 1e-12);
    }
  }));
});

Deno.test("newcombePairedInterval() turns around when a and b are swapped", () => {
  const one = newcombePairedInterval({ both: 12, onlyA: 3, onlyB: 9, neither: 20 });
  const other = newcombePairedInterval({ both: 12, onlyA: 9, onlyB: 3, neither: 20 });
  assert.deepEqual(rounded(one), [...rounded(other)].reverse().map((x) => -x));
});

Deno.test("meanInterval() and bootstrapInterval() hold the mean and move with the values", () => {
  const sample = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 2, maxLength: 12 });
  fc.assert(
    fc.property(sample, (values) => {
      const moved = values.map((x) => x + 100);
      const [here, there] = [values, moved].map((x) => meanInterval(x)) as [Interval, Interval];
      assert.ok(Math.abs(there.low - here.low - 100) < 1e-9 && Math.abs(there.high - here.high - 100) < 1e-9);
      holdsEstimate(here);
      const drawn = bootstrapInterval(values, { prng: seeded(2), resamples: 400, method: "percentile" });
      assert.ok(drawn.low <= drawn.estimate + 1e-12 && drawn.estimate <= drawn.high + 1e-12);
    }),
    { numRuns: 60 },
  );
});

Deno.test("bootstrapInterval() by bca covers the mean of skewed data about as often as it says", () => {
  // 300 samples of 40 exponential values. BCa covers about 93 % here; 86 % to 98 % is 5 deviations around it, so a right
  // interval fails this for less than one seed in 10⁵.
  const prng = seeded(21);
  let covered = 0;
  for (let i = 0; i < 300; i++) {
    const values = Array.from({ length: 40 }, () => -Math.log(1 - prng()));
    const { low, high } = bootstrapInterval(values, { prng, resamples: 1000 });
    covered += low <= 1 && 1 <= high ? 1 : 0;
  }
  assert.ok(covered >= 258 && covered <= 294, `${covered} of 300`);
});

Deno.test("bootstrapInterval() of equal values is the value", () => {
  const { low, estimate, high } = bootstrapInterval([2, 2, 2], { prng: seeded(1) });
  assert.deepEqual([low, estimate, high], [2, 2, 2]);
});

Deno.test("holm() and benjaminiHochberg() never lower p, keep its order and stay in [0, 1]", () => {
  fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }), (p) => {
    const [strict, lenient] = [holm(p), benjaminiHochberg(p)];
    for (const [i, raw] of p.entries()) {
      assert.ok(raw <= lenient[i]! && lenient[i]! <= strict[i]! + 1e-15 && strict[i]! <= 1);
      for (const [j, other] of p.entries()) if (raw < other) assert.ok(strict[i]! <= strict[j]!);
    }
  }));
});

Deno.test("normalQuantile() and studentTQuantile() undo their distribution functions", () => {
  fc.assert(fc.property(fc.double({ min: 1e-9, max: 1 - 1e-9, noNaN: true }), (q) => {
    assert.ok(Math.abs(normalCdf(normalQuantile(q)) - q) < 1e-12);
    for (const df of [1, 3.5, 40]) assert.ok(Math.abs(studentTCdf(studentTQuantile(q, df), df) - q) < 1e-12);
  }));
});

Deno.test("cohenDz() and the Hodges-Lehmann shifts by hand", () => {
  assert.equal(cohenDz([0, 0, 0], [1, 2, 3]), 2);
  assert.equal(cohenDz([0, 0], [1, 1]), Infinity);
  assert.equal(cohenDz([1, 1], [1, 1]), 0);
  assert.equal(hodgesLehmannPaired([0, 0, 0], [1, 2, 9]), 3.5); // means 1, 1.5, 2, 5, 5.5, 9
  assert.equal(hodgesLehmannShift([0, 1], [3, 10]), 6); // differences 2, 3, 9, 10
});

Deno.test("intervals and corrections refuse what is out of range", () => {
  const refusals: [() => unknown, string][] = [
    [
      () => wilsonInterval(3, 2),
      "Cannot find the interval of a rate: whole numbers 0 ≤ successes ≤ trials and trials ≥ 1: received 3 of 2",
    ],
    [
      () => wilsonInterval(1, 2, 95),
      "Cannot find the interval of a rate: a confidence between 0 and 1: received 95",
    ],
    [() => meanInterval([1]), "Cannot find the interval of a mean: at least 2 values: received 1"],
    [() => holm([0.5, 1.5]), "Cannot correct p-values: numbers in [0, 1]: received 1.5 at index 1"],
    [() => normalQuantile(1), "Cannot take a normal quantile: a probability between 0 and 1: received 1"],
    [() => studentTCdf(1, 0), "Cannot evaluate Student's t: degrees of freedom above 0: received 0"],
  ];
  for (const [call, message] of refusals) assert.throws(call, { name: "RangeError", message });
});

Deno.test("studentTSurvival() is 0 where x² is too large for a number", () => {
  assert.equal(studentTSurvival(1e200, 3), 0);
});
