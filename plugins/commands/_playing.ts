/**
 * Who plays what: the fields that `collect` and `evaluate` share, and the setup that they name.
 *
 * @module
 */
import { z } from "zod";
import { env } from "../../core/env.ts";
import type { Kernel } from "../../core/kernel.ts";
import type { Kind } from "../../core/kind.ts";
import { policy } from "../../core/policy.ts";
import type { Json } from "../../core/schema.ts";
import { wrapper } from "../../core/wrapper.ts";
import { parseAssignments } from "./_assignments.ts";
import type { Setup } from "./_episodes/plan.ts";
import { fullId } from "../../core/names.ts";
import { limitedSetup } from "./_setup.ts";
import { typedOptions } from "./_typed_options.ts";

type Texts = z.ZodDefault<z.ZodArray<z.ZodString>>;
type Count = z.ZodDefault<z.ZodInt>;

/** Fields of a command that lets a policy act in an environment. */
export const playingFields: {
  tasks: Texts;
  env: z.ZodDefault<z.ZodString>;
  envOption: Texts;
  wrapper: Texts;
  policy: z.ZodString;
  policyOption: Texts;
  seed: Count;
  concurrency: Count;
  maxSteps: Count;
  timeoutMs: Count;
} = {
  tasks: z.array(z.string()).default([]).describe("Task files (YAML or JSONL), folders and globs"),
  env: z.string().default("knowlyr/sandbox-v1").describe("Id of the environment"),
  envOption: z.array(z.string()).default([]).describe("Option of the environment, name=value"),
  wrapper: z.array(z.string()).default([]).describe("Id of a wrapper inside the limits, the first innermost"),
  policy: z.string().describe("Id of the policy"),
  policyOption: z.array(z.string()).default([]).describe("Option of the policy, name=value"),
  seed: z.int().min(0).default(0).describe("The only source of randomness"),
  concurrency: z.int().min(1).max(256).default(1).describe("Episodes at once; does not change the result"),
  maxSteps: z.int().min(1).default(50).describe("Steps after which an episode is truncated"),
  timeoutMs: z.int().min(1).default(600_000).describe("Wall time of an episode in milliseconds"),
};

/** What {@linkcode namedSetup} takes: the values of {@linkcode playingFields} that name things. */
export interface NamedSetup {
  readonly env: string;
  readonly envOption: readonly string[];
  readonly wrapper: readonly string[];
  readonly policy: string;
  readonly policyOption: readonly string[];
  readonly maxSteps: number;
  readonly timeoutMs: number;
}

/**
 * The setup that names and `name=value` texts mean.
 *
 * @throws {GymError} `UNKNOWN_ID`, or `INVALID_OPTIONS` naming the flag.
 */
export function namedSetup(kernel: Kernel, given: NamedSetup): Setup {
  const options = <T>(kind: Kind<T>, id: string, texts: readonly string[], flag: string): Json => {
    parseAssignments(texts, flag); // a text without = is an error that names this flag
    return typedOptions(texts, kernel.find(kind, id).contribution);
  };
  const envId = fullId(kernel, env, given.env);
  const policyId = fullId(kernel, policy, given.policy);
  return limitedSetup({
    ...given,
    env: envId,
    envOptions: options(env, envId, given.envOption, "--env-option"),
    policy: policyId,
    policyOptions: options(policy, policyId, given.policyOption, "--policy-option"),
    wrappers: given.wrapper.map((id) => ({ id: fullId(kernel, wrapper, id), options: {} })),
  });
}
