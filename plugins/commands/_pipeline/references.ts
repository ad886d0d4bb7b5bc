/**
 * Where one part of a pipeline file names another: that the other is there, and that names are not taken twice.
 *
 * @module
 */
import { hint } from "../../../core/id.ts";
import type { GymError } from "../../../core/errors.ts";
import type { FieldPath, YamlFile } from "../../files/yaml_file.ts";
import { ACT } from "./fitting.ts";
import { ownModel } from "./model.ts";
import type { ModelRef, Pipeline } from "./schema.ts";

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

/**
 * Checks a pipeline whose names are filled in.
 *
 * @throws {GymError} `INVALID_DATA` with the place of what does not fit.
 */
export function checkReferences(pipeline: Pipeline, yaml: YamlFile): void {
  uniqueNames("source", ["sources"], pipeline.sources, yaml);
  checkExports(pipeline, yaml);
  checkTraining(pipeline, yaml);
  checkEvaluations(pipeline, yaml);
  checkFolders(pipeline, yaml);
}

function checkExports({ sources, export: exports }: Pipeline, yaml: YamlFile): void {
  const names = sources.map(({ name = "" }) => name);
  for (const [index, item] of exports.entries()) {
    for (const [at, name] of (item.sources ?? []).entries()) {
      if (names.includes(name)) continue;
      throw unknown(yaml, ["export", index, "sources", at], "the name of a source", name, names, "sources");
    }
  }
  const seen = new Set(OWN_FILES);
  for (const [index, { file = "" }] of exports.entries()) {
    if (seen.has(file)) throw taken(yaml, ["export", index, "file"], "file", file);
    seen.add(file);
  }
}

function checkTraining({ export: exports, train }: Pipeline, yaml: YamlFile): void {
  const files = exports.map(({ file = "" }) => file);
  const names = train.map(({ name = "" }) => name);
  for (const [index, { data, model }] of train.entries()) {
    if (data !== undefined && !files.includes(data)) {
      throw unknown(yaml, ["train", index, "data"], "the file of an export", data, files, "exports");
    }
    checkModel(model, names, index, yaml, ["train", index, "model", "train"]);
  }
}

function checkEvaluations({ train, evaluate }: Pipeline, yaml: YamlFile): void {
  const names = train.map(({ name = "" }) => name);
  for (const [index, { policies }] of evaluate.entries()) {
    uniqueNames("policy", ["evaluate", index, "policies"], policies, yaml);
    for (const [at, { model }] of policies.entries()) {
      checkModel(model, names, names.length, yaml, ["evaluate", index, "policies", at, "model", "train"]);
    }
  }
}

/** @param before How many of the names may be meant: the items that are trained earlier. */
function checkModel(
  model: ModelRef | undefined,
  names: readonly string[],
  before: number,
  yaml: YamlFile,
  path: FieldPath,
): void {
  if (typeof model !== "object" || !("train" in model)) return;
  const at = names.indexOf(model.train);
  if (at >= 0 && at < before) return;
  const [wanted, many] = before < names.length
    ? ["the name of an earlier item of train", "earlier items"]
    : ["the name of an item of train", "items"];
  if (at < 0) throw unknown(yaml, path, wanted, model.train, names.slice(0, before), many);
  const where = at === before ? "which is this one" : "which comes later";
  throw yaml.error(
    "INVALID_DATA",
    ACT,
    path,
    `wanted ${wanted}: received "${model.train}", ${where}`,
  );
}

/** Names of folders that a run makes; exports could not be read from one of the same name. */
function checkFolders({ export: exports, train, evaluate }: Pipeline, yaml: YamlFile): void {
  const models = [...train, ...evaluate.flatMap(({ policies }) => policies)];
  const seen = new Set([
    ...OWN_FILES,
    ...exports.map(({ file = "" }) => file),
    ...models.flatMap(({ model }) => ownModel(model) ?? []),
  ]);
  const folders = [
    ...train.map(({ name = "" }, index) => [["train", index, "name"], name, name] as const),
    ...evaluate.map(({ name = "" }, index) =>
      [["evaluate", index, "name"], name, evaluationFolder(name)] as const
    ),
  ];
  for (const [path, name, folder] of folders) {
    if (seen.has(folder)) throw taken(yaml, path, "folder", name);
    seen.add(folder);
  }
}

/** Folder of an evaluation in the run folder. */
export function evaluationFolder(name: string): string {
  return `evaluate-${name}`;
}

interface Named {
  readonly name?: string | undefined;
}

function uniqueNames(one: string, list: FieldPath, items: readonly Named[], yaml: YamlFile): void {
  items.forEach(({ name }, index) => {
    if (items.findIndex((other) => other.name === name) === index) return;
    throw yaml.error(
      "INVALID_DATA",
      ACT,
      [...list, index, "name"],
      `wanted a name of its own for every ${one}: received "${name}" twice`,
    );
  });
}

function taken(yaml: YamlFile, path: FieldPath, what: string, name: string): GymError {
  return yaml.error(
    "INVALID_DATA",
    ACT,
    path,
    `wanted a ${what} of its own: received "${name}", which is taken`,
  );
}

function unknown(
  yaml: YamlFile,
  path: FieldPath,
  wanted: string,
  received: string,
  known: readonly string[],
  many: string,
): GymError {
  const near = hint(received, known) || `: the ${many} are ${known.join(", ") || "none"}`;
  return yaml.error("INVALID_DATA", ACT, path, `wanted ${wanted}: received "${received}"${near}`);
}
