/**
 * `train inspect`: rows as what is trained of them, token by token.
 *
 * @module
 */
import { resolve } from "node:path";
import { z } from "zod";
import { type Command, command } from "../../../core/command.ts";
import type { Contribution } from "../../../core/kind.ts";
import { noOptions } from "../../../core/schema.ts";
import { batchFields, dataFields } from "../_options.ts";
import { dataField } from "./_fields.ts";

const { trainOn, maskObservations, tools, weighting, maxWeight, chunk, overlapSteps } = dataFields;

const input = z.strictObject({
  data: dataField,
  model: z.string().describe("Model folder: its template and tokenizer decide"),
  row: z.int().min(1).optional().describe("The only row to show, from 1"),
  rows: z.int().min(1).default(3).describe("Rows to show when no one row is asked for"),
  ...{ trainOn, maskObservations, tools, weighting, maxWeight, chunk, overlapSteps },
  tooLong: z.enum(["error", "skip", "truncate"]).default("skip").describe(
    "What to do with an answer that does not fit",
  ),
  maxLength: batchFields.maxLength,
});

const definition: Command = {
  path: ["train", "inspect"],
  summary: "Show rows token by token: what is trained, and how much it counts",
  input,
  positionals: ["data"],
  examples: [
    { line: "train inspect sft.jsonl --model models/smollm2", does: "Shows the first three rows" },
    {
      line: "train inspect sft.jsonl --model models/smollm2 --row 7 --weighting rewards --json",
      does: "Shows one row as data",
    },
  ],
  async run({ data, model, row, rows, ...encoding }: z.output<typeof input>, context) {
    const { showRows } = await import("./_show_rows.ts");
    const colour = Deno.stdout.isTerminal() && !Deno.noColor;
    return await showRows({ data, model: resolve(context.cwd, model), row, rows, colour, encoding }, context);
  },
};

/** `train inspect`: rows as what is trained of them, token by token. */
export const trainInspect: Contribution<Command> = command("knowlyr/train-inspect-v1", {
  description: definition.summary,
  options: noOptions,
  create: () => definition,
}) as Contribution<Command>;
