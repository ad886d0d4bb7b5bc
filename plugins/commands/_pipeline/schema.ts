/**
 * The shape of a pipeline file.
 *
 * @module
 */
import { z } from "zod";

const options = z.record(z.string(), z.json());
const fileName = z.string().regex(/^[\w][\w.-]*$/);
const spec = z.strictObject({
  id: z.string().describe("Id of a wrapper"),
  options: options.default({}).describe("Its options"),
});

/** Where episodes are played, how many, and where they end. */
const playing = {
  env: z.string().describe("Id of an environment"),
  envOptions: options.default({}).describe("Its options"),
  wrappers: z.array(spec).default([]).describe("Wrappers, the first one innermost, inside the step limit"),
  tasks: z.array(z.string()).default([]).describe(
    "Task files, folders and globs, relative to the pipeline file",
  ),
  episodes: z.int().min(1).default(1).describe("Episodes a task"),
  maxSteps: z.int().min(1).default(50).describe("Steps after which an episode is truncated"),
  timeoutMs: z.int().min(1).default(60_000).describe("Wall time of an episode in milliseconds"),
  concurrency: z.int().min(1).max(256).default(1).describe("Episodes at once; does not change the result"),
} as const;

/** Who plays. */
const acting = {
  policy: z.string().describe("Id of a policy"),
  policyOptions: options.default({}).describe("Its options"),
} as const;

const collectSchema = z.strictObject({
  ...playing,
  ...acting,
  timestamps: z.boolean().default(false).describe("Whether times are recorded; they differ from run to run"),
});

const sourceSchema = z.strictObject({
  name: z.string().regex(/^[\w.-]+$/).optional().describe("Name in the summary"),
  logs: z.array(z.string()).min(1).optional().describe("Logs to read, relative to the pipeline file"),
  format: z.string().optional().describe("Format of the logs; left out, they are recognised by structure"),
  report: z.string().optional().describe("Report of an evaluation harness that says what was resolved"),
  collect: collectSchema.optional().describe("Episodes to play"),
});

const exportSchema = z.strictObject({
  format: z.string().describe("Short name or id of an exporter"),
  options: options.default({}).describe("Its options"),
  sources: z.array(z.string()).min(1).optional().describe("Sources to export; left out, all"),
  file: fileName.optional().describe("File in the run folder"),
});

const SIZES = ["nano", "tiny", "small"] as const;

/** Checked after the shape, so that a wrong size is told as such: a wrong shape is only told as none of those below. */
const modelSize = z.string().superRefine((size, context) => {
  if ((SIZES as readonly string[]).includes(size)) return;
  const values = [...SIZES];
  const message = "expected nano, tiny or small";
  context.addIssue({ code: "invalid_value", values, message, input: size });
}) as unknown as z.ZodType<typeof SIZES[number], string>; // sound: any other text is refused

const modelSchema = z.union([
  z.string().describe("Model folder, relative to the pipeline file"),
  z.strictObject({
    init: modelSize.describe("Size of a new model with random weights"),
    family: z.enum(["llama", "mistral", "qwen2", "qwen3"]).default("llama").describe("Kind of decoder"),
    seed: z.int().min(0).default(0).describe("Its only source of randomness"),
    template: z.enum(["chatml", "bare"]).default("chatml").describe(
      "Chat template: ChatML with tools, or messages without headers for puzzles",
    ),
    context: z.int().min(1).default(4096).describe("Longest sequence in tokens, which are bytes"),
  }),
  z.strictObject({
    train: z.string().describe("Name of an item of train: what it came to"),
  }),
], { error: "expected a folder, { init: nano } or { train: NAME }" });

const trainSchema = z.strictObject({
  trainer: z.string().describe("Short name or id of a trainer"),
  name: fileName.optional().describe("Folder in the run folder"),
  data: z.string().optional().describe("File of an export, to train on; some trainers need none"),
  model: modelSchema.optional().describe("What is trained: the trainer's option model"),
  options: options.default({}).describe("The trainer's other options"),
});

const contenderSchema = z.strictObject({
  name: fileName.optional().describe("Name in the summary; left out, the policy's"),
  ...acting,
  model: modelSchema.optional().describe("Who acts: the policy's options model and adapter"),
});

const evaluateSchema = z.strictObject({
  name: fileName.optional().describe("Name in the summary; left out, the environment's"),
  ...playing,
  timeoutMs: z.int().min(1).default(600_000).describe("Wall time of an episode in milliseconds"),
  policies: z.array(contenderSchema).min(1).describe("Who plays; each later one is compared with the first"),
});

/** Schema of a pipeline file. */
export const pipelineSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][\w.-]*$/).describe("Name of the run folder"),
  seed: z.int().min(0).default(0).describe("The only source of randomness"),
  plugins: z.array(z.string()).default([]).describe("Plugins to load, relative to the pipeline file"),
  sources: z.array(sourceSchema).min(1).describe("Where trajectories come from"),
  score: z.strictObject({
    rubrics: z.array(z.string()).min(1).optional().describe("Ids of rubrics; left out, all rules"),
    domain: z.string().optional().describe("Domain to score by; left out, the one each trajectory names"),
    weights: z.record(z.string(), z.number().min(0)).optional().describe("Weights by name of rubric"),
  }).prefault({}),
  select: z.strictObject({
    minReward: z.number().optional().describe("Least reward of what is exported"),
    success: z.enum(["any", "success", "failure"]).default("any").describe("Outcome of what is exported"),
    dedupe: z.boolean().default(true).describe("Whether the same trajectory is exported once"),
    top: z.int().min(1).optional().describe("The best of each task, that many"),
  }).prefault({}),
  export: z.array(exportSchema).default([]).describe("Data sets to write"),
  train: z.array(trainSchema).default([]).describe("Models to train on them, one after another"),
  evaluate: z.array(evaluateSchema).default([]).describe(
    "Policies to compare, trained ones among them, on episodes that no source plays",
  ),
});

/** A pipeline, defaults filled in. */
export type Pipeline = z.output<typeof pipelineSchema>;
/** One source of trajectories. */
export type PipelineSource = Pipeline["sources"][number];
/** A source that plays episodes. */
export type CollectSource = NonNullable<PipelineSource["collect"]>;
/** One data set. */
export type ExportItem = Pipeline["export"][number];
/** One item of `train`. */
export type TrainItem = Pipeline["train"][number];
/** What a training starts from, or who acts. */
export type ModelRef = NonNullable<TrainItem["model"]>;
/** One item of `evaluate`. */
export type EvaluateItem = Pipeline["evaluate"][number];
/** A policy of an evaluation. */
export type Contender = EvaluateItem["policies"][number];
