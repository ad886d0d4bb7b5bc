/**
 * The one record of an episode, `gym.trajectory/1`: the only shape inside. Adapters read foreign logs into it,
 * rollouts write it, rubrics score it, exporters and trainers read it.
 *
 * What a source cannot tell is null, never a guess. Unknown keys of an object that was read survive writing it again.
 *
 * @module
 */
import type { Json } from "./schema.ts";

/** Name and version of the shape. */
export const TRAJECTORY_SCHEMA = "gym.trajectory/1";

/** A call of one tool. */
export interface Action {
  /** Name of the tool as the agent called it; aliases are resolved by the domain, never here. */
  readonly tool: string;
  /** Arguments. A call whose arguments could not be parsed has `{}` and the text in `raw`. */
  readonly params: Readonly<Record<string, Json>>;
  /** Id that the model gave the call. */
  readonly callId?: string | null;
  /** The text of a call that could not be parsed. */
  readonly raw?: string;
}

/** What came back. */
export interface StepResult {
  /** What the agent saw. */
  readonly output: string;
  /** Exit code of a command, or null when the source tells none. */
  readonly exitCode: number | null;
  /** Why the call failed, or null. */
  readonly error: string | null;
  /** Wall time of the call in milliseconds, or null. */
  readonly durationMs: number | null;
  /** Whether `output` was cut. */
  readonly truncated: boolean;
}

/** A rubric's number for one step or a whole episode, with where it comes from. */
export interface Score {
  /** Id of the rubric, `namespace/name-vN`. */
  readonly rubric: string;
  /** In [0, 1]; higher is better. */
  readonly value: number;
  /** Who judged. */
  readonly source: "rule" | "model" | "human";
  /** Why, in one sentence. */
  readonly reason: string;
  /** Index of the earlier step that made it so, or null. */
  readonly refersTo: number | null;
}

/** Settings a completion was sampled with; an importance ratio is meaningless without them. */
export interface Sampling {
  readonly temperature: number;
  readonly topK: number | null;
  readonly topP: number | null;
  readonly minP: number | null;
  readonly repetitionPenalty: number | null;
  readonly seed: string | null;
}

/** Tokens of one model call. Ids are the record; text is a rendering of them. */
export interface StepTokens {
  /** Prompt as the model saw it. Null when only counts are known. */
  readonly promptIds: readonly number[] | null;
  /** What was sampled. */
  readonly completionIds: readonly number[] | null;
  /** Natural-log probability of each sampled token under `sampling`; same length as `completionIds`. */
  readonly logProbs: readonly number[] | null;
  readonly sampling: Sampling | null;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  /** Whether the ids were made by encoding text again, so that an on-policy loss must refuse them. */
  readonly reencoded: boolean;
}

/** One action and what came of it. */
export interface Step {
  /** Position, from 0 without gaps. */
  readonly index: number;
  /** What the agent said or thought before the call. Empty when it said nothing. */
  readonly thought: string;
  readonly action: Action;
  readonly result: StepResult;
  /** What the learner receives, or null when none was given. */
  readonly reward: number | null;
  readonly scores: readonly Score[];
  /** UTC, ISO 8601 with milliseconds and `Z`, or null. */
  readonly timestamp: string | null;
  readonly tokens: StepTokens | null;
  /** Parallel calls of one model turn share its number; null when every step is a turn of its own. */
  readonly turn?: number | null;
  /** What else the source said of this step. */
  readonly extra?: Readonly<Record<string, Json>>;
}

/** What was to be done. */
export interface Task {
  /** Id, unique inside its source. Empty when the source names none. */
  readonly id: string;
  /** The instruction as the agent read it. */
  readonly description: string;
  /** What else is known: repo, baseCommit, files, setup, verifier, difficulty, language … */
  readonly [key: string]: Json | undefined;
}

/** Who said that an episode succeeded or failed. */
export type OutcomeSource = "verifier" | "harness" | "tests" | "finish" | "env";

/** How an episode ended. */
export interface Outcome {
  /** Null is unknown, which is not failure. */
  readonly success: boolean | null;
  /** Who said so; null exactly when `success` is null. */
  readonly source: OutcomeSource | null;
  /** Partial credit in [0, 1], or null. */
  readonly score: number | null;
  /** The task ended the episode. Null when the source does not tell. */
  readonly terminated: boolean | null;
  /** We ended it: step limit, time, context, interruption. */
  readonly truncated: boolean | null;
  /** Why it ended, in one word or two: `submit`, `max_steps`, `timeout`, `error`, `exit_cost` … */
  readonly reason: string | null;
  readonly testsPassed: number | null;
  readonly testsFailed: number | null;
  /** What the agent handed in, for example a patch. */
  readonly submission: string | null;
  /** Message of an error that ended the episode. */
  readonly error: string | null;
}

/** One wrapper or environment as data: enough to make it again. */
export interface Spec {
  readonly id: string;
  readonly options: Json;
}

/** An environment with its wrappers from the inside out. */
export interface EnvSpec extends Spec {
  readonly wrappers: readonly Spec[];
}

/** Where an episode ran. */
export interface EpisodeEnv extends EnvSpec {
  /** Seed of the episode in decimal; a text because it has 64 bits. */
  readonly seed: string | null;
}

/** Totals over the episode, as far as the source tells. */
export interface Usage {
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly costUsd: number | null;
  readonly durationMs: number | null;
}

/** A tool as a model sees it. */
export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the parameters: an object. */
  readonly parameters: { readonly [key: string]: unknown };
}

/** One whole episode. */
export interface Trajectory {
  readonly schema: typeof TRAJECTORY_SCHEMA;
  /** `sha256:` and 64 hex digits over the canonical content; see `trajectoryId`. */
  readonly id: string;
  readonly task: Task;
  /** Where it ran; null for a log of a foreign agent. */
  readonly env: EpisodeEnv | null;
  /** Name of the domain profile: `coding`, `browser` … */
  readonly domain: string;
  readonly agent: string;
  readonly model: string | null;
  /** System prompt, if there was one. */
  readonly system: string | null;
  /** Tools the agent was offered; null when the source does not tell. */
  readonly tools: readonly ToolDefinition[] | null;
  /** What reset showed: the first thing the agent read. */
  readonly reset: { readonly observation: string; readonly timestamp: string | null };
  readonly steps: readonly Step[];
  readonly outcome: Outcome;
  /** Scores of the whole episode. */
  readonly scores: readonly Score[];
  /** One number for the episode, or null before it was scored. */
  readonly reward: number | null;
  readonly usage: Usage;
  /** What else is known of where this comes from. */
  readonly metadata: Readonly<Record<string, Json>>;
}

/** An outcome of which nothing is known. */
export const unknownOutcome: Outcome = Object.freeze({
  success: null,
  source: null,
  score: null,
  terminated: null,
  truncated: null,
  reason: null,
  testsPassed: null,
  testsFailed: null,
  submission: null,
  error: null,
});

/** Usage of which nothing is known. */
export const unknownUsage: Usage = Object.freeze({
  promptTokens: null,
  completionTokens: null,
  costUsd: null,
  durationMs: null,
});
