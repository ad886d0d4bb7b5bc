/**
 * Statistics, the leaf: enough to believe that a policy got better. Numbers in, numbers out; randomness is an argument.
 * All tests are two-sided, and every difference is b − a: what b gained over a. No plugin.
 *
 * @module
 */
export { normalCdf, normalQuantile, normalSurvival } from "./normal.ts";
export { studentTCdf, studentTQuantile, studentTSurvival, studentTTwoSided } from "./student_t.ts";
export { chiSquareSurvival, goodnessOfFit } from "./chi_square.ts";
export { binomialCdf, binomialProbability } from "./binomial.ts";
export type { TestMethod, TestResult } from "./test_result.ts";
export { pairedTTest } from "./paired_t.ts";
export { type WilcoxonOptions, wilcoxonTest } from "./wilcoxon.ts";
export { type PermutationOptions, signFlipTest } from "./sign_flip.ts";
export { type McNemarOptions, mcNemarTest, type PairedCounts, pairedCounts } from "./mcnemar.ts";
export { type WelchResult, welchTTest } from "./welch.ts";
export { type MannWhitneyOptions, mannWhitneyTest } from "./mann_whitney.ts";
export { permutationTest } from "./permutation.ts";
export type { Interval } from "./interval.ts";
export { bootstrapInterval, type BootstrapOptions } from "./bootstrap.ts";
export { meanInterval } from "./mean_interval.ts";
export { wilsonInterval } from "./wilson.ts";
export { newcombeInterval, newcombePairedInterval, type Proportion } from "./newcombe.ts";
export { benjaminiHochberg, holm } from "./corrections.ts";
export {
  cliffsDelta,
  cohenD,
  cohenDz,
  hedgesG,
  hodgesLehmannPaired,
  hodgesLehmannShift,
} from "./effect_size.ts";
export {
  type CompareOptions,
  comparePaired,
  type Comparison,
  correctComparisons,
  type Preferred,
  type Verdict,
} from "./compare_paired.ts";
