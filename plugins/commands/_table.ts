/**
 * Text tables: the one place that lays out columns for people.
 *
 * @module
 */

/** One value of a table. Numbers are shown with up to three decimals and stand to the right. */
export type Cell = string | number | null;

/** Lays out rows below their headings, two spaces between columns, no space at the end of a line. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = [headings, ...rows.map((row) => row.map(shown))];
  const right = headings.map((_, column) =>
    rows.length > 0 && rows.every((row) => typeof row[column] !== "string")
  );
  const widths = headings.map((_, column) =>
    Math.max(...texts.map((row) => [...(row[column] ?? "")].length))
  );
  return texts.map((row) =>
    row.map((cell, column) => {
      const room = " ".repeat(widths[column]! - [...cell].length);
      return right[column] ? room + cell : cell + room;
    }).join("  ").trimEnd()
  ).join("\n");
}

function shown(cell: Cell): string {
  if (cell === null) return "-";
  if (typeof cell === "string") return cell.replaceAll(/\s+/g, " ");
  return Number.isInteger(cell) ? String(cell) : cell.toFixed(3);
}
