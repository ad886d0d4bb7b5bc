/**
 * The shape of a pipeline file.
 *
 * @module
 */
import { z } from "zod";

const options = z.record(z.string(), z.json());
const spec = z.strictObject({
  id: z.string().describe("Id of a wrapper"),
  options: options.default({}).describe("Its options"),
});

const collectSchema = z.strictObject({
  env: z.string().describe("Id of an environment"),
  envOptions: options.default({}).describe("Its options"),
  wrappers: z.array(spec).default([]).describe("Wrappers, the first one innermost, inside the step limit"),
  policy: z.string().describe("Id of a policy"),
  policyOptions: options.default({}).describe("Its options"),
  tasks: z.array(z.string()).default([]).describe(
    "Task files, folders and globs, relative to the pipeline file",
  ),
  episodes: z.int().min(1).default(1).describe("Episodes a task"),
  maxSteps: z.int().min(1).default(50).describe("Steps after which an episode is truncated"),
  timeoutMs: z.int().min(1).default(60_000).describe("Wall time of an episode in milliseconds"),
  timestamps: z.boolean().default(false).describe("Whether times are recorded; they differ from run to run"),
  concurrency: z.int().min(1).max(256).default(1).describe("Episodes at once; does not change the result"),
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
  file: z.string().regex(/^[\w][\w.-]*$/).optional().describe("File in the run folder"),
});

const modelSchema = z.union([
  z.string().describe("Model folder, relative to the pipeline file"),
  z.strictObject({
    init: z.enum(["nano", "tiny", "small"]).describe("Size of a new model with random weights"),
    family: z.enum(["llama", "mistral", "qwen2", "qwen3"]).default("llama").describe("Kind of decoder"),
    seed: z.int().min(0).default(0).describe("Its only source of randomness"),
  }),
]);

const trainSchema = z.strictObject({
  trainer: z.string().describe("Short name or id of a trainer"),
  name: z.string().regex(/^[\w][\w.-]*$/).optional().describe("Folder in the run folder"),
  data: z.string().describe("File of an export, to train on"),
  model: modelSchema.optional().describe("What is trained: the trainer's option model"),
  options: options.default({}).describe("The trainer's other options"),
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
});

/** A pipeline, defaults filled in. */
export type Pipeline = z.output<typeof pipelineSchema>;
/** One source of trajectories. */
export type PipelineSource = Pipeline["sources"][number];
/** A source that plays episodes. */
export type CollectSource = NonNullable<PipelineSource["collect"]>;
