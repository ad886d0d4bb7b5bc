/**
 * Options that trainers share, as a caller writes them: each is optional unless said otherwise, and checked when the
 * trainer is made. The schemas in `_options.ts` say the same; a test keeps both alike.
 *
 * @module
 */

/** Which model, and what of it is trained. */
export interface TrainModelOptions {
  /** Model folder in Hugging Face's layout. */
  readonly model: string;
  /** Adapter folder to go on from, as PEFT writes it. */
  readonly adapter?: string | undefined;
  /** Train adapters, or all weights. @default "lora" */
  readonly method?: "lora" | "full" | undefined;
  /** Rank of the adapters. @default 16 */
  readonly loraRank?: number | undefined;
  /** Adapters are scaled by alpha / rank. @default 32 */
  readonly loraAlpha?: number | undefined;
  /** Scale by alpha / √rank instead (rsLoRA). @default false */
  readonly loraRs?: boolean | undefined;
  /** Projections that get an adapter. @default all */
  readonly loraTargets?: string[] | undefined;
}

/** Which tokens are trained and how much each counts. */
export interface TrainDataOptions {
  /** What of the assistant's messages is trained: all, the last one, thoughts, or actions. @default "all" */
  readonly trainOn?: "all" | "last" | "thought" | "action" | undefined;
  /** Leave out what the environment said. @default true */
  readonly maskObservations?: boolean | undefined;
  /** Put the definitions of tools into the prompt. @default true */
  readonly tools?: boolean | undefined;
  /** What a token counts: as the row's messages say, all alike, or by the rewards of steps. @default "row" */
  readonly weighting?: "row" | "uniform" | "rewards" | undefined;
  /** Most that a token may count with weighting by rewards. */
  readonly maxWeight?: number | undefined;
  /** Cut rows that are too long at steps, each step trained once. @default true */
  readonly chunk?: boolean | undefined;
  /** Steps repeated, untrained, at the start of a cut part. @default 1 */
  readonly overlapSteps?: number | undefined;
  /** What to do with an answer that does not fit. @default "error" */
  readonly tooLong?: "error" | "skip" | "truncate" | undefined;
  /** Leave out rows without a trained token instead of failing. @default false */
  readonly skipEmpty?: boolean | undefined;
  /** Begin with the easy rows. @default false */
  readonly curriculum?: boolean | undefined;
  /** How the share of rows grows. @default "linear" */
  readonly curriculumSchedule?: "linear" | "sqrt" | undefined;
  /** Share of the rows in the first epoch. @default 0.3 */
  readonly curriculumStart?: number | undefined;
  /** Epoch from which on all rows are used. @default 1 */
  readonly curriculumEpochs?: number | undefined;
}

/** How much is computed at once, and in which order. */
export interface TrainBatchOptions {
  /** Passes over the data. @default 3 */
  readonly epochs?: number | undefined;
  /** Ends the run, and its schedule, after so many steps. */
  readonly maxSteps?: number | undefined;
  /** Rows of a micro-batch. @default 4 */
  readonly batchSize?: number | undefined;
  /** Micro-batches of a step. @default 1 */
  readonly accumulation?: number | undefined;
  /** Most tokens of a row. @default 2048 */
  readonly maxLength?: number | undefined;
  /** Let short sequences share a row, without seeing each other. @default false */
  readonly packing?: boolean | undefined;
  /** The only source of randomness. @default 42 */
  readonly seed?: number | undefined;
}

/** What keeps adapters from learning the data by heart. */
export interface TrainRegularisationOptions {
  /** Chance with which inputs of adapters are left out, from 0 and below 1. @default 0 */
  readonly loraDropout?: number | undefined;
}

/** How weights are updated. */
export interface TrainOptimiserOptions {
  /** Peak learning rate; 2e-4 for adapters and 2e-5 for all weights when left out. */
  readonly learningRate?: number | undefined;
  /** Learning rate after warm-up. @default "cosine" */
  readonly schedule?: string | undefined;
  /** Share of the steps that warm up. @default 0.1 */
  readonly warmupRatio?: number | undefined;
  /** Decoupled decay; none on norms and biases. @default 0.01 */
  readonly weightDecay?: number | undefined;
  /** Gradients are clipped to this norm; 0 does not clip. @default 1 */
  readonly maxGradientNorm?: number | undefined;
  /** Decay of the mean of gradients in AdamW. @default 0.9 */
  readonly beta1?: number | undefined;
  /** Decay of the mean of their squares. @default 0.999 */
  readonly beta2?: number | undefined;
  /** Added to the root in AdamW. @default 1e-8 */
  readonly epsilon?: number | undefined;
  /** Steps in a row with numbers that are not finite before giving up. @default 5 */
  readonly maxNonFinite?: number | undefined;
}

/** Where it runs. */
export interface TrainEngineOptions {
  /** Execution provider; auto takes the first of cuda, webgpu and cpu that works here. @default "auto" */
  readonly provider?: "auto" | "cpu" | "webgpu" | "cuda" | undefined;
  /** Lay weights out anew for faster products; costs memory and a slower start. @default true */
  readonly prepack?: boolean | undefined;
  /** Threads of one operator. */
  readonly threads?: number | undefined;
  /** Compute each layer again for the gradient instead of keeping what it made: less memory, a third more work. @default false */
  readonly recompute?: boolean | undefined;
  /** Trained tokens whose logits are in memory at once; helps with large vocabularies. */
  readonly headChunk?: number | undefined;
}

/** When to evaluate, save and stop. */
export interface TrainScheduleOptions {
  /** Steps between evaluations; once an epoch when left out. */
  readonly evalEvery?: number | undefined;
  /** Share of the tasks to hold out for evaluation when no file is given for it. @default 0 */
  readonly evalFraction?: number | undefined;
  /** Evaluations without a better loss before stopping early. */
  readonly patience?: number | undefined;
  /** Steps between checkpoints; 0 saves at the end only. @default 100 */
  readonly saveEvery?: number | undefined;
  /** Newest checkpoints to keep; the best one is kept beside them. @default 2 */
  readonly keep?: number | undefined;
  /** Start anew in a folder that holds a run. @default false */
  readonly overwrite?: boolean | undefined;
}
