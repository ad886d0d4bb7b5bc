/**
 * Rows of a data set as what is trained of them.
 *
 * @module
 */
import type { CommandContext, CommandResult } from "../../../core/command.ts";
import { GymError } from "../../../core/errors.ts";
import type { Json } from "../../../core/schema.ts";
import { openModelFolder } from "../../models/mod.ts";
import { roleShares, roleSharesText, type Sequence, sequenceJson, sequenceText } from "../_data/mod.ts";
import { codecOf } from "../_dataset.ts";
import { DataRows, findData } from "./_data_files.ts";
import { encodeSftRow } from "./_sft_rows.ts";
import { encodedRows } from "./_show.ts";

/** Which rows, of what, for which model. */
export interface ShowRowsOptions {
  readonly data: readonly string[];
  /** Absolute path. */
  readonly model: string;
  /** The only row to show, from 1; all up to `rows` when left out. */
  readonly row?: number | undefined;
  readonly rows: number;
  readonly colour: boolean;
  /** Options of `sft` that decide about data. */
  readonly encoding: Readonly<Record<string, unknown>>;
}

/** Shows rows. @throws {GymError} `INVALID_OPTIONS` when the row is not there. */
export async function showRows(
  { data, model, row: only, rows, colour, encoding }: ShowRowsOptions,
  context: Pick<CommandContext, "cwd" | "stdin">,
): Promise<CommandResult> {
  const read = new DataRows(await findData(data, context));
  const codec = await codecOf(await openModelFolder(model));
  const [from, to] = only === undefined ? [0, rows] : [only - 1, only];
  const [texts, items, sequences]: [string[], Json[], Sequence[]] = [[], [], []];
  const wanted = (row: number) => row < to;
  const asked = { encode: encodeSftRow, options: encoding, from, wanted };
  for await (const shown of encodedRows(read, codec, asked)) {
    sequences.push(...shown.sequences);
    texts.push(
      ...shown.skipped === null ? [] : [`${shown.origin}: left out: ${shown.skipped}`],
      ...shown.sequences.map((sequence) => sequenceText(sequence, codec.tokenizer, { colour })),
    );
    items.push({
      origin: shown.origin,
      skipped: shown.skipped,
      sequences: shown.sequences.map((sequence) => sequenceJson(sequence, codec.tokenizer)),
    });
  }
  if (items.length === 0) throw missing(from + 1, read.count);
  const shares = roleShares(sequences);
  return {
    data: { rows: items, roles: shares.map((share) => ({ ...share })) },
    text: [...texts, ...sequences.length === 0 ? [] : [roleSharesText(shares)]].join("\n\n"),
  };
}

function missing(row: number, count: number): GymError {
  return new GymError(
    "INVALID_OPTIONS",
    `Cannot show row ${row}: wanted a row that is there: received ${count} rows`,
    {
      row,
      count,
    },
  );
}
