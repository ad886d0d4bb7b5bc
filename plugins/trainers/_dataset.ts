/**
 * A job's rows as sequences: what is trained on, what is evaluated on, and what became of the rows.
 *
 * @module
 */
import { loadChatCodec } from "../chat/codec.ts";
import type { ExportRow } from "../../core/exporter.ts";
import type { TrainJob } from "../../core/trainer.ts";
import { checkTokenizerFits, type ModelFolder } from "../models/mod.ts";
import {
  digestOf,
  type EncodedData,
  type EncodeOptions,
  type EncodeReport,
  encodeRows,
  type MessageCodec,
  readRows,
  roleShares,
  roleSharesText,
  type Row,
  type Sequence,
  splitByGroup,
} from "./_data/mod.ts";

/** Data of a run. */
export interface Dataset {
  readonly training: readonly Sequence[];
  /** Empty when there is nothing to evaluate on. */
  readonly evaluation: readonly Sequence[];
  readonly report: EncodeReport;
  /** Hash over both. */
  readonly hash: string;
}

/** Options of {@linkcode loadDataset}. */
export interface DatasetOptions extends EncodeOptions {
  /** Share of the groups to hold out when the job has no evaluation rows. */
  readonly evalFraction: number;
  /** Whether the definitions of tools stand in the prompt. */
  readonly tools: boolean;
  readonly seed: number;
}

/** Reads and encodes the rows of a job. */
export async function loadDataset(
  job: TrainJob,
  codec: MessageCodec,
  options: DatasetOptions,
): Promise<Dataset> {
  const { source = "rows", place } = job;
  const placed = (of: "rows" | "evaluation", name: string) =>
    place === undefined ? name : (row: number) => place(row, of);
  const { sequences, report } = await encoded(job.rows(), placed("rows", source), codec, options);
  const apart = job.evaluation === undefined ? { training: sequences, evaluation: [] } : {
    training: sequences,
    evaluation:
      (await encoded(job.evaluation(), placed("evaluation", `${source} (evaluation)`), codec, options))
        .sequences,
  };
  const split = job.evaluation === undefined && options.evalFraction > 0
    ? heldOut(sequences, options)
    : apart;
  return { ...split, report, hash: digestOf([...split.training, ...split.evaluation]) };
}

/** The chat codec of a model; its tokens must have rows in the embedding. */
export async function codecOf(folder: ModelFolder): Promise<Awaited<ReturnType<typeof loadChatCodec>>> {
  const codec = await loadChatCodec(folder.path);
  checkTokenizerFits(folder.config, codec.tokenizer.vocabularySize, `${folder.path}/tokenizer.json`);
  return codec;
}

/** What rows became, for people. */
export function datasetText({ training, evaluation, report }: Dataset): string {
  const skipped = Object.entries(report.skipped).map(([reason, count]) => `${count} left out: ${reason}`);
  const held = evaluation.length === 0 ? [] : [`${evaluation.length} sequences to evaluate on`];
  return [
    [`${report.rows} rows, ${training.length} sequences`, ...held, ...skipped].join("; "),
    roleSharesText(roleShares(training)),
  ].join("\n");
}

function encoded(
  rows: AsyncIterable<ExportRow>,
  place: Parameters<typeof readRows>[1],
  codec: MessageCodec,
  options: DatasetOptions,
): Promise<EncodedData> {
  const read = readRows(rows, place);
  return encodeRows(options.tools ? read : mapped(read, withoutTools), codec, options);
}

/** A row whose prompt has no definitions of tools. */
export function withoutTools(row: Row): Row {
  return "tools" in row ? { ...row, tools: null } : row;
}

async function* mapped<T>(rows: AsyncIterable<T>, change: (row: T) => T): AsyncGenerator<T> {
  for await (const row of rows) yield change(row);
}

function heldOut(sequences: readonly Sequence[], { evalFraction, seed }: DatasetOptions) {
  const { train, evaluation } = splitByGroup(sequences, { share: evalFraction, seed });
  // One task alone cannot be on both sides.
  return train.length === 0 ? { training: sequences, evaluation: [] } : { training: train, evaluation };
}
