/**
 * `eval`: how well a model predicts the answers in a data set.
 *
 * @module
 */
import { resolve } from "node:path";
import { z } from "zod";
import { type Command, command } from "../../../core/command.ts";
import type { Contribution } from "../../../core/kind.ts";
import { noOptions } from "../../../core/schema.ts";
import { columnsText } from "../_columns.ts";
import { batchFields, dataFields, engineFields } from "../_options.ts";
import { dataField } from "./_fields.ts";
import type { EvaluateReport } from "./_evaluate.ts";

const { trainOn, maskObservations, tools, weighting, maxWeight, chunk, overlapSteps, tooLong, skipEmpty } =
  dataFields;

const input = z.strictObject({
  model: z.string().describe("Model folder in Hugging Face's layout"),
  data: dataField,
  adapter: z.string().optional().describe("Adapter folder, as PEFT writes it"),
  ...{ trainOn, maskObservations, tools, weighting, maxWeight, chunk, overlapSteps, tooLong, skipEmpty },
  maxLength: batchFields.maxLength,
  batchSize: batchFields.batchSize,
  provider: engineFields.provider,
  threads: engineFields.threads,
});

const definition: Command = {
  path: ["eval"],
  summary: "Tell how well a model predicts the answers in a data set",
  input,
  positionals: ["model", "data"],
  examples: [
    { line: "eval models/smollm2 held_out.jsonl", does: "Shows loss, perplexity and token accuracy" },
    { line: "eval models/smollm2 held_out.jsonl --adapter runs/sft/final", does: "The same with an adapter" },
  ],
  async run({ model, adapter, ...given }: z.output<typeof input>, context) {
    const { evaluate } = await import("./_evaluate.ts");
    const report = await evaluate({
      ...given,
      model: resolve(context.cwd, model),
      adapter: adapter === undefined ? undefined : resolve(context.cwd, adapter),
      threads: given.threads,
    }, context);
    return { data: { model, adapter: adapter ?? null, ...report }, text: text(report) };
  },
};

function text(
  { loss, perplexity, tokenAccuracy, bitsPerByte, tokens, rows, skipped }: EvaluateReport,
): string {
  const left = Object.entries(skipped).map(([reason, count]) => ["left out", `${count}: ${reason}`]);
  return columnsText([
    ["loss", loss.toFixed(4)],
    ["perplexity", perplexity.toPrecision(5)],
    ["token accuracy", `${(100 * tokenAccuracy).toFixed(2)} %`],
    ["bits per byte", bitsPerByte.toFixed(4)],
    ["tokens", `${tokens}`],
    ["rows", `${rows}`],
    ...left,
  ], 2);
}

/** `eval`: how well a model predicts the answers in a data set. */
export const evaluateModel: Contribution<Command> = command("knowlyr/eval-v1", {
  description: definition.summary,
  options: noOptions,
  create: () => definition,
}) as Contribution<Command>;
