/** An estimate and the range that holds the true value with a stated confidence. */
export interface Interval {
  /** The estimate from the sample. */
  readonly estimate: number;
  /** Lower end. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
  /** Share of samples whose interval holds the true value, for example 0.95. */
  readonly confidence: number;
}
