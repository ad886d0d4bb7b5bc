/**
 * The stages of a run: sources, score, select, one export each, one training each, summary. A stage writes one file
 * or folder whole and says in the journal what it was made from, so a rerun does only what is missing or has changed.
 *
 * @module
 */
import { resolve } from "node:path";
import { exporter, type ExportReport } from "../../../core/exporter.ts";
import type { Json } from "../../../core/schema.ts";
import type { Trajectory } from "../../../core/trajectory.ts";
import { writeJsonl } from "../../files/mod.ts";
import { shortHash } from "../_episodes/plan.ts";
import type { RunFolder, StageFacts } from "./folder.ts";
import type { IssueCount } from "./issues.ts";
import type { ReadPipeline } from "./read.ts";
import { rowsOf } from "./rows.ts";
import type { Pipeline } from "./schema.ts";
import { scored } from "./score.ts";
import { chosen, picked } from "./select.ts";
import {
  gather,
  type PreparedSource,
  prepareSource,
  type SourceWorld,
  throwIfInterrupted,
} from "./sources.ts";
import { summarize } from "./summary.ts";
import { modelFacts, ownModel, trained, type TrainItem, type TrainSummary } from "./train.ts";
import type { ExportSummary, RunSummary } from "./text.ts";

/** What the stages need of the world around them. */
export interface RunWorld {
  readonly folder: RunFolder;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  /** The line to type to go on after an interruption. */
  readonly again: string;
}

/** Name of the run folder: the pipeline's name and a digest of everything in it that the results depend on. */
export function runName(pipeline: Pipeline): string {
  const sources = pipeline.sources.map((source) => {
    if (source.collect === undefined) return source;
    const { concurrency: _, ...collect } = source.collect; // does not change the result
    return { ...source, collect };
  });
  return `${pipeline.name}-${shortHash({ ...pipeline, sources }).slice(0, 8)}`;
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
  const training: TrainSummary[] = [];
  for (const item of pipeline.train) training.push(await trainStage(read, world, selecting.inputs, item));
  const sources = pipeline.sources.map(({ name = "" }) => name);
  const summary: RunSummary = {
    schema: "gym.run/1",
    run: runName(pipeline),
    seed: pipeline.seed,
    ...await summarize(rowsOf(world.folder.file("scored.jsonl")), sources),
    selected: selecting.selected,
    exports,
    training,
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
  item: Pipeline["export"][number],
): Promise<ExportSummary> {
  const file = item.file!; // filled in when the pipeline was read
  const facts = await stage(world, `export ${file}`, shortHash([before, item]), file, async () => {
    const writer = await kernel.make(exporter, item.format, item.options);
    let skipped: ExportReport["skipped"] = {};
    const onReport = (report: ExportReport): void => void (skipped = report.skipped);
    const trajectories = interruptible(rowsOf(world.folder.file("selected.jsonl")), world);
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

async function trainStage(
  { pipeline, kernel, folder: base }: ReadPipeline,
  world: RunWorld,
  before: string,
  item: TrainItem,
): Promise<TrainSummary> {
  const name = item.name!; // filled in when the pipeline was read
  const data = pipeline.export.find(({ file }) => file === item.data)!; // which was checked then
  const there = typeof item.model === "string" ? await modelFacts(item.model, base) : null;
  const model = typeof item.model === "string" ? resolve(base, item.model) : await modelStage(world, item);
  const facts = await stage(
    world,
    `train ${name}`,
    shortHash([before, data, item, there]),
    name,
    async (begun) => {
      const { folder, signal, again } = world;
      const file = (...names: readonly string[]): string => folder.file(...names);
      return await trained(item, { kernel, file, signal, again, model, resume: begun });
    },
  );
  return facts as unknown as TrainSummary; // sound: the stage's own
}

/** Makes the model that a training starts from; null when it needs none made. */
async function modelStage(world: RunWorld, { model, ...item }: TrainItem): Promise<string | null> {
  const own = ownModel({ model, ...item });
  if (own === null || typeof model !== "object") return null;
  const path = world.folder.file(own);
  await stage(world, own, shortHash(model), own, async () => {
    const { initModel } = await import("../../models/mod.ts");
    await Deno.remove(path, { recursive: true }).catch(() => {}); // a killed process may have left a whole one
    await initModel(path, { family: model.family, size: model.init, seed: BigInt(model.seed) });
    return {};
  });
  return path;
}

async function stage(
  world: RunWorld,
  name: string,
  inputs: string,
  output: string,
  work: (begun: boolean) => Promise<StageFacts>,
): Promise<StageFacts> {
  throwIfInterrupted(world.signal, world.again);
  world.progress(`stage ${name}`);
  const { facts, skipped } = await world.folder.stage(name, inputs, output, work);
  if (skipped) world.progress(`stage ${name} was finished before`);
  return facts;
}

async function* interruptible(
  rows: AsyncIterable<Trajectory>,
  { signal, again }: RunWorld,
): AsyncGenerator<Trajectory> {
  for await (const row of rows) {
    throwIfInterrupted(signal, again);
    yield row;
  }
}
