/**
 * Reports of evaluation harnesses: which instances were resolved.
 *
 * @module
 */
import { resolve } from "node:path";
import { z } from "zod";
import { GymError } from "../../core/errors.ts";
import { parseJson } from "../../core/jsonl.ts";
import { describeIssues } from "../../core/schema.ts";
import { fileError } from "../files/mod.ts";

const ids = z.array(z.string());

/** The summary that SWE-bench's `run_evaluation` writes. Instances that were run and not resolved failed. */
const summary = z.looseObject({
  resolved_ids: ids,
  unresolved_ids: ids.default([]),
  completed_ids: ids.default([]),
  submitted_ids: ids.default([]),
  error_ids: ids.default([]),
  empty_patch_ids: ids.default([]),
});

/** A map of ids, with plain verdicts or the records of SWE-bench's `report.json` of one instance. */
const verdict = z.union([z.boolean(), z.looseObject({ resolved: z.boolean() })], {
  error: "expected true, false or a record with resolved",
});
const map = z.record(z.string(), verdict);

/**
 * Reads a report: instance id to resolved or not. Takes SWE-bench's summary with `resolved_ids`, `{id: true}` and
 * `{id: {resolved: true}}`.
 *
 * @throws {GymError} `FILE_ACCESS`, or `INVALID_DATA` naming what is wrong.
 */
export async function readEvaluationReport(file: string, cwd: string): Promise<ReadonlyMap<string, boolean>> {
  const value = parseJson(await textOf(resolve(cwd, file), file), { file, line: 1 });
  const isSummary = typeof value === "object" && value !== null && "resolved_ids" in value;
  const parsed = isSummary ? summary.safeParse(value) : map.safeParse(value);
  if (!parsed.success) {
    const issues = describeIssues(parsed.error.issues, value).join("; ");
    throw new GymError(
      "INVALID_DATA",
      `Cannot read evaluation report ${file}: wanted resolved_ids, or ids with true or false: ${issues}`,
      { file },
    );
  }
  return isSummary ? fromSummary(parsed.data as z.output<typeof summary>) : fromMap(parsed.data as Verdicts);
}

type Verdicts = z.output<typeof map>;

function fromSummary(report: z.output<typeof summary>): Map<string, boolean> {
  const failed = [
    report.submitted_ids,
    report.completed_ids,
    report.unresolved_ids,
    report.error_ids,
    report.empty_patch_ids,
  ];
  const verdicts = new Map(failed.flat().map((id) => [id, false]));
  for (const id of report.resolved_ids) verdicts.set(id, true);
  return verdicts;
}

function fromMap(report: Verdicts): Map<string, boolean> {
  return new Map(
    Object.entries(report).map((
      [id, verdict],
    ) => [id, typeof verdict === "boolean" ? verdict : verdict.resolved]),
  );
}

async function textOf(path: string, name: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (thrown) {
    throw fileError("read", name, thrown);
  }
}
