/**
 * A row as `sft` trains on it.
 *
 * @module
 */
import type { ExportRow } from "../../../core/exporter.ts";
import { encodeRow, type MessageCodec, readRow, type RowPosition, type Sequence } from "../_data/mod.ts";
import { withoutTools } from "../_dataset.ts";
import type { SftOptions } from "../sft.ts";

/** Encodes one row; none when it is left out. */
export function encodeSftRow(
  value: ExportRow,
  position: RowPosition,
  codec: MessageCodec,
  options: SftOptions,
): readonly Sequence[] {
  const row = readRow(value, position);
  return encodeRow(options.tools ? row : withoutTools(row), codec, options).sequences;
}
