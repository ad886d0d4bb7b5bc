/** Rows of any known dialect → rows to encode. */
import { continuationOf, plainOf } from "./continuation.ts";
import { Field } from "./field.ts";
import { instructionOf } from "./instruction.ts";
import { turnsOf } from "./messages.ts";
import type { ReadRowOptions, Row, RowPosition } from "./row.ts";
import { toolsOf } from "./tools.ts";
import { conversationOf, systemOf } from "./turn.ts";

interface Dialect {
  /** Columns that make it, for the message of a refusal. */
  readonly name: string;
  fits(row: Field): boolean;
  read(row: Field, position: number, options: ReadRowOptions): Row;
}

/** Tried in order. */
const DIALECTS: readonly Dialect[] = [
  {
    name: "messages",
    fits: (row) => row.has("messages"),
    read: (row, position) => listOf(row, position, row.at("messages")),
  },
  {
    name: "conversations",
    fits: (row) => row.has("conversations"),
    read: (row, position) => listOf(row, position, row.at("conversations")),
  },
  {
    name: "prompt and completion",
    fits: (row) => row.has("prompt") && row.has("completion"),
    read: (row, position, options) =>
      continuationOf(row, position, [row.at("prompt"), row.at("completion")], options),
  },
  {
    name: "segments",
    fits: (row) => row.has("segments"),
    read: (row, position) => plainOf(row, position, row.at("segments").someItems().map(segmentOf)),
  },
  {
    name: "instruction with steps, response or output",
    fits: (row) => row.has("instruction") && !row.first("steps", "response", "output").absent,
    read: instructionOf,
  },
  {
    name: "text",
    fits: (row) => row.has("text"),
    read: (row, position) => plainOf(row, position, [{ text: row.at("text").text(), train: true }]),
  },
];

/**
 * Reads one row: `messages`; `conversations`; `prompt` and `completion`; `segments`; `instruction` with `steps`,
 * `response` or `output`; `text`.
 *
 * @throws {GymError} `INVALID_DATA` naming file, line and field, what was wanted and what came.
 */
export function readRow(
  value: unknown,
  { file, line, row: position }: RowPosition,
  options: ReadRowOptions = {},
): Row {
  const row = new Field(value, { file, line });
  const columns = Object.keys(row.object());
  const dialect = DIALECTS.find((known) => known.fits(row));
  if (dialect === undefined) {
    return new Field(columns, row.place).refuse(`columns ${DIALECTS.map(({ name }) => name).join("; or ")}`);
  }
  return dialect.read(row, position, options);
}

/**
 * Reads rows one by one.
 *
 * @param place Where row n (from 0) stands, for messages; or the name of a file whose n-th row stands on line n.
 */
export async function* readRows(
  rows: AsyncIterable<unknown>,
  place: string | ((row: number) => Omit<RowPosition, "row">),
  options: ReadRowOptions = {},
): AsyncGenerator<Row> {
  const at = typeof place === "function" ? place : (row: number) => ({ file: place, line: row + 1 });
  let row = 0;
  for await (const value of rows) {
    yield readRow(value, { ...at(row), row }, options);
    row++;
  }
}

function listOf(row: Field, position: number, list: Field): Row {
  const turns = turnsOf(list.someItems(), toolsOf(row));
  return conversationOf(row, position, [...systemOf(row), ...turns]);
}

function segmentOf(item: Field): { readonly text: string; readonly train: boolean } {
  return { text: item.at("text").text(), train: item.at("label").boolean() };
}
