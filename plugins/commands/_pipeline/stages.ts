/**
 * The stages of a run: sources, score, select, one for each export, each training and each policy of an evaluation,
 * summary. A stage writes one file or folder whole and says in the journal what it was made from, so a rerun does only
 * what is missing or has changed.
 *
 * @module
 */
import { exporter, type ExportReport } from "../../../core/exporter.ts";
import type { Json } from "../../../core/schema.ts";
import type { Trajectory } from "../../../core/trajectory.ts";
import { writeJsonl } from "../../files/mod.ts";
import { shortHash } from "../_episodes/plan.ts";
import type { IssueCount } from "./issues.ts";
import type { ReadPipeline } from "./read.ts";
import type { EvaluationResult } from "./evaluate.ts";
import { Learning } from "./learning.ts";
import { rowsOf, sourceOf } from "./rows.ts";
import type { ExportItem, Pipeline } from "./schema.ts";
import { scored } from "./score.ts";
import { chosen, picked } from "./select.ts";
import { gather, type PreparedSource, prepareSource, type SourceWorld } from "./sources.ts";
import { interruptible, type RunWorld, stage } from "./stage.ts";
import { summarize } from "./summary.ts";
import type { TrainSummary } from "./train.ts";
import type { ExportSummary, RunSummary } from "./text.ts";

/** Name of the run folder: the pipeline's name and a digest of everything in it that the results depend on. */
export function runName(pipeline: Pipeline): string {
  const sources = pipeline.sources.map((source) => {
    if (source.collect === undefined) return source;
    return { ...source, collect: withoutConcurrency(source.collect) };
  });
  const evaluate = pipeline.evaluate.map(withoutConcurrency);
  return `${pipeline.name}-${shortHash({ ...pipeline, sources, evaluate }).slice(0, 8)}`;
}

/** It does not change the result. */
function withoutConcurrency<T extends { readonly concurrency: number }>(
  { concurrency: _, ...rest }: T,
): Omit<T, "concurrency"> {
  return rest;
}

/**
 * Runs what is not finished.
 *
 * @throws {GymError} `INTERRUPTED` when the signal came; finished stages and episodes are kept.
 */
export async function runStages(read: ReadPipeline, world: RunWorld): Promise<RunSummary> {
  const { pipeline } = read;
  await world.folder.write("config.yaml", read.text);
  await world.folder.write("resolved.json", `${JSON.stringify(pipeline, null, 2)}\n`);
  const gathered = await gatherStage(read, world);
  const scoring = await scoreStage(read, world, gathered.inputs);
  const selecting = await selectStage(read, world, scoring);
  const exports: ExportSummary[] = [];
  for (const item of pipeline.export) exports.push(await exportStage(read, world, selecting.inputs, item));
  const learning = new Learning(read, world);
  const training: TrainSummary[] = [];
  for (const item of pipeline.train) training.push(await learning.train(item, selecting.inputs));
  const evaluations: EvaluationResult[] = [];
  for (const item of pipeline.evaluate) evaluations.push(await learning.evaluate(item));
  const sources = pipeline.sources.map(({ name = "" }) => name);
  const summary: RunSummary = {
    schema: "gym.run/1",
    run: runName(pipeline),
    seed: pipeline.seed,
    ...await summarize(rowsOf(world.folder.file("scored.jsonl")), sources),
    selected: selecting.selected,
    exports,
    training,
    evaluations,
    issues: gathered.issues.map(({ source, what, count }) => ({ source, what, count })),
  };
  await world.folder.write("issues.json", `${JSON.stringify(gathered.issues, null, 2)}\n`);
  await world.folder.write("summary.json", `${JSON.stringify(summary, null, 2)}\n`);
  return summary;
}

async function gatherStage(
  { pipeline, kernel, folder: base }: ReadPipeline,
  world: RunWorld,
): Promise<{ inputs: string; issues: readonly IssueCount[] }> {
  const sourceWorld: SourceWorld = { ...world, kernel, base, seed: pipeline.seed };
  const prepared: PreparedSource[] = [];
  for (const source of pipeline.sources) prepared.push(await prepareSource(source, sourceWorld));
  const inputs = shortHash(prepared.map((source) => source.inputs));
  const facts = await stage(world, "sources", inputs, "trajectories.jsonl", async () => {
    const { trajectories, issues } = await gather(prepared, sourceWorld);
    return { trajectories, issues: issues as unknown as Json };
  });
  return { inputs, issues: facts["issues"] as unknown as readonly IssueCount[] };
}

async function scoreStage(
  { pipeline, kernel }: ReadPipeline,
  world: RunWorld,
  before: string,
): Promise<string> {
  const inputs = shortHash([before, pipeline.score]);
  await stage(world, "score", inputs, "scored.jsonl", async () => {
    const trajectories = interruptible(rowsOf(world.folder.file("trajectories.jsonl")), world);
    return {
      rows: await writeJsonl(world.folder.file("scored.jsonl"), scored(kernel, trajectories, pipeline.score)),
    };
  });
  return inputs;
}

async function selectStage(
  { pipeline }: ReadPipeline,
  world: RunWorld,
  before: string,
): Promise<{ inputs: string; selected: number }> {
  const inputs = shortHash([before, pipeline.select]);
  const rows = (): AsyncIterable<Trajectory> =>
    interruptible(rowsOf(world.folder.file("scored.jsonl")), world);
  const facts = await stage(world, "select", inputs, "selected.jsonl", async () => {
    const positions = await chosen(rows(), pipeline.select);
    return { rows: await writeJsonl(world.folder.file("selected.jsonl"), picked(rows(), positions)) };
  });
  return { inputs, selected: facts["rows"] as number };
}

async function exportStage(
  { kernel }: ReadPipeline,
  world: RunWorld,
  before: string,
  item: ExportItem,
): Promise<ExportSummary> {
  const file = item.file!; // filled in when the pipeline was read
  const facts = await stage(world, `export ${file}`, shortHash([before, item]), file, async () => {
    const writer = await kernel.make(exporter, item.format, item.options);
    let skipped: ExportReport["skipped"] = {};
    const onReport = (report: ExportReport): void => void (skipped = report.skipped);
    const selected = interruptible(rowsOf(world.folder.file("selected.jsonl")), world);
    const trajectories = item.sources === undefined ? selected : ofSources(selected, new Set(item.sources));
    const rows = await writeJsonl(world.folder.file(file), writer.export(trajectories, { onReport }));
    return { rows, skipped };
  });
  return {
    format: item.format,
    file,
    rows: facts["rows"] as number,
    skipped: facts["skipped"] as Record<string, number>,
  };
}

async function* ofSources(
  trajectories: AsyncIterable<Trajectory>,
  sources: ReadonlySet<string>,
): AsyncGenerator<Trajectory> {
  for await (const trajectory of trajectories) {
    if (sources.has(sourceOf(trajectory))) yield trajectory;
  }
}
