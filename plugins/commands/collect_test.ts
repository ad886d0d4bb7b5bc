import assert from "node:assert/strict";
import { join } from "node:path";
import type { CommandContext, CommandResult } from "../../core/command.ts";
import { createKernel } from "../../core/kernel.ts";
import { definePlugin } from "../../core/plugin.ts";
import { policy } from "../../core/policy.ts";
import { noOptions } from "../../core/schema.ts";
import tiny from "../../tests/e2e/tiny_plugin.ts";
import wrappers from "../wrappers/mod.ts";
import { rowsOf } from "./_pipeline/rows.ts";
import { contextAt, inFolder } from "./_testing_test.ts";
import { collect } from "./collect.ts";
import type { z } from "zod";

const TASKS = `tasks:
  - {id: one, description: Count}
  - {id: two, description: Count, broken: true}
  - {id: three, description: Count}
`;

async function collected(
  context: CommandContext,
  flags: Readonly<Record<string, unknown>> = {},
): Promise<CommandResult> {
  const made = await createKernel({ plugins: [] }).make(collect, {});
  const given = { tasks: ["tasks.yaml"], env: "tiny/counter", policy: "tiny/guesser", ...flags };
  return await made.run((made.input as z.ZodType).parse(given) as never, context);
}

Deno.test("collect writes the same bytes for one worker and for eight", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "tasks.yaml"), TASKS);
    const { context } = contextAt(folder);
    const flags = { episodes: 6, seed: 7, timestamps: false };
    await collected(context, { ...flags, output: "one.jsonl" });
    await collected(context, { ...flags, output: "eight.jsonl", concurrency: 8 });
    const one = await Deno.readTextFile(join(folder, "one.jsonl"));
    assert.equal(await Deno.readTextFile(join(folder, "eight.jsonl")), one);
    assert.equal(one.trimEnd().split("\n").length, 18);
  }));

Deno.test("collect records failing episodes and goes on with their siblings", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "tasks.yaml"), TASKS);
    const result = await collected(contextAt(folder).context, { policy: "tiny/careful", timestamps: false });
    const rows = await Array.fromAsync(rowsOf(join(folder, "trajectories.jsonl")));
    assert.deepEqual(rows.map(({ task, outcome }) => [task.id, outcome.success, outcome.error]), [
      ["one", true, null],
      ["two", null, 'Cannot step env "tiny/counter-v1": the counter is broken'],
      ["three", true, null],
    ]);
    assert.equal(
      result.text,
      "3 of 3 episodes played, 0 were there already: trajectories.jsonl\n" +
        "6 steps, 2 succeeded, 0 failed, 1 unknown, 1 ended by an error",
    );
    assert.equal(result.exitCode, 0);
  }));

Deno.test("collect keeps what policies share open from one episode to the next", () =>
  inFolder(async (folder) => {
    let [open, opened] = [0, 0];
    const sharing = policy("own/sharing-v1", {
      description: "Opens something with the first of its kind",
      options: noOptions,
      create: () => {
        if (open++ === 0) opened++;
        return {
          name: "sharing",
          model: null,
          act: () => ({ action: { tool: "add", params: { by: 3 } } }),
          [Symbol.asyncDispose]: () => Promise.resolve(void open--),
        };
      },
    });
    const own = definePlugin({ name: "own/plugin", version: "0.1.0", provides: [sharing] });
    const kernel = createKernel({ plugins: [wrappers, tiny, own] });
    const { context } = contextAt(folder);
    const flags = { tasks: [], policy: "own/sharing", episodes: 5 };
    await collected({ ...context, kernel }, flags);
    assert.deepEqual([open, opened], [0, 2]); // once to see whether it can be made, once for all episodes
    await collected({ ...context, kernel }, flags);
    assert.deepEqual([open, opened], [0, 3]); // nothing is left to be played
  }));

Deno.test("collect plays only what the file lacks, after a torn line too", () =>
  inFolder(async (folder) => {
    const file = join(folder, "trajectories.jsonl");
    await Deno.writeTextFile(join(folder, "tasks.yaml"), TASKS);
    const { context, lines } = contextAt(folder);
    await collected(context, { episodes: 2, timestamps: false });
    const whole = await Deno.readTextFile(file);
    const rows = whole.trimEnd().split("\n");
    await Deno.writeTextFile(file, `${rows.slice(0, 4).join("\n")}\n${rows[4]!.slice(0, 100)}`);
    lines.length = 0;
    const { data } = await collected(context, { episodes: 2, timestamps: false });
    assert.equal(await Deno.readTextFile(file), whole);
    assert.equal(lines.length, 2);
    assert.deepEqual([(data as { skipped: number }).skipped, (data as { played: number }).played], [4, 2]);
  }));

Deno.test("collect says how far it is in at most twenty lines, the last one among them", () =>
  inFolder(async (folder) => {
    for (const [episodes, said] of [[20, 20], [21, 11], [59, 20], [101, 17]] as const) {
      const { context, lines } = contextAt(folder);
      await collected(context, { tasks: [], episodes, output: `${episodes}.jsonl` });
      assert.equal(lines.length, said);
      assert.ok(lines.at(-1)!.startsWith(`${episodes}/${episodes} `), lines.at(-1));
    }
  }));

Deno.test("collect plays again what another task, seed, policy or environment would give", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "tasks.yaml"), "id: one\ndescription: Count\n");
    const { context } = contextAt(folder);
    const played = async (flags: Readonly<Record<string, unknown>>): Promise<unknown> =>
      ((await collected(context, flags)).data as { played: number }).played;
    assert.equal(await played({}), 1);
    assert.equal(await played({}), 0);
    assert.equal(await played({ concurrency: 4 }), 0);
    assert.equal(await played({ seed: 1 }), 1);
    assert.equal(await played({ policy: "tiny/careful" }), 1);
    assert.equal(await played({ envOption: ["target=5"] }), 1);
    assert.equal(await played({ maxSteps: 2 }), 1);
    await Deno.writeTextFile(join(folder, "tasks.yaml"), "id: one\ndescription: Count on\n");
    assert.equal(await played({}), 1);
    assert.equal(await played({ episodes: 3 }), 2);
  }));

Deno.test("collect says INTERRUPTED when its signal comes, keeps what is done and goes on later", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "tasks.yaml"), TASKS);
    const flags = { episodes: 4, timestamps: false };
    const stop = new AbortController();
    const { context } = contextAt(folder, stop.signal);
    const until = { ...context, progress: (line: string) => line.startsWith("5/") && stop.abort() };
    // five are done when the signal comes; two more may have ended while they were written
    await assert.rejects(collected(until as CommandContext, flags), {
      code: "INTERRUPTED",
      message:
        /^Cannot finish collecting: interrupted after [567] of 12 episodes, which are kept in trajectories\.jsonl: type the same line to go on$/,
    });
    await collected(contextAt(folder).context, flags);
    await collected(contextAt(folder).context, { ...flags, output: "straight.jsonl" });
    const [resumed, straight] = await Promise.all(
      ["trajectories.jsonl", "straight.jsonl"].map((name) => Deno.readTextFile(join(folder, name))),
    );
    assert.equal(resumed, straight);
  }));

Deno.test("collect lets an environment choose its own task when none is given", () =>
  inFolder(async (folder) => {
    await collected(contextAt(folder).context, { tasks: [], policy: "tiny/careful", episodes: 2 });
    const rows = await Array.fromAsync(rowsOf(join(folder, "trajectories.jsonl")));
    assert.deepEqual(rows.map(({ task }) => task.id), ["own", "own"]);
    assert.equal(rows[0]!.reset.timestamp, "2023-11-14T22:13:20.000Z");
  }));

Deno.test("collect refuses a file that another process is at work on", () =>
  inFolder(async (folder) => {
    await using file = await heldLock(join(folder, "trajectories.jsonl.lock"));
    assert.ok(file);
    await assert.rejects(collected(contextAt(folder).context, { tasks: [] }), {
      code: "FILE_ACCESS",
      message: "Cannot write trajectories.jsonl: another process is at work on it",
    });
  }));

Deno.test("collect refuses unknown ids and wrong options before it plays", () =>
  inFolder(async (folder) => {
    const { context } = contextAt(folder);
    await assert.rejects(collected(context, { tasks: [], env: "tiny/counter-v0" }), {
      code: "UNKNOWN_ID",
      message: 'Cannot make env "tiny/counter-v0": no such id: did you mean "tiny/counter-v1"?',
    });
    await assert.rejects(collected(context, { tasks: [], envOption: ["targt=3"] }), {
      code: "INVALID_OPTIONS",
      message: 'Cannot use options of env "tiny/counter-v1": targt: unknown field: did you mean "target"?',
    });
  }));

async function heldLock(path: string): Promise<AsyncDisposable> {
  const file = await Deno.open(path, { create: true, write: true });
  await file.lock(true);
  return { [Symbol.asyncDispose]: () => Promise.resolve(file.close()) };
}
