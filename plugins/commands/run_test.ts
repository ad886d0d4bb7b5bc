import assert from "node:assert/strict";
import { join } from "node:path";
import type { z } from "zod";
import type { CommandContext, CommandResult } from "../../core/command.ts";
import { createKernel } from "../../core/kernel.ts";
import { rowsOf } from "./_pipeline/rows.ts";
import type { RunSummary } from "./_pipeline/text.ts";
import { contextAt, inFolder } from "./_testing_test.ts";
import { run } from "./run.ts";

const PIPELINE = `name: tiny
seed: 3
sources:
  - name: log
    logs: [log.jsonl]
  - collect:
      env: tiny/counter
      policy: tiny/careful
      tasks: [tasks.yaml]
      episodes: 2
  - collect:
      env: tiny/counter-v1
      policy: tiny/guesser
      tasks: [tasks.yaml]
      episodes: 8
select:
  success: success
  top: 3
export:
  - format: flat
  - format: tiny/flat
    file: again.jsonl
`;

async function prepared(folder: string, pipeline = PIPELINE): Promise<void> {
  await Deno.writeTextFile(join(folder, "gym.yaml"), pipeline);
  await Deno.writeTextFile(join(folder, "tasks.yaml"), "id: one\ndescription: Count\n");
  await Deno.writeTextFile(join(folder, "log.jsonl"), '{"tiny":"said"}\n{"tiny":""}\n{"tiny":"more"}\n');
}

async function ran(
  context: CommandContext,
  flags: Readonly<Record<string, unknown>> = {},
): Promise<CommandResult> {
  const made = await createKernel({ plugins: [] }).make(run, {});
  const input = (made.input as z.ZodType).parse({ pipeline: "gym.yaml", ...flags });
  return await made.run(input as never, context);
}

type Done = RunSummary & { readonly folder: string };
const dataOf = (result: CommandResult): Done => result.data as unknown as Done;

Deno.test("run gathers, scores, selects and exports into one folder", () =>
  inFolder(async (folder) => {
    await prepared(folder);
    const summary = dataOf(await ran(contextAt(folder).context));
    const at = (name: string): string => join(folder, summary.folder, name);
    assert.match(summary.folder, /^runs\/tiny-[0-9a-f]{8}$/);
    assert.deepEqual(Object.keys(summary.sources), ["log", "careful", "guesser"]);
    assert.deepEqual([summary.all.episodes, summary.sources["log"]?.unknown], [12, 2]);
    assert.equal(summary.sources["careful"]?.rubrics["tiny/small-steps-v1"], 1);
    assert.deepEqual(summary.issues, [{ source: "log", what: "empty line", count: 1 }]);
    const selected = await Array.fromAsync(rowsOf(at("selected.jsonl")));
    assert.equal(selected.length, summary.selected);
    assert.ok(selected.length > 0 && selected.length <= 3);
    assert.ok(selected.every(({ outcome }) => outcome.success === true));
    assert.deepEqual(summary.exports.map(({ file, rows }) => [file, rows]), [
      ["flat.jsonl", selected.length],
      ["again.jsonl", selected.length],
    ]);
    assert.equal(await Deno.readTextFile(at("config.yaml")), PIPELINE);
    assert.equal(await Deno.readTextFile(join(folder, "runs/latest/config.yaml")), PIPELINE);
    const files = (await Array.fromAsync(Deno.readDir(at(".")))).map(({ name }) => name).sort();
    assert.deepEqual(files, [
      "again.jsonl",
      "config.yaml",
      "flat.jsonl",
      "issues.json",
      "journal.jsonl",
      "resolved.json",
      "scored.jsonl",
      "selected.jsonl",
      "summary.json",
      "summary.txt",
      "trajectories.jsonl",
    ]);
  }));

Deno.test("run typed again does nothing again and says the same", () =>
  inFolder(async (folder) => {
    await prepared(folder);
    const first = await ran(contextAt(folder).context);
    const { context, lines } = contextAt(folder);
    const second = await ran(context);
    assert.deepEqual(second, first);
    assert.equal(lines.filter((line) => line.endsWith("was finished before")).length, 5);
    assert.equal(lines.length, 10);
  }));

Deno.test("run does again what a changed input reaches, and nothing else", () =>
  inFolder(async (folder) => {
    await prepared(folder);
    const first = dataOf(await ran(contextAt(folder).context));
    await Deno.writeTextFile(join(folder, "log.jsonl"), '{"tiny":"said"}\n');
    const second = dataOf(await ran(contextAt(folder).context));
    assert.equal(second.folder, first.folder);
    assert.equal(second.all.episodes, 11);
    await Deno.remove(join(folder, second.folder, "flat.jsonl"));
    const { context, lines } = contextAt(folder);
    await ran(context);
    assert.deepEqual(
      lines.filter((line, at) => !lines[at + 1]?.includes("finished") && !line.includes("finished")),
      [
        "stage export flat.jsonl",
      ],
    );
  }));

Deno.test("run interrupted anywhere and typed again ends with the same bytes", () =>
  inFolder(async (folder) => {
    await prepared(folder);
    const { folder: path } = dataOf(await ran(contextAt(folder).context, { output: "straight" }));
    const { lines } = contextAt(folder);
    assert.equal(lines.length, 0);
    for (const at of ["source careful", "3/8 ", "stage score", "stage export again.jsonl"]) {
      const stop = new AbortController();
      const { context } = contextAt(folder, stop.signal);
      const progress = (line: string): void => void (line.startsWith(at) && stop.abort());
      await assert.rejects(ran({ ...context, progress }), { code: "INTERRUPTED" }, at);
    }
    const done = dataOf(await ran(contextAt(folder).context));
    for (const file of ["trajectories", "scored", "selected", "flat", "again"]) {
      const [a, b] = await Promise.all(
        [path, done.folder].map((run) => Deno.readTextFile(join(folder, run, `${file}.jsonl`))),
      );
      assert.equal(a, b, file);
    }
  }));

Deno.test("run says what to type to go on after an interruption", () =>
  inFolder(async (folder) => {
    await prepared(folder);
    const stop = new AbortController();
    stop.abort();
    await assert.rejects(ran(contextAt(folder, stop.signal).context), {
      code: "INTERRUPTED",
      message:
        "Cannot finish the run: interrupted: what was finished is kept: type gym run gym.yaml -o runs to go on",
    });
  }));

/** What is written wrong, and the message after `Cannot use pipeline: gym.yaml:`. */
const WRONG: readonly (readonly [string, string, string])[] = [
  ["unknown field", PIPELINE.replace("seed: 3", "sed: 3"), '2:1: sed: unknown field: did you mean "seed"?'],
  [
    "unknown field of a source",
    PIPELINE.replace("episodes: 2", "episode: 2"),
    '10:7: sources.1.collect.episode: unknown field: did you mean "episodes"?',
  ],
  ["wrong type", PIPELINE.replace("seed: 3", "seed: three"), '2:1: seed: expected number: received "three"'],
  ["missing field", PIPELINE.replace("name: tiny\n", ""), "1:1: name: expected string: received nothing"],
  [
    "unknown policy",
    PIPELINE.replace("tiny/careful", "tiny/carefull"),
    '8:7: sources.1.collect.policy: cannot make policy "tiny/carefull": no such id: did you mean "tiny/careful-v1"?',
  ],
  [
    "wrong option",
    PIPELINE.replace("env: tiny/counter\n", "env: tiny/counter\n      envOptions: {targt: 4}\n"),
    '8:20: sources.1.collect.envOptions.targt: cannot use options of env "tiny/counter-v1": targt: unknown field: did you mean "target"?',
  ],
  [
    "unknown format",
    PIPELINE.replace("format: flat", "format: flatt"),
    '20:5: export.0.format: cannot find exporter "flatt": no such name: did you mean "flat"?',
  ],
  [
    "both sources",
    PIPELINE.replace("  - collect:", "  - logs: [log.jsonl]\n    collect:"),
    "6:5: sources.1: wanted either logs or collect: received both",
  ],
  [
    "a file twice",
    PIPELINE.replace("again.jsonl", "scored.jsonl"),
    '22:5: export.1.file: wanted a file of its own: received "scored.jsonl", which is taken',
  ],
];

for (const [what, text, message] of WRONG) {
  Deno.test(`run names file, line, column and field of ${what}`, () =>
    inFolder(async (folder) => {
      await prepared(folder, text);
      await assert.rejects(ran(contextAt(folder).context), {
        message: `Cannot use pipeline: gym.yaml:${message}`,
      });
    }));
}

Deno.test("run refuses what is no YAML, with the place", () =>
  inFolder(async (folder) => {
    await prepared(folder, "name: [tiny\nseed: 3\n");
    await assert.rejects(ran(contextAt(folder).context), {
      code: "INVALID_DATA",
      message: /^Cannot read pipeline: gym\.yaml:2:\d+: /,
    });
  }));

Deno.test("run says which file is missing", () =>
  inFolder(async (folder) => {
    const { context } = contextAt(folder);
    await assert.rejects(ran(context), {
      code: "FILE_ACCESS",
      message: 'Cannot read "gym.yaml": no such file or folder',
    });
    await prepared(folder);
    await Deno.remove(join(folder, "log.jsonl"));
    await assert.rejects(ran(context), {
      code: "FILE_ACCESS",
      message: 'Cannot read "log.jsonl": no such file or folder',
    });
  }));

Deno.test("run says when its output lies below a file", () =>
  inFolder(async (folder) => {
    await prepared(folder);
    await assert.rejects(ran(contextAt(folder).context, { output: "log.jsonl/runs" }), {
      code: "FILE_ACCESS",
      message: 'Cannot write "log.jsonl/runs": a part of the path is a file, not a folder',
    });
  }));
