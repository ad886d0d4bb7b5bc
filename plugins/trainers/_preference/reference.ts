/**
 * Log-probabilities of all answers under the reference: computed once, before the first step, and kept in the folder of
 * the run, so that no second model is in memory while training.
 *
 * The reference is made from files and from values taken before the first step, never from what was trained since: a run
 * that goes on finds the same numbers even when the file is gone.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { canonicalJson } from "../../../core/trajectory_id.ts";
import { writeAtomic } from "../../files/mod.ts";
import { scoringGraph, type TrainedModel } from "../../models/training_graph.ts";
import { type Feed, Session } from "../../onnx/session.ts";
import type { Trainee } from "../_trainee.ts";
import type { PreferenceData, PreferenceSet } from "./dataset.ts";
import { scoreAnswers, type ScoreOptions } from "./score.ts";

/** Log-probabilities under the reference, in the order of the sequences. */
export interface ReferenceScores {
  readonly training: ArrayLike<number>;
  readonly evaluation: ArrayLike<number>;
}

/** A model that is no longer trained. */
export interface ReferenceModel {
  readonly model: TrainedModel;
  /** Values of its buckets. */
  readonly parameters: Readonly<Record<string, Feed>>;
}

/**
 * The model before its first update. Fresh adapters change nothing, so it is the base model then, read from its files;
 * an adapter that training goes on from is kept as it is now.
 *
 * @param base Whether to leave such an adapter out as well.
 */
export function referenceModel({ model, learner }: Trainee, goesOn: boolean, base: boolean): ReferenceModel {
  if (!goesOn || base) return { model: { ...model, buckets: [], lora: null }, parameters: {} };
  const parameters = Object.entries(learner.feeds()).map(([name, { data, shape }]) => [
    name,
    { data: data.slice(), shape },
  ]);
  return { model, parameters: Object.fromEntries(parameters) };
}

/** What {@linkcode referenceScores} takes beside model and data. */
export interface ReferenceOptions extends Omit<ScoreOptions, "parameters"> {
  /** Folder of the run. */
  readonly folder: string;
  /** Whether the file of an earlier run in this folder may be read. */
  readonly resume: boolean;
  /** What the numbers depend on beside the data. */
  readonly settings: Readonly<Record<string, string>>;
  readonly threads: number | undefined;
}

const FILE = "reference.json";

const schema = z.object({
  schema: z.literal("gym.reference/1"),
  key: z.string(),
  scores: z.array(z.number()),
});

/** Reads the scores, or computes and keeps them. A row that tells its own is believed. */
export async function referenceScores(
  { model, parameters }: ReferenceModel,
  provider: Trainee["provider"],
  { training, evaluation, hash }: PreferenceData,
  options: ReferenceOptions,
): Promise<ReferenceScores> {
  const sequences = [...training.sequences, ...evaluation.sequences];
  const told = [...toldScores(training), ...toldScores(evaluation)];
  const { folder, resume, settings, threads } = options;
  const path = join(folder, FILE);
  const key = createHash("sha256").update(canonicalJson({ ...settings, hash, told })).digest("hex");
  const kept = resume ? await readScores(path, key, sequences.length) : null;
  const divided = (scores: readonly number[]): ReferenceScores => ({
    training: scores.slice(0, training.sequences.length),
    evaluation: scores.slice(training.sequences.length),
  });
  if (kept !== null) return divided(kept);
  const asked = sequences.filter((_, at) => told[at] === null);
  const computed = asked.length === 0 ? new Float64Array() : await (async () => {
    await using session = await Session.create(
      scoringGraph(model, { maxPositions: options.maxLength }),
      { provider, prepack: false, ...threads === undefined ? {} : { threads } },
    );
    return await scoreAnswers(session, asked, { ...options, parameters });
  })();
  let next = 0;
  const scores = told.map((score) => score ?? computed[next++]!);
  await writeAtomic(path, `${JSON.stringify({ schema: "gym.reference/1", key, scores })}\n`);
  return divided(scores);
}

/** What rows tell of their answers; null for those that have to be computed. */
function toldScores({ items, sequences }: PreferenceSet): readonly (number | null)[] {
  const told = items.flatMap<number | null>(({ sides, reference }) => reference ?? sides.map(() => null));
  return sequences.map((_, at) => told[at] ?? null);
}

/** Scores of an earlier part of this run; null when there are none for these data. */
async function readScores(path: string, key: string, count: number): Promise<readonly number[] | null> {
  const text = await Deno.readTextFile(path).catch((thrown) => {
    if (thrown instanceof Deno.errors.NotFound) return null;
    throw thrown;
  });
  if (text === null) return null;
  const parsed = schema.safeParse(jsonOf(text));
  return parsed.success && parsed.data.key === key && parsed.data.scores.length === count
    ? parsed.data.scores
    : null;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // computed anew
  }
}
