/**
 * What a trainer brings to a run: its options, its steps, and what decides after an evaluation.
 *
 * @module
 */
import type { Json } from "../../core/schema.ts";
import type { PlannedStep } from "./_data/mod.ts";
import type { Trainee } from "./_trainee.ts";

/** Options of a run, as the trainers' options name them. */
export interface RunOptions {
  readonly method: "lora" | "full";
  readonly learningRate?: number | undefined;
  readonly schedule: string;
  readonly warmupRatio: number;
  readonly weightDecay: number;
  readonly maxGradientNorm: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly maxNonFinite: number;
  readonly seed: number;
  readonly evalEvery?: number | undefined;
  readonly patience?: number | undefined;
  readonly saveEvery: number;
  readonly keep: number;
  readonly overwrite: boolean;
}

/** What becomes of the trained parameters after an evaluation. */
export interface Judgement {
  /**
   * `promote`: they are the best from now on; `keep`: they are trained further, and what was the best still is;
   * `roll_back`: what was the best takes their place, its optimiser included.
   */
  readonly decision: "promote" | "keep" | "roll_back";
  /** Added to what the evaluation tells. */
  readonly metrics?: Readonly<Record<string, number>>;
  /** Why, in a sentence. */
  readonly reason?: string;
  /** Why the run ends here; left out when it goes on. */
  readonly stop?: string;
}

/** An evaluation of the parameters after a step. */
export interface Evaluated {
  readonly step: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** What a trainer brings to a run: its data, already planned, and its loss. */
export interface RunParts<S extends PlannedStep = PlannedStep> {
  readonly trainee: Trainee;
  readonly steps: readonly S[];
  /** Every option of the trainer, for the record and to refuse a resume with others. */
  readonly config: { readonly [key: string]: Json };
  /** Hash of the data. */
  readonly dataHash: string;
  /** What lies ahead, for the first event. */
  readonly totals: Readonly<Record<string, number>>;
  /** What was found while the data were read, told after the first event. */
  readonly notices?: readonly string[];
  /** Where `accumulate` and `evaluate` put what they found: told after the step or the evaluation, and taken out. */
  readonly found?: string[];
  /** Accumulates the gradients of a step; returns its metrics, the loss among them. */
  readonly accumulate: (step: S) => Promise<Readonly<Record<string, number>>>;
  /**
   * Evaluates what was trained up to a step; null when there is nothing to evaluate on. The `loss` in it decides what is
   * best, unless `judge` does.
   */
  readonly evaluate:
    | ((step: number) => Promise<{ readonly loss: number } & Readonly<Record<string, number>>>)
    | null;
  /**
   * Decides what an evaluation means. @param bestStep Step of what is the best so far; null for the first evaluation,
   * which must be promoted.
   */
  readonly judge?: (evaluated: Evaluated, bestStep: number | null) => Promise<Judgement>;
}
