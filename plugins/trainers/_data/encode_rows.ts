/** A data set → sequences, with a report of what became of its rows. */
import { GymError } from "../../../core/errors.ts";
import type { MessageCodec } from "./codec.ts";
import { type EncodeOptions, encodeRow, type SkipReason } from "./encode.ts";
import type { Row } from "./rows/row.ts";
import { type Sequence, trainedTokens } from "./sequence.ts";

/** What became of a data set. */
export interface EncodeReport {
  /** Rows read. */
  readonly rows: number;
  /** Sequences made. */
  readonly sequences: number;
  /** Tokens in them. */
  readonly tokens: number;
  /** Tokens with a weight. */
  readonly trainedTokens: number;
  /** Rows left out, counted by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Rows cut in parts. */
  readonly cut: number;
  /** Rows that lost text. */
  readonly shortened: number;
  /** Rows whose rewards told no steps apart though weights by rewards were asked for. */
  readonly uninformative: number;
}

/** A data set ready to be planned. */
export interface EncodedData {
  /** In the order of the rows. */
  readonly sequences: readonly Sequence[];
  /** What became of the rows. */
  readonly report: EncodeReport;
}

/**
 * Encodes a data set, one row at a time.
 *
 * @throws {GymError} `INVALID_DATA` when rows have no trained token, with their count and the first one, unless
 * `skipEmpty`; and when nothing is left to train on. `LIMIT_EXCEEDED` as {@linkcode encodeRow}.
 */
export async function encodeRows(
  rows: AsyncIterable<Row>,
  codec: MessageCodec,
  options: EncodeOptions,
): Promise<EncodedData> {
  const sequences: Sequence[] = [];
  const skipped = new Map<SkipReason, number>();
  const empty: string[] = [];
  const count = { rows: 0, cut: 0, shortened: 0, uninformative: 0 };
  for await (const row of rows) {
    const made = encodeRow(row, codec, options);
    sequences.push(...made.sequences);
    count.rows++;
    count.cut += Number(made.sequences.length > 1);
    count.shortened += Number(made.shortened);
    count.uninformative += Number(made.uninformative);
    if (made.skipped === null) continue;
    skipped.set(made.skipped, (skipped.get(made.skipped) ?? 0) + 1);
    if (made.skipped !== "too long") empty.push(row.origin);
  }
  const reasons = Object.fromEntries(skipped);
  if (empty.length > 0 && options.skipEmpty !== true) refuseEmpty(empty, reasons);
  if (sequences.length === 0) {
    throw new GymError(
      "INVALID_DATA",
      `Cannot train on the data: wanted at least one row to train on: received ${
        counted(count.rows)
      }, all left out`,
      { rows: count.rows, skipped: reasons },
    );
  }
  return { sequences, report: { ...count, ...totals(sequences), skipped: reasons } };
}

function refuseEmpty(origins: readonly string[], skipped: Readonly<Record<string, number>>): never {
  throw new GymError(
    "INVALID_DATA",
    `Cannot train on ${origins[0]}: wanted a trained token in every row: received ` +
      `${counted(origins.length)} without any, this the first; skipEmpty leaves them out`,
    { count: origins.length, origins: origins.slice(0, 10), skipped },
  );
}

function totals(
  sequences: readonly Sequence[],
): { sequences: number; tokens: number; trainedTokens: number } {
  return {
    sequences: sequences.length,
    tokens: sequences.reduce((sum, { ids }) => sum + ids.length, 0),
    trainedTokens: sequences.reduce((sum, sequence) => sum + trainedTokens(sequence), 0),
  };
}

function counted(rows: number): string {
  return `${rows} ${rows === 1 ? "row" : "rows"}`;
}
