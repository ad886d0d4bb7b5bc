/**
 * A row as `dpo` trains on it.
 *
 * @module
 */
import type { ExportRow } from "../../../core/exporter.ts";
import type { EncodedRow, MessageCodec, RowPosition } from "../_data/mod.ts";
import { encodeItems } from "../_preference/dataset.ts";
import type { DpoOptions } from "../dpo.ts";

/** Encodes one row: the sequences of its answers. */
export function encodeDpoRow(
  value: ExportRow,
  position: RowPosition,
  codec: MessageCodec,
  options: DpoOptions,
): EncodedRow {
  const made = encodeItems(value, position, codec, options);
  return {
    sequences: made.flatMap(({ item }) => item?.sides ?? []),
    skipped: made.find(({ item }) => item === null)?.skipped ?? null,
    shortened: made.some(({ shortened }) => shortened),
    uninformative: false,
  };
}
