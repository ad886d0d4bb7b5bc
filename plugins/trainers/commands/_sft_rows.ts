/**
 * A row as `sft` trains on it.
 *
 * @module
 */
import type { ExportRow } from "../../../core/exporter.ts";
import { type EncodedRow, encodeRow, type MessageCodec, readRow, type RowPosition } from "../_data/mod.ts";
import { withoutTools } from "../_dataset.ts";
import type { SftOptions } from "../sft.ts";

/** Encodes one row. */
export function encodeSftRow(
  value: ExportRow,
  position: RowPosition,
  codec: MessageCodec,
  options: SftOptions,
): EncodedRow {
  const row = readRow(value, position);
  return encodeRow(options.tools ? row : withoutTools(row), codec, options);
}
