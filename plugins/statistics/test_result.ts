/** How a p-value was found. */
export type TestMethod = "exact" | "asymptotic" | "monte-carlo";

/**
 * The outcome of a test of "a and b do not differ". All tests are two-sided, and a difference is always b − a: what b
 * gained over a.
 */
export interface TestResult {
  /** Name for people, for example `Wilcoxon's signed-rank test`. */
  readonly name: string;
  /** Whether p counts all possibilities, takes the limit for large samples, or draws possibilities at random. */
  readonly method: TestMethod;
  /** The statistic; its meaning stands with the test. ±Infinity where all numbers are equal but differ from b to a. */
  readonly statistic: number;
  /** Two-sided p-value in [0, 1]. */
  readonly p: number;
  /** The smallest p that the test could give for a sample of this size and ties; 0 when there is no such bound. */
  readonly smallestP: number;
  /** Values (pairs, or both samples together) that the statistic rests on. */
  readonly n: number;
  /** Degrees of freedom, where the test has them. */
  readonly df?: number;
  /** True when nothing varies, so that the test's assumption about noise is void and p is 0 or 1 by definition. */
  readonly degenerate?: true;
}
