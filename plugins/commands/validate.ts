/**
 * `validate`: lists everything that is wrong in trajectory files, and in logs that an adapter knows.
 *
 * @module
 */
import { z } from "zod";
import type { LogSource } from "../../core/adapter.ts";
import type { Command, CommandContext } from "../../core/command.ts";
import { GymError, hasCode, isGymError } from "../../core/errors.ts";
import { parseJson, readLines } from "../../core/jsonl.ts";
import type { Contribution } from "../../core/kind.ts";
import { detectAdapter, sampleOf } from "../../core/logs.ts";
import type { Json } from "../../core/schema.ts";
import { parseTrajectory, trajectoryJsonSchema } from "../../core/trajectory_schema.ts";
import { openSources } from "../files/mod.ts";
import { counted } from "./_output.ts";
import { formatField } from "./_input.ts";
import { verb } from "./_verb.ts";

/** One thing that is wrong, with its place. */
interface Finding {
  readonly file: string;
  readonly line: number | null;
  readonly problem: string;
}

/** What came of one file. */
interface Checked {
  readonly trajectories: number;
  readonly findings: readonly Finding[];
}

/** `validate`: lists every bad line. */
export const validate: Contribution<Command> = verb("knowlyr/validate-v1", {
  path: ["validate"],
  summary: "List what is wrong in trajectory files and logs",
  input: z.strictObject({
    files: z.array(z.string()).default([]).describe("Files, folders, globs, or - for standard input"),
    format: formatField,
    schema: z.boolean().default(false).describe("Print the JSON Schema of a trajectory instead"),
  }),
  positionals: ["files"],
  short: { format: "f" },
  examples: [
    { line: "validate trajectories.jsonl", does: "Lists every bad line; exit code 1 when there is one" },
    { line: "validate --schema", does: "Prints the JSON Schema of a trajectory" },
  ],
  async run({ files, format, schema }, context) {
    if (schema) {
      const data = trajectoryJsonSchema() as Json;
      return { data, text: JSON.stringify(data, null, 2) };
    }
    if (files.length === 0) {
      throw new GymError("INVALID_OPTIONS", 'Cannot run "validate": FILES: wanted at least one', {});
    }
    let trajectories = 0;
    const findings: Finding[] = [];
    for await (const source of openSources(files, context)) {
      const checked = await checkSource(source, format, context);
      trajectories += checked.trajectories;
      findings.push(...checked.findings);
    }
    return {
      data: { trajectories, findings: findings as unknown as Json },
      text: [
        ...findings.map(({ file, line, problem }) => `${file}${line === null ? "" : `:${line}`}: ${problem}`),
        `${counted(trajectories, "good trajectory", "good trajectories")}, ${
          counted(findings.length, "finding")
        }`,
      ].join("\n"),
      exitCode: findings.length > 0 || trajectories === 0 ? 1 : 0,
    };
  },
});

const OWN_FORMAT = "gym";

/** Trajectory files are read line by line, to find every bad one; another log through its adapter, to its first error. */
async function checkSource(
  source: LogSource,
  format: string | undefined,
  context: CommandContext,
): Promise<Checked> {
  const own = format === undefined && source.files === null && await isOwn(source, context);
  if (own) return await checkLines(source);
  if (source.files !== null && format === undefined && !await isKnown(source, context)) {
    const parts: Checked[] = [];
    for (const file of source.files) parts.push(await checkSource(file, format, context));
    return {
      trajectories: parts.reduce((sum, part) => sum + part.trajectories, 0),
      findings: parts.flatMap((part) => part.findings),
    };
  }
  return await checkLog(source, format, context);
}

/** Whether a file is read as trajectories: it is one, or nobody knows it and its name says JSON Lines. */
async function isOwn(source: LogSource, { kernel }: CommandContext): Promise<boolean> {
  try {
    return (await detectAdapter(kernel, await sampleOf(source))).name === OWN_FORMAT;
  } catch (thrown) {
    if (!hasCode(thrown, "UNKNOWN_FORMAT")) throw thrown;
    return /\.(jsonl|ndjson)$|^-$/i.test(source.name);
  }
}

async function isKnown(source: LogSource, { kernel }: CommandContext): Promise<boolean> {
  try {
    await detectAdapter(kernel, await sampleOf(source));
    return true;
  } catch (thrown) {
    if (!hasCode(thrown, "UNKNOWN_FORMAT")) throw thrown;
    return false;
  }
}

async function checkLines(source: LogSource): Promise<Checked> {
  const file = source.name;
  const findings: Finding[] = [];
  let trajectories = 0;
  try {
    for await (const { line, text } of readLines(source.open(), { file })) {
      if (text.trim() === "") continue;
      try {
        parseTrajectory(parseJson(text, { file, line }), { file, line });
        trajectories++;
      } catch (thrown) {
        findings.push(...findingsOf(thrown, file, line));
      }
    }
  } catch (thrown) { // bytes that are no text: what follows cannot be told apart
    findings.push(...findingsOf(thrown, file, null));
  }
  return { trajectories, findings };
}

async function checkLog(
  source: LogSource,
  format: string | undefined,
  { kernel, signal }: CommandContext,
): Promise<Checked> {
  const findings: Finding[] = [];
  let trajectories = 0;
  try {
    const adapter = await detectAdapter(kernel, await sampleOf(source), format);
    const onIssue = (
      { what, detail, file, line }: { what: string; detail: string; file?: string; line?: number },
    ) => void findings.push({ file: file ?? source.name, line: line ?? null, problem: `${what}: ${detail}` });
    for await (const _ of adapter.read(source, { onIssue, signal })) trajectories++;
  } catch (thrown) {
    findings.push(...findingsOf(thrown, source.name, null));
  }
  return { trajectories, findings };
}

/** Findings behind an error of the reader; anything that is not about the data goes on as it is. */
function findingsOf(thrown: unknown, file: string, line: number | null): Finding[] {
  const about = ["INVALID_DATA", "UNKNOWN_FORMAT", "LIMIT_EXCEEDED"];
  if (!isGymError(thrown) || !about.includes(thrown.code)) throw thrown;
  const { data, message } = thrown;
  const at = { file, line: typeof data["line"] === "number" ? data["line"] : line };
  const issues = data["issues"];
  if (Array.isArray(issues)) return issues.map((issue) => ({ ...at, problem: String(issue) }));
  const prefix = new RegExp(`^Cannot read (log )?"?${RegExp.escape(file)}"?(:\\d+)?: `);
  return [{ ...at, problem: message.replace(prefix, "") }];
}
