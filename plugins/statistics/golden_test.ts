/** Against scipy: `tests/golden/statistics`, whose README states program and command. Golden differences are a − b. */
import assert from "node:assert/strict";
import { seeded } from "../../core/prng.ts";
import {
  benjaminiHochberg,
  binomialCdf,
  binomialProbability,
  bootstrapInterval,
  chiSquareSurvival,
  cliffsDelta,
  cohenD,
  goodnessOfFit,
  hedgesG,
  holm,
  mannWhitneyTest,
  mcNemarTest,
  meanInterval,
  normalCdf,
  normalQuantile,
  normalSurvival,
  pairedTTest,
  permutationTest,
  signFlipTest,
  studentTCdf,
  studentTQuantile,
  studentTSurvival,
  studentTTwoSided,
  welchTTest,
  wilcoxonTest,
  wilsonInterval,
} from "./mod.ts";

const FOLDER = new URL("../../tests/golden/statistics/", import.meta.url);

/** Cases of a kind: `stats-two-sample` and so on. */
function cases(kind: string): Golden[] {
  return [...Deno.readDirSync(FOLDER)].map((entry) => entry.name).filter((name) => name.endsWith(".json"))
    .sort().map((name) => JSON.parse(Deno.readTextFileSync(new URL(name, FOLDER))))
    .filter((golden) => golden.kind === kind);
}

// deno-lint-ignore no-explicit-any -- the shape of a golden file depends on its kind, and a wrong field fails below
type Golden = { input: any; expected: any };

function near(actual: number, expected: number, what: string, tolerance = 1e-9): void {
  const error = Math.abs(actual - expected) / Math.max(Math.abs(expected), Number.MIN_VALUE);
  assert.ok(actual === expected || error <= tolerance, `${what}: ${actual} instead of ${expected}`);
}

Deno.test("normalCdf() and normalSurvival() equal scipy's, tails included", () => {
  for (const { expected } of cases("dist-normal")) {
    for (const { x, cdf, sf } of expected) {
      near(normalCdf(x), cdf, `cdf(${x})`, 1e-12);
      near(normalSurvival(x), sf, `sf(${x})`, 1e-12);
    }
  }
});

Deno.test("studentTCdf() and its two-sided p equal scipy's to 1e-10, tails included", () => {
  for (const { expected } of cases("dist-t")) {
    for (const { x, df, cdf, two_sided_p } of expected) {
      near(studentTCdf(x, df), cdf, `cdf(${x}, ${df})`, 1e-10);
      near(studentTTwoSided(x, df), two_sided_p, `p(${x}, ${df})`, 1e-10);
    }
  }
});

Deno.test("studentTQuantile() equals scipy's", () => {
  for (const { expected } of cases("dist-t-ppf")) {
    for (const { q, df, x } of expected) near(studentTQuantile(q, df), x, `ppf(${q}, ${df})`, 1e-10);
  }
});

Deno.test("meanInterval() equals scipy's", () => {
  const known = cases("stats-ci").filter((golden) => golden.expected.scipy !== null);
  assert.ok(known.length > 0);
  for (const { input, expected: { scipy } } of known) {
    for (const [confidence, [low, high]] of [[0.95, scipy.ci95], [0.99, scipy.ci99]] as const) {
      const interval = meanInterval(input.data, confidence);
      near(interval.estimate, scipy.mean, "mean");
      near(interval.low, low, "low");
      near(interval.high, high, "high");
    }
  }
});

Deno.test("wilsonInterval() equals scipy's", () => {
  for (const { input, expected: { scipy_wilson: [low, high] } } of cases("stats-wilson")) {
    const interval = wilsonInterval(input.k, input.n);
    near(interval.low, low, "low");
    near(interval.high, high, "high");
  }
});

Deno.test("holm() and benjaminiHochberg() equal recorded values", () => {
  for (const { input, expected } of cases("stats-correction")) {
    for (const [i, p] of holm(input.p).entries()) near(p, expected.holm_adjusted[i], "holm");
    for (const [i, p] of benjaminiHochberg(input.p).entries()) near(p, expected.bh_adjusted[i], "bh");
  }
});

const TWO_SAMPLES = cases("stats-two-sample").filter((golden) => golden.expected.scipy.welch !== undefined);

Deno.test("welchTTest() and pairedTTest() equal scipy's, with certainty where nothing varies", () => {
  for (const { input: { a, b }, expected: { scipy } } of TWO_SAMPLES) {
    const welch = welchTTest(a, b);
    if (scipy.welch.t === "NaN") assert.deepEqual([welch.p, welch.statistic, welch.degenerate], [1, 0, true]);
    else {
      near(welch.statistic, -scipy.welch.t, "t");
      near(welch.df!, scipy.welch.df, "df");
      near(welch.p, scipy.welch.p, "p");
      near(welch.difference.low, -scipy.welch.diff_ci95[1], "low");
      near(welch.difference.high, -scipy.welch.diff_ci95[0], "high");
    }
    if (scipy.paired === undefined) continue;
    const paired = pairedTTest(a, b);
    if (scipy.paired.t === "NaN") assert.deepEqual([paired.p, paired.degenerate], [1, true]);
    else if (scipy.paired.p === 0) {
      assert.deepEqual([paired.p, paired.statistic, paired.degenerate], [0, Infinity, true]);
    } else {
      near(paired.statistic, -scipy.paired.t, "paired t");
      near(paired.p, scipy.paired.p, "paired p");
    }
  }
});

Deno.test("mannWhitneyTest() equals scipy's, exact and approximate, with ties", () => {
  for (const { input: { a, b }, expected: { scipy } } of TWO_SAMPLES) {
    const corrected = mannWhitneyTest(a, b, { method: "asymptotic" });
    near(corrected.statistic, a.length * b.length - scipy.mwu_asymptotic_cc.U1, "U");
    near(corrected.p, scipy.mwu_asymptotic_cc.p, "p");
    if (scipy.mwu_asymptotic_nocc.p !== "NaN") {
      const plain = mannWhitneyTest(a, b, { method: "asymptotic", continuity: false });
      near(plain.p, scipy.mwu_asymptotic_nocc.p, "p without correction");
    }
    const exact = scipy.mwu_exact ?? scipy.perm_U_exact_with_ties;
    if (exact !== undefined) near(mannWhitneyTest(a, b, { method: "exact" }).p, exact.p, "exact p");
  }
});

Deno.test("wilcoxonTest(), signFlipTest() and permutationTest() equal scipy's", () => {
  const options = { prng: seeded(1) };
  for (const { input: { a, b }, expected: { scipy } } of TWO_SAMPLES) {
    if (scipy.wilcoxon_asymptotic !== undefined) {
      near(wilcoxonTest(a, b, { method: "asymptotic" }).p, scipy.wilcoxon_asymptotic.p, "wilcoxon");
    }
    if (scipy.sign_flip_perm !== undefined) {
      near(signFlipTest(a, b, options).p, scipy.sign_flip_perm.p, "sign flip");
    }
    if (scipy.perm_mean_diff_exact !== undefined) {
      const result = permutationTest(a, b, options);
      near(result.p, scipy.perm_mean_diff_exact.p, "permutation");
      near(result.statistic, -scipy.perm_mean_diff_exact.stat, "difference of means");
    }
  }
});

Deno.test("effect sizes equal recorded values", () => {
  for (const { input: { a, b }, expected: { scipy } } of TWO_SAMPLES) {
    near(cliffsDelta(a, b), 0 - scipy.cliffs_delta, "Cliff's delta");
    if (scipy.hedges_g === undefined) continue;
    near(cohenD(a, b), -scipy.cohen_d_pooled, "d");
    near(hedgesG(a, b), -scipy.hedges_g, "g");
  }
});

const [MORE] = cases("scipy-more").map((golden) => golden.expected);

Deno.test("distributions equal scipy's over a wide range", () => {
  for (const [x, df, sf] of MORE.t_sf) near(studentTSurvival(x, df), sf, `t.sf(${x}, ${df})`, 1e-10);
  for (const [q, x] of MORE.normal_ppf) near(normalQuantile(q), x, `norm.ppf(${q})`, 1e-12);
  for (const [x, df, sf] of MORE.chi2_sf) near(chiSquareSurvival(x, df), sf, `chi2.sf(${x}, ${df})`, 1e-10);
  for (const [k, n, p, cdf, pmf] of MORE.binom) {
    near(binomialCdf(k, n, p), cdf, `binom.cdf(${k}, ${n}, ${p})`, 1e-10);
    near(binomialProbability(k, n, p), pmf, `binom.pmf(${k}, ${n}, ${p})`, 1e-10);
  }
});

Deno.test("goodnessOfFit() equals scipy's chisquare", () => {
  const { observed, weights, statistic, p } = MORE.chisquare;
  const result = goodnessOfFit(observed, weights);
  near(result.statistic, statistic, "statistic");
  near(result.p, p, "p");
});

Deno.test("mcNemarTest() equals scipy's binomtest of the pairs that disagree", () => {
  for (const [onlyA, onlyB, p] of MORE.binomtest) {
    near(mcNemarTest({ both: 3, onlyA, onlyB, neither: 2 }).p, p, `${onlyA} against ${onlyB}`);
  }
});

Deno.test("wilcoxonTest() equals scipy's default, exact up to 50 pairs, and its continuity correction", () => {
  for (const { d, p, W_plus, asymptotic_cc } of MORE.wilcoxon) {
    const zeros = d.map(() => 0);
    const result = wilcoxonTest(zeros, d);
    near(result.p, p, `n = ${d.length}`);
    near(result.statistic, W_plus, "rank sum");
    near(wilcoxonTest(zeros, d, { method: "asymptotic", continuity: true }).p, asymptotic_cc, "corrected");
  }
});

Deno.test("bootstrapInterval() is near scipy's, whose resamples are others: within 2 % of the width", () => {
  const median = (values: readonly number[]): number => {
    const sorted = [...values].sort((x, y) => x - y);
    const half = (sorted.length - 1) / 2;
    return (sorted[Math.floor(half)]! + sorted[Math.ceil(half)]!) / 2;
  };
  for (const [method, name] of [["percentile", "percentile"], ["bca", "BCa"]] as const) {
    const [low, high] = MORE.bootstrap[`${name}_mean`];
    const interval = bootstrapInterval(MORE.bootstrap.x, { prng: seeded(3), method, resamples: 100_000 });
    assert.ok(Math.abs(interval.low - low) < 0.02 * (high - low), `${method} low: ${interval.low}, ${low}`);
    assert.ok(
      Math.abs(interval.high - high) < 0.02 * (high - low),
      `${method} high: ${interval.high}, ${high}`,
    );
    const options = { prng: seeded(3), method, statistic: median, resamples: 50_000 };
    const ofMedian = bootstrapInterval(MORE.bootstrap.x, options); // a median takes few values: the same ones
    assert.deepEqual([ofMedian.low, ofMedian.high], MORE.bootstrap[`${name}_median`]);
  }
});
