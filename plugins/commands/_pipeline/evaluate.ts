/**
 * Policies of an evaluation → their episodes, and whether they differ by more than chance.
 *
 * @module
 */
import { join } from "node:path";
import type { Kernel } from "../../../core/kernel.ts";
import { deriveSeed, seeded } from "../../../core/prng.ts";
import type { Task, Trajectory } from "../../../core/trajectory.ts";
import { writeJsonl } from "../../files/mod.ts";
import type { Comparison } from "../../statistics/mod.ts";
import { collectEpisodes } from "../_episodes/collect.ts";
import { compareResults } from "../_evaluation/comparison.ts";
import { type Episode, episodeOf } from "../_evaluation/episode.ts";
import { measureOf, type Result } from "../_evaluation/pairing.ts";
import { type EvaluationSummary, summarise } from "../_evaluation/summary.ts";
import { limitedSetup } from "../_setup.ts";
import type { StageFacts } from "./folder.ts";
import { type ModelPlace, withModel } from "./model.ts";
import { evaluationFolder } from "./references.ts";
import { rowsOf } from "./rows.ts";
import type { Contender, EvaluateItem } from "./schema.ts";
import type { RunWorld } from "./stage.ts";

/** How one policy did. */
export interface ContenderSummary extends Omit<EvaluationSummary, "tasks"> {
  /** Name in the pipeline. */
  readonly name: string;
  /** Id of the policy. */
  readonly policy: string;
}

/** What one evaluation came to. */
export interface EvaluationResult {
  readonly name: string;
  /** Id of the environment. */
  readonly env: string;
  /** Seed of its episodes. */
  readonly seed: number;
  readonly policies: readonly ContenderSummary[];
  /** Each later policy beside the first, corrected for their number. */
  readonly comparisons: readonly Comparison[];
  /** What a reader must know beside them. */
  readonly notes: readonly string[];
}

/** What {@linkcode evaluated} takes. */
export interface EvaluationJob extends RunWorld {
  readonly kernel: Kernel;
  readonly item: EvaluateItem;
  readonly contender: Contender;
  /** Who acts; null when the policy's options say it, or it needs no model. */
  readonly model: ModelPlace | null;
  readonly tasks: readonly Task[];
  readonly seed: number;
  /** Digest of everything that the episodes depend on. */
  readonly inputs: string;
}

/**
 * Seed of all evaluations of a run. It is derived from the run's seed by a label that no source uses, so no policy is
 * evaluated on an episode that a source played.
 */
export function evaluationSeed(seed: number): number {
  return Number(deriveSeed(seed, "evaluate") >> 11n); // 53 bits, which a number holds
}

/**
 * Plays the episodes of one policy that are missing, then writes them all to `output`. Meanwhile they are in a file
 * that is named after what they depend on, so that episodes of another model are never taken for them.
 */
export async function evaluated(job: EvaluationJob, output: string): Promise<StageFacts> {
  const { item, contender, model, tasks, seed, inputs, folder } = job;
  const file = folder.file(output);
  const parts = join(file, "..", "parts");
  const part = join(parts, `${inputs}.jsonl`);
  await Deno.mkdir(parts, { recursive: true });
  await collectEpisodes({
    ...job,
    setup: limitedSetup({
      ...item,
      policy: contender.policy,
      policyOptions: withModel(contender.policyOptions, model),
    }),
    schedule: { tasks, episodes: item.episodes, seed },
    file: part,
    shown: part,
    concurrency: item.concurrency,
    timestamps: false,
  });
  const episodes = await writeJsonl(file, movable(part, item.name!, contender.name!));
  await Deno.remove(parts, { recursive: true });
  return { episodes };
}

/** The episodes without the digest of a setup that names folders: the same bytes wherever the run lies. */
async function* movable(part: string, evaluation: string, policy: string): AsyncGenerator<Trajectory> {
  for await (const { metadata, ...played } of rowsOf(part)) {
    const { setupDigest: _, ...unit } = metadata["unit"] as Trajectory["metadata"];
    yield { ...played, metadata: { ...metadata, unit, run: { evaluation, policy } } };
  }
}

/** Sums up and compares what was played. @param file Path of something in the run folder. */
export async function evaluationOf(
  { name = "", env, policies }: EvaluateItem,
  seed: number,
  file: (...names: readonly string[]) => string,
): Promise<EvaluationResult> {
  const prng = seeded(seed);
  const results: Result[] = [];
  const summaries: ContenderSummary[] = [];
  for (const [index, contender] of policies.entries()) {
    const path = file(evaluationFolder(name), contender.name!, "trajectories.jsonl");
    const episodes = (await Array.fromAsync(rowsOf(path))).map(episodeOf);
    results.push({ name: contender.name!, input: contender.name!, episodes });
    const { tasks: _, ...summary } = summarise(episodes, prng.fork(`summary ${index}`));
    summaries.push({ name: contender.name!, policy: contender.policy, ...summary });
  }
  const compared = isComparable(results)
    ? compareResults(results, { measure: measureOf(results), by: "episode", alpha: 0.05, prng })
    : [];
  return {
    name,
    env,
    seed,
    policies: summaries,
    comparisons: compared.map(({ comparison }) => comparison),
    notes: [...new Set(compared.flatMap(({ notes }) => notes))],
  };
}

/** Whether every episode has the number that would be compared. */
function isComparable(results: readonly Result[]): boolean {
  if (measureOf(results) === "success") return true;
  return results.every(({ episodes }) => episodes.every(({ reward }: Episode) => reward !== null));
}
