/**
 * A gym for agents that use language models: environments, trajectories, scores, data sets and training in one loop.
 *
 * A kernel holds plugins; everything else is asked of it by kind and id, or made by handle. The built-in plugins use
 * the same extension points as anyone's.
 *
 * @module
 */

// The kernel
export { createKernel, type Entry, type Kernel, type KernelOptions } from "./core/kernel.ts";
export { type Contribution, defineKind, type Definition, type Kind } from "./core/kind.ts";
export { definePlugin, type Plugin } from "./core/plugin.ts";
export { type LoadOptions, loadPlugin } from "./core/load.ts";
export { type IdParts, parseId } from "./core/id.ts";
export {
  ERROR_CODES,
  type ErrorCode,
  GymError,
  hasCode,
  isGymError,
  type Place,
  PluginError,
  type PluginFault,
} from "./core/errors.ts";
export {
  type Issue,
  type Json,
  type JsonSchema,
  jsonSchemaOf,
  noOptions,
  parseOptions,
  type Schema,
} from "./core/schema.ts";
export { below, deriveSeed, type Prng, restorePrng, seeded, type SeededPrng } from "./core/prng.ts";

// Contracts, one kind each
export {
  type Awaitable,
  type Env,
  env,
  type ResetOptions,
  type StepInfo,
  type StepOptions,
  type TimeStep,
} from "./core/env.ts";
export { EnvWrapper, makeEnv, pipe, whenReady, type Wrapper, wrapper } from "./core/wrapper.ts";
export { type Decision, type Policy, policy, type PolicyView } from "./core/policy.ts";
export { type Rubric, rubric, type RubricContext, type Scorer, type Verdict } from "./core/rubric.ts";
export * from "./core/domain.ts";
export { parseDomainProfile } from "./core/domain_profile.ts";
export {
  type ExecOptions,
  type ExecResult,
  type Runtime,
  runtime,
  type WorkspaceEntry,
  type WorkspaceSnapshot,
} from "./core/runtime.ts";
export {
  type Adapter,
  adapter,
  type LogIssue,
  type LogSample,
  type LogSource,
  type ReadOptions,
} from "./core/adapter.ts";
export {
  type Exporter,
  exporter,
  type ExportOptions,
  type ExportReport,
  type ExportRow,
} from "./core/exporter.ts";
export { type Sink, sink } from "./core/sink.ts";
export { type Trainer, trainer, type TrainEvent, type TrainJob } from "./core/trainer.ts";
export {
  type Command,
  command,
  type CommandContext,
  type CommandExample,
  type CommandResult,
  type ExitCode,
} from "./core/command.ts";

// Trajectories
export * from "./core/trajectory.ts";
export * from "./core/trajectory_schema.ts";
export * from "./core/trajectory_id.ts";
export * from "./core/jsonl.ts";
export * from "./core/logs.ts";

// Running and scoring episodes
export * from "./core/recording.ts";
export * from "./core/rollout.ts";
export * from "./core/scoring.ts";
export * from "./core/training.ts";

// What comes with the library
export { builtins } from "./plugins/mod.ts";
export * from "./plugins/wrappers/mod.ts";
export * from "./plugins/policies/mod.ts";
export * from "./plugins/sinks/mod.ts";
export * from "./plugins/trainers/mod.ts";
