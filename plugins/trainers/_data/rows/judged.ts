/** An answer and whether it is wanted: `prompt`, `completion` and `label`. */
import { Field } from "./field.ts";
import { readRow } from "./read.ts";
import type { JudgedRow, ReadRowOptions, RowPosition } from "./row.ts";

/**
 * Reads a row of any dialect with a `label` (or `kto_tag`) that is true or false.
 *
 * @throws {GymError} `INVALID_DATA` naming file, line and field, what was wanted and what came.
 */
export function readJudgedRow(
  value: unknown,
  position: RowPosition,
  options: ReadRowOptions = {},
): JudgedRow {
  const row = new Field(value, position);
  row.object();
  return { answer: readRow(value, position, options), good: row.first("label", "kto_tag").boolean() };
}
