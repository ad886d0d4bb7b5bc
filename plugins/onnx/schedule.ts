/**
 * Learning-rate schedules: warm-up from 0, then a curve to the end of the run, where it stays.
 *
 * Source: `get_scheduler` of Hugging Face transformers, whose convention is kept up to the end: the first of `w`
 * warm-up updates has learning rate 0, the peak is reached at update `w`, the end value one update after the last.
 * Past the end, where its cosine rises again, ours keeps the end value.
 *
 * @module
 */

/** Name of a curve. */
export type ScheduleKind = "linear" | "cosine" | "constant";

/** Curves after warm-up, as a share of the way from end value (0) to peak (1) at progress `x` in [0, 1]. */
const CURVES: Readonly<Record<ScheduleKind, (x: number) => number>> = {
  linear: (x) => 1 - x,
  cosine: (x) => 0.5 * (1 + Math.cos(Math.PI * x)),
  constant: () => 1,
};

/** Names of the curves, in the order of the table. */
export const SCHEDULE_KINDS: readonly ScheduleKind[] = Object.keys(CURVES) as ScheduleKind[]; // sound: a closed table

/** A learning rate over a run. */
export interface Schedule {
  /** Curve after warm-up. */
  readonly kind: ScheduleKind;
  /** Highest learning rate, reached at the end of warm-up. */
  readonly peak: number;
  /** Updates of the run, at least 1. */
  readonly steps: number;
  /** Updates of warm-up, at most `steps`. @default 0 */
  readonly warmupSteps?: number;
  /** Learning rate at the end; `constant` has none but its peak. @default 0 */
  readonly final?: number;
  /**
   * Whether the last update (`steps - 1`) has the end value. Without it the end value comes one update later, as in
   * transformers, so that no update is spent on a learning rate of 0.
   *
   * @default false
   */
  readonly endsOnLastStep?: boolean;
}

/**
 * Learning rate of one update.
 *
 * @param step Update, from 0. From `steps` on the end value is given.
 * @throws {RangeError} For a schedule or step that cannot be.
 */
export function learningRate(schedule: Schedule, step: number): number {
  const { kind, peak, steps, warmupSteps = 0, final = 0, endsOnLastStep = false } = schedule;
  checkSchedule(peak, steps, warmupSteps, final);
  wantCount("learning rate: step", step, 0);
  const last = endsOnLastStep ? steps - 1 : steps;
  if (step < warmupSteps && step < last) return peak * step / warmupSteps;
  if (kind === "constant") return peak;
  if (step >= last) return final;
  return final + (peak - final) * CURVES[kind]((step - warmupSteps) / (last - warmupSteps));
}

/**
 * Updates of warm-up for a share of the run, rounded up as in transformers.
 *
 * @param ratio In [0, 1].
 * @throws {RangeError} For a ratio outside, or `steps` below 1.
 */
export function warmupStepsOf(ratio: number, steps: number): number {
  wantCount("warm-up: steps", steps, 1);
  if (!(ratio >= 0 && ratio <= 1)) {
    throw new RangeError(`Cannot use warm-up: ratio: wanted a number in [0, 1]: received ${ratio}`);
  }
  return Math.min(steps, Math.ceil(steps * ratio));
}

function checkSchedule(peak: number, steps: number, warmupSteps: number, final: number): void {
  for (const [name, value] of [["peak", peak], ["final", final]] as const) {
    if (!(value >= 0 && value < Infinity)) {
      throw new RangeError(
        `Cannot use learning rate: ${name}: wanted a finite number of at least 0: received ${value}`,
      );
    }
  }
  wantCount("learning rate: steps", steps, 1);
  wantCount("learning rate: warmupSteps", warmupSteps, 0);
  if (warmupSteps > steps) {
    throw new RangeError(
      `Cannot use learning rate: warmupSteps: wanted at most the ${steps} steps of the run: received ${warmupSteps}`,
    );
  }
}

function wantCount(what: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(`Cannot use ${what}: wanted a whole number of at least ${least}: received ${value}`);
}
