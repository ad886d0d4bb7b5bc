/**
 * `export`: trajectories → rows of a data set.
 *
 * @module
 */
import { z } from "zod";
import type { Command } from "../../core/command.ts";
import { exporter, type ExportReport } from "../../core/exporter.ts";
import type { Contribution } from "../../core/kind.ts";
import { formatField, inputsField, trajectoriesOf } from "./_input.ts";
import { fullId } from "../../core/names.ts";
import { counted, writeRows } from "./_output.ts";
import { table } from "./_table.ts";
import { typedOptions } from "./_typed_options.ts";
import { verb } from "./_verb.ts";

/** `export`: writes a data set, and says why a trajectory is not in it. */
export const exportRows: Contribution<Command> = verb("knowlyr/export-v1", {
  path: ["export"],
  summary: "Write trajectories as rows of a data set for training",
  input: z.strictObject({
    trajectories: inputsField,
    format: z.string().describe("Exporter, such as sft, dpo or grpo"),
    output: z.string().optional().describe("File to write; standard output when left out or -"),
    set: z.array(z.string()).default([]).describe("Option of the exporter, name=value"),
    inputFormat: formatField,
  }),
  positionals: ["trajectories"],
  short: { output: "o", format: "f" },
  examples: [
    { line: "export scored.jsonl --format sft -o sft.jsonl", does: "Writes conversations for fine-tuning" },
    {
      line: "export scored.jsonl --format sft --set minReward=0.6 -o sft.jsonl",
      does: "Keeps good episodes only",
    },
  ],
  async run({ trajectories, format, output, set, inputFormat }, context) {
    const { kernel } = context;
    const { contribution } = kernel.find(exporter, fullId(kernel, exporter, format));
    const made = await kernel.make(exporter, contribution.id, typedOptions(set, contribution));
    let report: ExportReport = { read: 0, rows: 0, skipped: {} };
    const rows = made.export(trajectoriesOf(trajectories, context, { format: inputFormat }), {
      onReport: (found) => void (report = found),
    });
    const written = await writeRows(rows, output, context);
    const skipped = Object.entries(report.skipped);
    const where = written.to === "-" ? "" : ` to ${written.to}`;
    return {
      data: { format: contribution.id, output: written.to, ...report },
      text: [
        `Exported ${counted(written.rows, "row")} of ${
          counted(report.read, "trajectory", "trajectories")
        } as ${made.name}${where}`,
        ...(skipped.length === 0 ? [] : ["", table(["skipped because", "count"], skipped)]),
      ].join("\n"),
      exitCode: written.rows === 0 ? 1 : 0,
    };
  },
});
