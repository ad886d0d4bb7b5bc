/** The everyday commands in-process, on the built-in adapters, rubrics and exporters. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, command, type CommandContext, type CommandResult } from "../../core/command.ts";
import { createKernel } from "../../core/kernel.ts";
import { seeded } from "../../core/prng.ts";
import { parseOptions } from "../../core/schema.ts";
import { sampleTrajectories } from "../../core/testing/mod.ts";
import { builtins } from "../mod.ts";

const kernel = createKernel({ plugins: builtins });
const LOGS = fileURLToPath(new URL("../../examples/logs/", import.meta.url));

interface Ran extends CommandResult {
  readonly stdout: string;
}

async function run(cwd: string, id: string, input: unknown, stdin = ""): Promise<Ran> {
  const chunks: Uint8Array[] = [];
  const context: CommandContext = {
    kernel,
    cwd,
    progress: () => {},
    now: () => 0,
    prng: seeded(0),
    signal: new AbortController().signal,
    stdin: () => new Blob([stdin]).stream(),
    write: (chunk) => Promise.resolve(void chunks.push(chunk)),
  };
  const made: Command = await kernel.make(command, `knowlyr/${id}-v1`);
  const result = await made.run(parseOptions(made.input, input, "the command") as never, context);
  return { ...result, stdout: await new Blob(chunks as Uint8Array<ArrayBuffer>[]).text() };
}

function inFolder(name: string, test: (folder: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await test(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const samples = sampleTrajectories();
const jsonl = samples.map((one) => `${JSON.stringify(one)}\n`).join("");

inFolder("convert writes every trajectory of several logs, in order", async (folder) => {
  const logs = ["openhands_v0_output.jsonl", "swe_agent_function_calling.traj"].map((log) => join(LOGS, log));
  const { data, text, exitCode } = await run(folder, "convert", { logs, output: "out.jsonl" });
  assert.deepEqual(data, { trajectories: 2, output: "out.jsonl", issues: {}, examples: [] });
  assert.equal(text, "Converted 2 trajectories to out.jsonl");
  assert.equal(exitCode, 0);
  const lines = (await Deno.readTextFile(join(folder, "out.jsonl"))).trimEnd().split("\n");
  assert.deepEqual(lines.map((line) => JSON.parse(line).steps.length), [23, 11]);
});

inFolder("convert without output writes to standard output", async (folder) => {
  const { stdout, text } = await run(folder, "convert", { logs: ["-"] }, jsonl);
  assert.equal(stdout, jsonl);
  assert.equal(text, `Converted ${samples.length} trajectories`);
});

inFolder("convert takes success from the report of a harness", async (folder) => {
  const log = join(LOGS, "openhands_v0_output.jsonl");
  const { instance_id } = JSON.parse((await Deno.readTextFile(log)).split("\n")[0]!);
  await Deno.writeTextFile(join(folder, "report.json"), JSON.stringify({ resolved_ids: [instance_id] }));
  const { stdout } = await run(folder, "convert", { logs: [log], report: "report.json" });
  const { outcome } = JSON.parse(stdout);
  assert.deepEqual([outcome.success, outcome.source], [true, "harness"]);
});

inFolder("convert counts what was dropped", async (folder) => {
  await Deno.mkdir(join(folder, "logs"));
  await Deno.writeTextFile(join(folder, "logs/a.jsonl"), jsonl);
  await Deno.writeTextFile(join(folder, "logs/notes.txt"), "hello");
  const { data, text } = await run(folder, "convert", { logs: ["logs"], output: "out.jsonl" });
  assert.deepEqual((data as { issues: unknown }).issues, { "unrecognised file": 1 });
  assert.match(text, /\n\ndropped or repaired +count\nunrecognised file +1$/);
});

inFolder("validate lists every bad line with its place", async (folder) => {
  const bad = { ...samples[0]!, domain: 3, reward: "high" };
  await Deno.writeTextFile(join(folder, "a.jsonl"), `${jsonl}nonsense\n\n${JSON.stringify(bad)}\n`);
  const { data, text, exitCode } = await run(folder, "validate", { files: ["a.jsonl"] });
  const at = samples.length + 1;
  assert.deepEqual(text.split("\n"), [
    `a.jsonl:${at}: wanted JSON: received "nonsense": Unexpected token 'o', "nonsense" is not valid JSON`,
    `a.jsonl:${at + 2}: domain: expected string: received 3`,
    `a.jsonl:${at + 2}: reward: expected number: received "high"`,
    `${samples.length} good trajectories, 3 findings`,
  ]);
  assert.equal((data as { findings: unknown[] }).findings.length, 3);
  assert.equal(exitCode, 1);
});

inFolder("validate finds nothing in good files and in logs of agents", async (folder) => {
  await Deno.writeTextFile(join(folder, "a.jsonl"), jsonl);
  const { text, exitCode } = await run(folder, "validate", {
    files: ["a.jsonl", join(LOGS, "swe_agent_function_calling.traj")],
  });
  assert.equal(text, `${samples.length + 1} good trajectories, 0 findings`);
  assert.equal(exitCode, 0);
});

inFolder("validate has a finding for what no adapter knows", async (folder) => {
  await Deno.writeTextFile(join(folder, "a.txt"), "hello");
  const { text, exitCode } = await run(folder, "validate", { files: ["a.txt"] });
  assert.match(text, /^a\.txt: no adapter recognises it: known are .*\n0 good trajectories, 1 finding$/);
  assert.equal(exitCode, 1);
});

inFolder("validate wants files, or prints the schema", async (folder) => {
  const { data } = await run(folder, "validate", { schema: true });
  assert.equal((data as { title: string }).title, "Trajectory");
  await assert.rejects(run(folder, "validate", {}), {
    code: "INVALID_OPTIONS",
    message: 'Cannot run "validate": FILES: wanted at least one',
  });
});

inFolder("score gives rewards, and scores again with the same result", async (folder) => {
  const first = await run(folder, "score", { trajectories: ["-"] }, jsonl);
  const scored = first.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(scored.map(({ id }) => id), samples.map(({ id }) => id));
  assert.ok(scored.some(({ reward }) => typeof reward === "number"));
  assert.match(first.text, /\nrubric +scores +mean +least +most\n[^]*\nreward +\d/);
  const second = await run(folder, "score", { trajectories: ["-"] }, first.stdout);
  assert.equal(second.stdout, first.stdout);
});

inFolder("score applies the rubrics it is told to, with the weights it is told", async (folder) => {
  const { data } = await run(folder, "score", {
    trajectories: [join(LOGS, "swe_agent_function_calling.traj")],
    rubric: ["non-redundancy", "knowlyr/loops"],
    weight: { loops: 0, non_redundancy: 1 },
    output: "out.jsonl",
  });
  const { rubrics } = data as { rubrics: { rubric: string }[] };
  assert.deepEqual(rubrics.map(({ rubric }) => rubric), ["knowlyr/loops-v1", "knowlyr/non-redundancy-v1"]);
  const { metadata } = JSON.parse(await Deno.readTextFile(join(folder, "out.jsonl")));
  assert.deepEqual(metadata.scoring.weights, { "knowlyr/loops-v1": 0, "knowlyr/non-redundancy-v1": 1 });
});

inFolder("score takes a domain by name or from a profile file", async (folder) => {
  await Deno.writeTextFile(join(folder, "profile.json"), '{"domain": "own", "tools": []}');
  for (const [domain, name] of [["browser", "browser"], ["profile.json", "own"]]) {
    const { stdout } = await run(folder, "score", { trajectories: ["-"], domain }, jsonl);
    assert.equal(JSON.parse(stdout.split("\n")[0]!).metadata.scoring.domain, name);
  }
});

inFolder("score names the nearest rubric", async (folder) => {
  const trajectories = ["-"];
  await assert.rejects(run(folder, "score", { trajectories, weight: { lops: 1 } }), {
    code: "UNKNOWN_ID",
    message: 'Cannot weigh rubric "lops": no such name: did you mean "loops"?',
  });
  await assert.rejects(run(folder, "score", { trajectories, rubric: ["lops"] }), {
    code: "UNKNOWN_ID",
    message: 'Cannot find rubric "lops": no such name: did you mean "loops"?',
  });
});

inFolder("export writes rows and says why a trajectory is not among them", async (folder) => {
  const scored = (await run(folder, "score", { trajectories: ["-"] }, jsonl)).stdout;
  const input = { trajectories: ["-"], format: "sft", output: "sft.jsonl" };
  const all = await run(folder, "export", { ...input, set: ["minReward=0"] }, scored);
  const { read, rows, skipped } = all.data as { read: number; rows: number; skipped: Record<string, number> };
  assert.equal(read, samples.length);
  assert.equal(rows + Object.values(skipped).reduce((sum, count) => sum + count, 0), read);
  assert.equal((await Deno.readTextFile(join(folder, "sft.jsonl"))).split("\n").length - 1, rows);
  const none = await run(folder, "export", { ...input, set: ["minReward=2"] }, scored);
  assert.equal(none.exitCode, 1);
  assert.match(
    none.text,
    /^Exported 0 rows of \d+ trajectories as sft to sft\.jsonl\n\nskipped because +count\n/,
  );
});

inFolder("export types options by the exporter's schema", async (folder) => {
  await assert.rejects(
    run(folder, "export", { trajectories: ["-"], format: "sft", set: ["minReward=high"] }),
    {
      code: "INVALID_OPTIONS",
      message: 'Cannot use options of exporter "knowlyr/sft-v1": minReward: expected number: received "high"',
    },
  );
  await assert.rejects(run(folder, "export", { trajectories: ["-"], format: "sfd" }), {
    code: "UNKNOWN_ID",
    message: 'Cannot find exporter "sfd": no such name: did you mean "sft"?',
  });
});

inFolder("env and domain list and show what the kernel holds", async (folder) => {
  assert.match((await run(folder, "env-list", {})).text, /\nknowlyr\/sandbox-v1 +.* +knowlyr\/envs(\n|$)/);
  const sandbox = (await run(folder, "env-show", { id: "sandbox" })).data as {
    domain: string;
    tools: unknown[];
  };
  assert.equal(sandbox.domain, "coding");
  assert.ok(sandbox.tools.length > 3);
  assert.match((await run(folder, "domain-list", {})).text, /\nknowlyr\/coding-v1 /);
  assert.match(
    (await run(folder, "domain-show", { domain: "coding" })).text,
    /^coding: .*\n[^]*\nbash +execute/,
  );
  await assert.rejects(run(folder, "env-show", { id: "sandbx" }), {
    message: 'Cannot find env "sandbx": no such name: did you mean "sandbox"?',
  });
});

inFolder("plugin new writes a plugin that passes plugin check", async (folder) => {
  const { data } = await run(folder, "plugin-new", { folder: "own", name: "own/triage" });
  assert.deepEqual(data, { folder: "own", files: ["deno.json", "mod.ts", "mod_test.ts"] });
  const { text, exitCode } = await run(folder, "plugin-check", { plugin: "./own" });
  assert.equal(exitCode, 0, text);
  assert.match(
    text,
    /^plugin "own\/triage"\n[^]*\nenv "own\/guess-v1"\n[^]*\nrubric "own\/fresh-guess-v1"\n/,
  );
  await assert.rejects(run(folder, "plugin-new", { folder: "own" }), {
    code: "FILE_ACCESS",
    message: /^Cannot write plugin to "own": wanted an empty folder: received one that holds "/,
  });
});

inFolder("plugin new refuses a name that is no id", async (folder) => {
  await assert.rejects(run(folder, "plugin-new", { folder: "own", name: "Triage" }), { code: "INVALID_ID" });
});

inFolder("plugin list and show name the plugins that are loaded", async (folder) => {
  const { data } = await run(folder, "plugin-list", {});
  assert.deepEqual((data as { name: string }[]).map(({ name }) => name), builtins.map(({ name }) => name));
  assert.match(
    (await run(folder, "plugin-show", { plugin: "knowlyr/rubrics" })).text,
    /\nrubric +knowlyr\/loops-v1/,
  );
  await assert.rejects(run(folder, "plugin-show", { plugin: "knowlyr/rubric" }), {
    code: "UNKNOWN_ID",
    message:
      'Cannot find plugin "knowlyr/rubric": none is loaded under that name: did you mean "knowlyr/rubrics"?',
  });
});

inFolder("plugin check fails for a plugin whose ids carry no version", async (folder) => {
  await Deno.writeTextFile(
    join(folder, "mod.js"),
    `export default { name: "own/bad", version: "0.1.0", provides: [{ kind: "env", contract: 1, id: "own/x", create() {} }] };`,
  );
  const { text, exitCode } = await run(folder, "plugin-check", { plugin: "./mod.js" });
  assert.equal(exitCode, 1);
  assert.match(text, /failed: its ids carry a version: wanted namespace\/name-vN: received "own\/x"/);
});
