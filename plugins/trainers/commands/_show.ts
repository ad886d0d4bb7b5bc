/**
 * Rows as what is trained of them, token by token, and what is wrong with the chat template: both before anything is
 * trained.
 *
 * @module
 */
import type { ChatCodec } from "../../chat/codec.ts";
import { lintTemplate, type TemplateVerdict } from "../../chat/lint.ts";
import type { ExportRow } from "../../../core/exporter.ts";
import { openModelFolder } from "../../models/mod.ts";
import { type MessageCodec, type RowPosition, type Sequence, sequenceText } from "../_data/mod.ts";
import { codecOf } from "../_dataset.ts";
import type { DataRows } from "./_data_files.ts";

/** A row as a trainer sees it. */
export interface ShownRow {
  readonly sequences: readonly Sequence[];
  /** Why it is left out; null when it is not. */
  readonly skipped: string | null;
}

/** One row → its sequences. */
export type EncodeOne = (
  value: ExportRow,
  position: RowPosition,
  codec: MessageCodec,
  options: never,
) => ShownRow;

/** Rows that are looked at for some to show: the first ones may all be left out. */
const LOOKED_AT = 100;

/** What a run begins with: how its template behaves, and how its first rows look. */
export async function previewOf(
  rows: DataRows,
  count: number,
  { model, encode, options, colour }: {
    readonly model: string;
    readonly encode: EncodeOne;
    readonly options: unknown;
    readonly colour: boolean;
  },
): Promise<{ readonly verdict: TemplateVerdict; readonly text: string }> {
  const codec = await codecOf(await openModelFolder(model));
  const verdict = lintTemplate(codec);
  const shown: string[] = [];
  const wanted = (row: number) => row < LOOKED_AT && shown.length < count;
  for await (const { sequences: [first] } of encodedRows(rows, codec, { encode, options, wanted })) {
    if (first !== undefined) shown.push(sequenceText(first, codec.tokenizer, { colour }));
  }
  return { verdict, text: shown.join("\n\n") };
}

/** How rows are encoded, and which. */
export interface EncodedRowsOptions {
  readonly encode: EncodeOne;
  readonly options: unknown;
  /** First row, from 0. @default 0 */
  readonly from?: number;
  readonly wanted: (row: number) => boolean;
}

/** Rows from `from` on with their sequences, as long as `wanted` says of the next one. */
export async function* encodedRows(
  rows: DataRows,
  codec: ChatCodec,
  { encode, options, from = 0, wanted }: EncodedRowsOptions,
): AsyncGenerator<ShownRow & { readonly row: number; readonly origin: string }> {
  let row = -1;
  for await (const value of rows.rows()) {
    if (++row < from) continue;
    if (!wanted(row)) return;
    const position = { ...rows.place(row), row };
    // Sound: the options come from the schema of the trainer whose encoder this is.
    const made = encode(value, position, codec, options as never);
    yield { ...made, row, origin: `${position.file}:${position.line}` };
  }
}
