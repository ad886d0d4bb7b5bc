/**
 * A pipeline file → a plan that is known to fit the kernel, or an error at the line that does not.
 *
 * @module
 */
import { dirname } from "node:path";
import { adapter } from "../../../core/adapter.ts";
import { findDomain } from "../../../core/domain.ts";
import { env } from "../../../core/env.ts";
import { hint, parseId } from "../../../core/id.ts";
import { type ErrorCode, GymError, isGymError, messageOf } from "../../../core/errors.ts";
import { exporter } from "../../../core/exporter.ts";
import { createKernel, type Kernel } from "../../../core/kernel.ts";
import type { Kind } from "../../../core/kind.ts";
import { loadPlugin } from "../../../core/load.ts";
import { policy } from "../../../core/policy.ts";
import { rubric } from "../../../core/rubric.ts";
import { describeIssues } from "../../../core/schema.ts";
import { trainer } from "../../../core/trainer.ts";
import { wrapper } from "../../../core/wrapper.ts";
import { fileError } from "../../files/mod.ts";
import { fullId } from "../../../core/names.ts";
import { type FieldPath, YamlFile } from "../../files/yaml_file.ts";
import { type Pipeline, pipelineSchema, type PipelineSource } from "./schema.ts";
import { ownModel, type TrainItem, trainOptions } from "./train.ts";

/** A pipeline that fits its kernel: ids in full, options parsed once to see that they fit. */
export interface ReadPipeline {
  readonly pipeline: Pipeline;
  /** The file as it is. */
  readonly text: string;
  /** The given kernel and the plugins that the pipeline names. */
  readonly kernel: Kernel;
  /** Folder that paths in the file start from. */
  readonly folder: string;
}

const ACT = "use pipeline";

/** @throws {GymError} Naming file, line, column and field. */
export async function readPipeline(kernel: Kernel, path: string, shown: string): Promise<ReadPipeline> {
  const text = await Deno.readTextFile(path).catch((thrown) => {
    throw fileError("read", shown, thrown);
  });
  const yaml = new YamlFile(text, shown, "pipeline");
  const parsed = yaml.parse(pipelineSchema, ACT);
  const folder = dirname(path);
  const extended = await withPlugins(kernel, parsed.plugins, yaml, folder);
  const pipeline = await resolved(parsed, extended, yaml);
  return { pipeline, text, kernel: extended, folder };
}

async function withPlugins(
  kernel: Kernel,
  specifiers: readonly string[],
  yaml: YamlFile,
  folder: string,
): Promise<Kernel> {
  if (specifiers.length === 0) return kernel;
  const plugins = [...kernel.plugins];
  for (const [index, specifier] of specifiers.entries()) {
    const plugin = await placed(yaml, ["plugins", index], () => loadPlugin(specifier, { cwd: folder }));
    if (!plugins.includes(plugin)) plugins.push(plugin); // the program may have loaded the same module before
  }
  return placed(yaml, ["plugins"], () => createKernel({ plugins }));
}

/** The pipeline with every id in full. */
async function resolved(parsed: Pipeline, kernel: Kernel, yaml: YamlFile): Promise<Pipeline> {
  const sources = [];
  for (const [index, source] of parsed.sources.entries()) {
    sources.push(await resolvedSource(source, index, kernel, yaml));
  }
  uniqueNames(sources, yaml);
  const score = { ...parsed.score };
  if (score.domain !== undefined) {
    const name = score.domain;
    await placed(yaml, ["score", "domain"], () => findDomain(kernel, name));
  }
  score.rubrics = await Promise.all(
    (score.rubrics ?? await ruleRubrics(kernel)).map((id, index) =>
      checked(kernel, rubric, { id, options: {} }, yaml, { id: ["score", "rubrics", index] })
    ),
  );
  const exports = await Promise.all(
    parsed.export.map(async (item, index) => {
      const path = { id: ["export", index, "format"], options: ["export", index, "options"] };
      const id = await checked(kernel, exporter, { id: item.format, options: item.options }, yaml, path);
      return { ...item, format: id, file: item.file ?? `${item.format.replace(/^.*\//, "")}.jsonl` };
    }),
  );
  uniqueFiles(exports, yaml);
  const train = await Promise.all(
    parsed.train.map((item, index) => resolvedTrain(item, index, kernel, yaml)),
  );
  for (const [index, { data }] of train.entries()) {
    if (exports.some(({ file }) => file === data)) continue;
    const files = exports.map(({ file }) => file);
    const near = hint(data, files) || `: the exports are ${files.join(", ") || "none"}`;
    throw yaml.error(
      "INVALID_DATA",
      ACT,
      ["train", index, "data"],
      `wanted the file of an export: received "${data}"${near}`,
    );
  }
  uniqueFolders(train, exports, yaml);
  return { ...parsed, sources, score, export: exports, train };
}

async function resolvedTrain(
  item: TrainItem,
  index: number,
  kernel: Kernel,
  yaml: YamlFile,
): Promise<TrainItem> {
  // The model of the run is made later; any text stands for it.
  const options = trainOptions(item, item.model === undefined ? null : "model");
  const path = { id: ["train", index, "trainer"], options: ["train", index, "options"] };
  const id = await checked(kernel, trainer, { id: item.trainer, options }, yaml, path);
  return { ...item, trainer: id, name: item.name ?? parseId(id).name };
}

async function resolvedSource(
  source: PipelineSource,
  index: number,
  kernel: Kernel,
  yaml: YamlFile,
): Promise<PipelineSource> {
  const at = (...path: FieldPath): FieldPath => ["sources", index, ...path];
  const { collect, logs } = source;
  if ((collect === undefined) === (logs === undefined)) {
    const received = collect === undefined ? "neither" : "both";
    throw yaml.error("INVALID_DATA", ACT, at(), `wanted either logs or collect: received ${received}`);
  }
  if (collect === undefined) {
    const format = source.format;
    if (format !== undefined) {
      await placed(yaml, at("format"), () => fullId(kernel, adapter, format));
    }
    return { ...source, name: source.name ?? source.format ?? `logs-${index + 1}` };
  }
  for (const field of ["format", "report"] as const) {
    if (source[field] !== undefined) {
      throw yaml.error("INVALID_DATA", ACT, at(field), "wanted beside logs only: received it beside collect");
    }
  }
  const inner = (field: string): FieldPath => at("collect", field);
  const make = { env: collect.env, policy: collect.policy };
  make.env = await checked(kernel, env, { id: collect.env, options: collect.envOptions }, yaml, {
    id: inner("env"),
    options: inner("envOptions"),
  });
  make.policy = await checked(kernel, policy, { id: collect.policy, options: collect.policyOptions }, yaml, {
    id: inner("policy"),
    options: inner("policyOptions"),
  });
  const wrappers = await Promise.all(collect.wrappers.map(async (item, at) => ({
    ...item,
    id: await checked(kernel, wrapper, item, yaml, {
      id: [...inner("wrappers"), at, "id"],
      options: [...inner("wrappers"), at, "options"],
    }),
  })));
  const name = source.name ?? collect.policy.replace(/^.*\//, "").replace(/-v\d+$/, "");
  return { ...source, name, collect: { ...collect, ...make, wrappers } };
}

/** Ids of the rubrics that judge by rule. What takes options that must be given is left out. */
async function ruleRubrics(kernel: Kernel): Promise<string[]> {
  const ids = [];
  for (const { contribution: { id, options } } of kernel.list(rubric)) {
    if (options.safeParse({}).success && (await kernel.make(rubric, id)).source === "rule") ids.push(id);
  }
  return ids;
}

/** Where id and options of a contribution stand in the file. */
interface SpecPaths {
  readonly id: FieldPath;
  readonly options?: FieldPath;
}

/** The full id, once id and options were found to fit. */
async function checked<T>(
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
async function placed<T>(yaml: YamlFile, path: FieldPath, call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    const code: ErrorCode = isGymError(thrown) ? thrown.code : "INVALID_DATA";
    const error = yaml.error(code, ACT, path, messageOf(thrown).replace(/^C(?=annot )/, "c"));
    throw new GymError(code, error.message, error.data, { cause: thrown });
  }
}

function uniqueNames(sources: readonly PipelineSource[], yaml: YamlFile): void {
  sources.forEach(({ name }, index) => {
    if (sources.findIndex((other) => other.name === name) === index) return;
    throw yaml.error(
      "INVALID_DATA",
      ACT,
      ["sources", index, "name"],
      `wanted a name of its own for every source: received "${name}" twice`,
    );
  });
}

const OWN_FILES: readonly string[] = [
  "config.yaml",
  "resolved.json",
  "trajectories.jsonl",
  "scored.jsonl",
  "selected.jsonl",
  "journal.jsonl",
  "issues.json",
  "summary.json",
  "summary.txt",
];

/** Names of folders that a run makes; exports could not be read from one of the same name. */
function uniqueFolders(
  train: readonly TrainItem[],
  exports: readonly { readonly file: string }[],
  yaml: YamlFile,
): void {
  const seen = new Set([
    ...OWN_FILES,
    ...exports.map(({ file }) => file),
    ...train.flatMap((item) => ownModel(item) ?? []),
  ]);
  for (const [index, { name = "" }] of train.entries()) {
    if (seen.has(name)) {
      throw yaml.error(
        "INVALID_DATA",
        ACT,
        ["train", index, "name"],
        `wanted a folder of its own: received "${name}", which is taken`,
      );
    }
    seen.add(name);
  }
}

function uniqueFiles(exports: readonly { readonly file: string }[], yaml: YamlFile): void {
  const seen = new Set(OWN_FILES);
  for (const [index, { file }] of exports.entries()) {
    if (seen.has(file)) {
      throw yaml.error(
        "INVALID_DATA",
        ACT,
        ["export", index, "file"],
        `wanted a file of its own: received "${file}", which is taken`,
      );
    }
    seen.add(file);
  }
}
