/**
 * A job's rows as items: what is trained on, what is evaluated on, and what became of the rows.
 *
 * @module
 */
import { GymError } from "../../../core/errors.ts";
import type { ExportRow } from "../../../core/exporter.ts";
import type { TrainJob } from "../../../core/trainer.ts";
import {
  cutAt,
  digestOf,
  type MessageCodec,
  readJudgedRow,
  readPreferenceRow,
  type RowPosition,
  type Sequence,
  splitByGroup,
} from "../_data/mod.ts";
import {
  type EncodedItem,
  type ItemOptions,
  judgedItem,
  pairItem,
  type PreferenceItem,
  promptLength,
} from "./item.ts";
import { type Objective, sidesOf } from "./objective.ts";

/** What {@linkcode loadPreferences} takes. */
export interface PreferenceDataOptions extends ItemOptions {
  readonly loss: Objective["loss"];
  /** Whether rows without a trained token are left out instead of failing. */
  readonly skipEmpty: boolean;
  /** Share of the groups to hold out when the job has no evaluation rows. */
  readonly evalFraction: number;
  readonly seed: number;
  /** Whether a pair counts by its margin. */
  readonly marginWeighting: boolean;
  /** What a good answer counts. */
  readonly desirableWeight: number;
  /** What a bad answer counts. */
  readonly undesirableWeight: number;
}

/** Items of one side of the split. */
export interface PreferenceSet {
  readonly items: readonly PreferenceItem[];
  /** What each item counts; 1 on average by margins. */
  readonly weights: readonly number[];
  /**
   * All answers: side s of item i of S sides is i·S + s. For `kto`, whose items have one side, n + i is the answer of
   * another row put after the prompt of item i.
   */
  readonly sequences: readonly Sequence[];
}

/** Data of a run. */
export interface PreferenceData {
  readonly training: PreferenceSet;
  /** Without items when there is nothing to evaluate on. */
  readonly evaluation: PreferenceSet;
  /** Rows read to train on. */
  readonly rows: number;
  /** Hash over both sets. */
  readonly hash: string;
  /** What rows became, for people. */
  readonly text: string;
}

/** Reads and encodes the rows of a job. */
export async function loadPreferences(
  job: TrainJob,
  codec: MessageCodec,
  options: PreferenceDataOptions,
): Promise<PreferenceData> {
  const all = await encoded(job, "rows", codec, options);
  const apart = job.evaluation === undefined
    ? heldOut(all.items, options)
    : { train: all.items, evaluation: (await encoded(job, "evaluation", codec, options)).items };
  const [training, evaluation] = [setOf(apart.train, options), setOf(apart.evaluation, options)];
  return {
    training,
    evaluation,
    rows: all.rows,
    hash: digestOf([...training.sequences, ...evaluation.sequences]),
    text: textOf(all, training, evaluation, options),
  };
}

/** A row as items: a pair, or for `kto` a judged answer, or a pair as two of them. */
export function encodeItems(
  value: ExportRow,
  position: RowPosition,
  codec: MessageCodec,
  options: ItemOptions & Pick<PreferenceDataOptions, "loss">,
): readonly EncodedItem[] {
  if (options.loss !== "kto") return [pairItem(readPreferenceRow(value, position), codec, options)];
  if (!("chosen" in value)) return [judgedItem(readJudgedRow(value, position), codec, options)];
  const { chosen, rejected } = readPreferenceRow(value, position);
  return [{ answer: chosen, good: true }, { answer: rejected, good: false }]
    .map((row) => judgedItem(row, codec, options));
}

interface Encoded {
  readonly items: readonly PreferenceItem[];
  readonly rows: number;
  readonly skipped: ReadonlyMap<string, number>;
  readonly shortened: number;
}

async function encoded(
  job: TrainJob,
  of: "rows" | "evaluation",
  codec: MessageCodec,
  options: PreferenceDataOptions,
): Promise<Encoded> {
  const { source = "rows", place } = job;
  const file = of === "rows" ? source : `${source} (evaluation)`;
  const items: PreferenceItem[] = [];
  const skipped = new Map<string, number>();
  let [row, shortened] = [0, 0];
  for await (const value of of === "rows" ? job.rows() : job.evaluation!()) { // sound: asked for where it is
    const position = { ...place?.(row, of) ?? { file, line: row + 1 }, row };
    for (const made of encodeItems(value, position, codec, options)) {
      if (made.item !== null) items.push(made.item);
      shortened += Number(made.shortened);
      if (made.skipped === null) continue;
      if (made.skipped !== "too long" && !options.skipEmpty) throw emptyError(position);
      skipped.set(made.skipped, (skipped.get(made.skipped) ?? 0) + 1);
    }
    row++;
  }
  if (items.length === 0) {
    throw new GymError(
      "INVALID_DATA",
      `Cannot train on ${file}: wanted at least one row to train on: received ${row}, all left out`,
      { rows: row },
    );
  }
  return { items, rows: row, skipped, shortened };
}

function emptyError({ file, line }: RowPosition): GymError {
  return new GymError(
    "INVALID_DATA",
    `Cannot train on ${file}:${line}: wanted a trained token in every answer: received an answer without any; ` +
      "skipEmpty leaves such rows out",
    { file, line },
  );
}

function heldOut(items: readonly PreferenceItem[], { evalFraction, seed }: PreferenceDataOptions) {
  if (evalFraction === 0) return { train: items, evaluation: [] };
  const split = splitByGroup(items, { share: evalFraction, seed });
  return split.train.length === 0 ? { train: items, evaluation: [] } : split;
}

function setOf(items: readonly PreferenceItem[], options: PreferenceDataOptions): PreferenceSet {
  const sides = items.flatMap((item) => item.sides);
  return {
    items,
    weights: weightsOf(items, options),
    sequences: options.loss === "kto" ? [...sides, ...othersOf(items, options.maxLength)] : sides,
  };
}

function weightsOf(items: readonly PreferenceItem[], options: PreferenceDataOptions): readonly number[] {
  const { marginWeighting, desirableWeight, undesirableWeight } = options;
  if (!marginWeighting) {
    return items.map(({ good }) => good === null ? 1 : good ? desirableWeight : undesirableWeight);
  }
  const margins = items.map(marginOf);
  const mean = margins.reduce((all, one) => all + one, 0) / margins.length;
  return margins.map((margin) => mean === 0 ? 1 : margin / mean);
}

function marginOf({ margin, origin }: PreferenceItem): number {
  if (margin !== null && margin >= 0) return margin;
  throw new GymError(
    "INVALID_DATA",
    `Cannot weigh ${origin} by its margin: wanted a margin of at least 0: received ${margin ?? "none"}`,
    { origin },
  );
}

/** Rows looked at for another prompt: copies of one prompt stand close together. */
const LOOKED_AT = 64;

/** For each item its prompt with the answer of the next row that has another prompt. */
function othersOf(items: readonly PreferenceItem[], maxLength: number): readonly Sequence[] {
  const answers = items.map(({ sides }) => sides[0]!); // sound: an item has a side
  const prompts = answers.map((answer) => answer.ids.subarray(0, promptLength(answer)));
  return answers.map((own, at) => {
    const after = Array.from(
      { length: Math.min(LOOKED_AT, items.length - 1) },
      (_, step) => (at + 1 + step) % items.length,
    );
    const other = after.find((index) => !equal(prompts[index]!, prompts[at]!)) ?? after[0] ?? at;
    return joined(own, answers[other]!, maxLength);
  });
}

function equal(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at]);
}

/** The prompt of one answer before the tokens of another. */
function joined(own: Sequence, other: Sequence, maxLength: number): Sequence {
  const [end, start] = [promptLength(own), promptLength(other)];
  return {
    ...own,
    ...cutAt({
      ids: Int32Array.of(...own.ids.subarray(0, end), ...other.ids.subarray(start)),
      weights: Float32Array.of(...own.weights.subarray(0, end), ...other.weights.subarray(start)),
      roles: Uint8Array.of(...own.roles.subarray(0, end), ...other.roles.subarray(start)),
      steps: Int32Array.of(...own.steps.subarray(0, end), ...other.steps.subarray(start)),
    }, maxLength),
  };
}

function textOf(
  { rows, skipped, shortened }: Encoded,
  training: PreferenceSet,
  evaluation: PreferenceSet,
  { loss }: PreferenceDataOptions,
): string {
  const name = sidesOf(loss) === 2 ? "pair" : "answer";
  const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;
  return [
    `${counted(rows, "row")}, ${counted(training.items.length, name)}`,
    ...evaluation.items.length === 0 ? [] : [`${counted(evaluation.items.length, name)} to evaluate on`],
    ...[...skipped].map(([reason, count]) => `${count} left out: ${reason}`),
    ...shortened === 0 ? [] : [`${shortened} shortened`],
  ].join("; ");
}
