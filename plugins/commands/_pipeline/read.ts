/**
 * A pipeline file → a plan that is known to fit the kernel, or an error at the line that does not.
 *
 * @module
 */
import { dirname } from "node:path";
import { adapter } from "../../../core/adapter.ts";
import { findDomain } from "../../../core/domain.ts";
import { exporter } from "../../../core/exporter.ts";
import { parseId } from "../../../core/id.ts";
import { createKernel, type Kernel } from "../../../core/kernel.ts";
import { loadPlugin } from "../../../core/load.ts";
import { fullId } from "../../../core/names.ts";
import { rubric } from "../../../core/rubric.ts";
import { trainer } from "../../../core/trainer.ts";
import { fileError } from "../../files/mod.ts";
import { type FieldPath, YamlFile } from "../../files/yaml_file.ts";
import { ACT, checked, checkedEnv, checkedPolicy, placed } from "./fitting.ts";
import { modelThere, withModel } from "./model.ts";
import { checkReferences } from "./references.ts";
import {
  type Contender,
  type EvaluateItem,
  type ExportItem,
  type ModelRef,
  type Pipeline,
  pipelineSchema,
  type PipelineSource,
  type TrainItem,
} from "./schema.ts";

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
  await checkModelFolders(pipeline, folder, yaml);
  return { pipeline, text, kernel: extended, folder };
}

/** No stage makes a folder that is named by its path, so what is missing now would be missing hours later. */
async function checkModelFolders(
  { train, evaluate }: Pipeline,
  folder: string,
  yaml: YamlFile,
): Promise<void> {
  const named = [
    ...train.map(({ model }, index) => [["train", index, "model"], model] as const),
    ...evaluate.flatMap(({ policies }, index) =>
      policies.map(({ model }, at) => [["evaluate", index, "policies", at, "model"], model] as const)
    ),
  ];
  for (const [path, model] of named) {
    if (typeof model === "string") await placed(yaml, path, () => modelThere(model, folder));
  }
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

/** The pipeline with every id in full and every name filled in. */
async function resolved(parsed: Pipeline, kernel: Kernel, yaml: YamlFile): Promise<Pipeline> {
  const sources = [];
  for (const [index, source] of parsed.sources.entries()) {
    sources.push(await resolvedSource(source, index, kernel, yaml));
  }
  const pipeline: Pipeline = {
    ...parsed,
    sources,
    score: await resolvedScore(parsed.score, kernel, yaml),
    export: await Promise.all(parsed.export.map((item, index) => resolvedExport(item, index, kernel, yaml))),
    train: await Promise.all(parsed.train.map((item, index) => resolvedTrain(item, index, kernel, yaml))),
    evaluate: await Promise.all(
      parsed.evaluate.map((item, index) => resolvedEvaluation(item, index, kernel, yaml)),
    ),
  };
  checkReferences(pipeline, yaml);
  return pipeline;
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
  const world = await checkedEnv(kernel, collect, yaml, at("collect"));
  const policy = await checkedPolicy(kernel, collect, yaml, at("collect"));
  return {
    ...source,
    name: source.name ?? shortName(collect.policy),
    collect: { ...collect, ...world, policy },
  };
}

async function resolvedScore(
  given: Pipeline["score"],
  kernel: Kernel,
  yaml: YamlFile,
): Promise<Pipeline["score"]> {
  const { domain, rubrics = await ruleRubrics(kernel) } = given;
  if (domain !== undefined) await placed(yaml, ["score", "domain"], () => findDomain(kernel, domain));
  const ids = rubrics.map((id, index) =>
    checked(kernel, rubric, { id, options: {} }, yaml, { id: ["score", "rubrics", index] })
  );
  return { ...given, rubrics: await Promise.all(ids) };
}

/** Ids of the rubrics that judge by rule. What takes options that must be given is left out. */
async function ruleRubrics(kernel: Kernel): Promise<string[]> {
  const ids = [];
  for (const { contribution: { id, options } } of kernel.list(rubric)) {
    if (options.safeParse({}).success && (await kernel.make(rubric, id)).source === "rule") ids.push(id);
  }
  return ids;
}

async function resolvedExport(
  item: ExportItem,
  index: number,
  kernel: Kernel,
  yaml: YamlFile,
): Promise<ExportItem> {
  const path = { id: ["export", index, "format"], options: ["export", index, "options"] };
  const id = await checked(kernel, exporter, { id: item.format, options: item.options }, yaml, path);
  return { ...item, format: id, file: item.file ?? `${item.format.replace(/^.*\//, "")}.jsonl` };
}

async function resolvedTrain(
  item: TrainItem,
  index: number,
  kernel: Kernel,
  yaml: YamlFile,
): Promise<TrainItem> {
  const options = withModel(item.options, standIn(item.model));
  const path = { id: ["train", index, "trainer"], options: ["train", index, "options"] };
  const id = await checked(kernel, trainer, { id: item.trainer, options }, yaml, path);
  return { ...item, trainer: id, name: item.name ?? parseId(id).name };
}

async function resolvedEvaluation(
  item: EvaluateItem,
  index: number,
  kernel: Kernel,
  yaml: YamlFile,
): Promise<EvaluateItem> {
  const at: FieldPath = ["evaluate", index];
  const world = await checkedEnv(kernel, item, yaml, at);
  const policies = await Promise.all(item.policies.map(async (contender, place): Promise<Contender> => {
    const policyOptions = withModel(contender.policyOptions, standIn(contender.model));
    const path = [...at, "policies", place];
    const policy = await checkedPolicy(kernel, { ...contender, policyOptions }, yaml, path);
    return { ...contender, name: contender.name ?? shortName(contender.policy), policy };
  }));
  return { ...item, ...world, name: item.name ?? shortName(item.env), policies };
}

/** Some model: the one that is meant is made later, and any text stands for it. */
function standIn(model: ModelRef | undefined): { readonly model: string; readonly adapter: null } | null {
  return model === undefined ? null : { model: "model", adapter: null };
}

/** `solver` of `acme/solver-v1`. */
function shortName(id: string): string {
  return id.replace(/^.*\//, "").replace(/-v\d+$/, "");
}
