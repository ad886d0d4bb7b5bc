/**
 * Rows as lines of columns.
 *
 * @module
 */

/** Lays rows out, two spaces between columns, no space at the end of a line. @param left Columns that start to the left. */
export function columnsText(rows: readonly (readonly string[])[], left = 1): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) => column < left ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))
      .join("  ").trimEnd()
  ).join("\n");
}
