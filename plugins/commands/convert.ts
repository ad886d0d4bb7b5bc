/**
 * `convert`: logs of agents → trajectories.
 *
 * @module
 */
import { z } from "zod";
import type { Command } from "../../core/command.ts";
import type { Contribution } from "../../core/kind.ts";
import type { Json } from "../../core/schema.ts";
import { readEvaluationReport } from "./_evaluation_report.ts";
import { formatField, inputsField, IssueCounts, trajectoriesOf } from "./_input.ts";
import { counted, writeRows } from "./_output.ts";
import { table } from "./_table.ts";
import { verb } from "./_verb.ts";

/** `convert`: logs of agents → trajectories, with a report of what was dropped. */
export const convert: Contribution<Command> = verb("knowlyr/convert-v1", {
  path: ["convert"],
  summary: "Turn logs of agents into trajectories",
  input: z.strictObject({
    logs: inputsField,
    output: z.string().optional().describe("File to write; standard output when left out or -"),
    format: formatField,
    report: z.string().optional().describe(
      "Report of an evaluation harness: JSON with resolved_ids, or ids with true or false",
    ),
  }),
  positionals: ["logs"],
  short: { output: "o", format: "f" },
  examples: [
    { line: "convert output.jsonl -o trajectories.jsonl", does: "Converts a log whose format is detected" },
    {
      line: "convert trajectories/ --format swe-agent --report results.json -o all.jsonl",
      does: "Converts a folder and takes success from the harness that judged it",
    },
  ],
  async run({ logs, output, format, report }, context) {
    const issues = new IssueCounts();
    const verdicts = report === undefined ? undefined : await readEvaluationReport(report, context.cwd);
    const trajectories = trajectoriesOf(logs, context, {
      format,
      report: verdicts,
      onIssue: (issue) => issues.add(issue),
    });
    const { rows, to } = await writeRows(trajectories, output, context);
    const { counts, examples } = issues;
    const lines = [
      `Converted ${counted(rows, "trajectory", "trajectories")}${to === "-" ? "" : ` to ${to}`}`,
    ];
    if (examples.length > 0) lines.push("", table(["dropped or repaired", "count"], Object.entries(counts)));
    return {
      data: { trajectories: rows, output: to, issues: counts, examples: examples as unknown as Json },
      text: lines.join("\n"),
      exitCode: rows === 0 ? 1 : 0,
    };
  },
});
