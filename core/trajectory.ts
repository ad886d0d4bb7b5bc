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
  /** 0 is greedy. */
  readonly temperature: number;
  /** Most likely tokens kept, or null. */
  readonly topK: number | null;
  /** Probability mass kept, or null. */
  readonly topP: number | null;
  /** Least share of the best probability kept, or null. */
  readonly minP: number | null;
  /** Above 1 makes repeats less likely; null is off. */
  readonly repetitionPenalty: number | null;
  /** Seed in decimal, or null. */
  readonly seed: string | null;
  /** What the text was held to while it was drawn, for example `required`: to a call of a tool; absent for nothing. */
  readonly constraint?: string;
}

/** Tokens of one model call. Ids are the record; text is a rendering of them. */
export interface StepTokens {
  /** Prompt as the model saw it. Null when only counts are known. */
  readonly promptIds: readonly number[] | null;
  /** What was sampled. */
  readonly completionIds: readonly number[] | null;
  /**
   * Natural-log probability of each sampled token under `sampling`, or under the model itself when it was greedy; same
   * length as `completionIds`.
   */
  readonly logProbs: readonly number[] | null;
  /** Settings it was sampled with, or null. */
  readonly sampling: Sampling | null;
  /** Tokens of the prompt, cached ones included, or null. */
  readonly promptTokens: number | null;
  /** Tokens that were sampled, or null. */
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
  /** What was called. */
  readonly action: Action;
  /** What came back. */
  readonly result: StepResult;
  /** What the learner receives, or null when none was given. */
  readonly reward: number | null;
  /** Scores of this step. */
  readonly scores: readonly Score[];
  /** UTC, ISO 8601 with milliseconds and `Z`, or null. */
  readonly timestamp: string | null;
  /** Tokens of the model call, or null. */
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
  /** Tests that passed, or null. */
  readonly testsPassed: number | null;
  /** Tests that failed, or null. */
  readonly testsFailed: number | null;
  /** What the agent handed in, for example a patch. */
  readonly submission: string | null;
  /** Message of an error that ended the episode. */
  readonly error: string | null;
}

/** One wrapper or environment as data: enough to make it again. */
export interface Spec {
  /** Id of the contribution. */
  readonly id: string;
  /** Its options as data. */
  readonly options: Json;
}

/** An environment with its wrappers from the inside out. */
export interface EnvSpec extends Spec {
  /** Wrappers, the innermost first. */
  readonly wrappers: readonly Spec[];
}

/** Where an episode ran. */
export interface EpisodeEnv extends EnvSpec {
  /** Seed of the episode in decimal; a text because it has 64 bits. */
  readonly seed: string | null;
}

/** Totals over the episode, as far as the source tells. */
export interface Usage {
  /** Tokens of all prompts, cached ones included. */
  readonly promptTokens: number | null;
  /** Tokens that were sampled. */
  readonly completionTokens: number | null;
  /** US dollars. */
  readonly costUsd: number | null;
  /** Wall time in milliseconds. */
  readonly durationMs: number | null;
}

/** A tool as a model sees it. */
export interface ToolDefinition {
  /** Name to call it by. */
  readonly name: string;
  /** What it does, as the model reads it. */
  readonly description: string;
  /** JSON Schema of the parameters: an object. */
  readonly parameters: { readonly [key: string]: unknown };
}

/** One whole episode. */
export interface Trajectory {
  /** Name and version of this shape. */
  readonly schema: typeof TRAJECTORY_SCHEMA;
  /** `sha256:` and 64 hex digits over the canonical content; see `trajectoryId`. */
  readonly id: string;
  /** What was to be done. */
  readonly task: Task;
  /** Where it ran; null for a log of a foreign agent. */
  readonly env: EpisodeEnv | null;
  /** Name of the domain profile: `coding`, `browser` … */
  readonly domain: string;
  /** Name of what acted. */
  readonly agent: string;
  /** Model behind it, or null. */
  readonly model: string | null;
  /** System prompt, if there was one. */
  readonly system: string | null;
  /** Tools the agent was offered; null when the source does not tell. */
  readonly tools: readonly ToolDefinition[] | null;
  /** What reset showed: the first thing the agent read. */
  readonly reset: { readonly observation: string; readonly timestamp: string | null };
  /** What was done, in order. */
  readonly steps: readonly Step[];
  /** How it ended. */
  readonly outcome: Outcome;
  /** Scores of the whole episode. */
  readonly scores: readonly Score[];
  /** One number for the episode, or null before it was scored. */
  readonly reward: number | null;
  /** Totals. */
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
