/**
 * Whether names and options in a pipeline file fit the kernel, and where they stand when they do not.
 *
 * @module
 */
import { env } from "../../../core/env.ts";
import { type ErrorCode, GymError, isGymError, messageOf } from "../../../core/errors.ts";
import type { Kernel } from "../../../core/kernel.ts";
import type { Kind } from "../../../core/kind.ts";
import { fullId } from "../../../core/names.ts";
import { policy } from "../../../core/policy.ts";
import { describeIssues } from "../../../core/schema.ts";
import { wrapper } from "../../../core/wrapper.ts";
import type { FieldPath, YamlFile } from "../../files/yaml_file.ts";
import type { CollectSource } from "./schema.ts";

/** What the reader of a pipeline is doing, for messages. */
export const ACT = "use pipeline";

/** Where id and options of a contribution stand in the file. */
export interface SpecPaths {
  readonly id: FieldPath;
  /** Where `id` stands when left out. */
  readonly options?: FieldPath;
}

/** The full id, once id and options were found to fit. @throws {GymError} With the place in the file. */
export async function checked<T>(
  kernel: Kernel,
  kind: Kind<T>,
  spec: { readonly id: string; readonly options: unknown },
  yaml: YamlFile,
  paths: SpecPaths,
): Promise<string> {
  const id = await placed(yaml, paths.id, () => fullId(kernel, kind, spec.id));
  const schema = kernel.find(kind, id).contribution.options;
  const result = schema.safeParse(spec.options);
  if (result.success) return id;
  const [issue] = result.error.issues;
  const extra = issue?.keys?.slice(0, 1) ?? [];
  const path = [...(paths.options ?? paths.id), ...(issue?.path ?? []), ...extra];
  const text = describeIssues(result.error.issues, spec.options, schema).join("; ");
  throw yaml.error("INVALID_OPTIONS", ACT, path, `cannot use options of ${kind.kindName} "${id}": ${text}`);
}

/** Runs `call`; what it throws is told with the place in the file. */
export async function placed<T>(yaml: YamlFile, path: FieldPath, call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    const code: ErrorCode = isGymError(thrown) ? thrown.code : "INVALID_DATA";
    const error = yaml.error(code, ACT, path, messageOf(thrown).replace(/^C(?=annot )/, "c"));
    throw new GymError(code, error.message, error.data, { cause: thrown });
  }
}

/** An environment and its wrappers, ids in full. @param at Where their fields stand. */
export async function checkedEnv(
  kernel: Kernel,
  given: Pick<CollectSource, "env" | "envOptions" | "wrappers">,
  yaml: YamlFile,
  at: FieldPath,
): Promise<Pick<CollectSource, "env" | "wrappers">> {
  const id = await checked(kernel, env, { id: given.env, options: given.envOptions }, yaml, {
    id: [...at, "env"],
    options: [...at, "envOptions"],
  });
  const wrappers = await Promise.all(given.wrappers.map(async (item, index) => ({
    ...item,
    id: await checked(kernel, wrapper, item, yaml, {
      id: [...at, "wrappers", index, "id"],
      options: [...at, "wrappers", index, "options"],
    }),
  })));
  return { env: id, wrappers };
}

/** The full id of a policy. @param at Where its fields stand. */
export function checkedPolicy(
  kernel: Kernel,
  given: { readonly policy: string; readonly policyOptions: unknown },
  yaml: YamlFile,
  at: FieldPath,
): Promise<string> {
  return checked(kernel, policy, { id: given.policy, options: given.policyOptions }, yaml, {
    id: [...at, "policy"],
    options: [...at, "policyOptions"],
  });
}
