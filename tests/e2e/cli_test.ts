/** The program as a process: what it prints where, its exit codes, pipes, files. */
import assert from "node:assert/strict";
import { join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { CLI, gym, inFolder, root, shell } from "./_gym.ts";

const LOG = join(root, "examples/logs/swe_agent_function_calling.traj");

inFolder("gym --version prints the version of deno.json", async (folder) => {
  assert.deepEqual(await gym(folder, ["--version"]), { code: 0, stdout: `${config.version}\n`, stderr: "" });
});

inFolder("gym --help lists commands, plugins' too", async (folder) => {
  const { code, stdout, stderr } = await gym(folder, ["--help"]);
  assert.deepEqual([code, stderr], [0, ""]);
  for (const word of ["convert", "score", "export", "validate", "env", "domain", "plugin"]) {
    assert.match(stdout, new RegExp(`\n  ${word} +\\S`));
  }
});

inFolder("convert, score and export go through files", async (folder) => {
  const steps = [
    ["convert", LOG, "-o", "t.jsonl"],
    ["score", "t.jsonl", "-o", "s.jsonl"],
    ["export", "s.jsonl", "--format", "sft", "-o", "sft.jsonl"],
  ];
  for (const args of steps) {
    const { code, stdout, stderr } = await gym(folder, args);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^(Converted|Scored|Exported) 1 /);
  }
  const row = JSON.parse(await Deno.readTextFile(join(folder, "sft.jsonl")));
  assert.ok(row.messages.length > 3 && row.reward > 0);
});

inFolder("convert, score and export go through pipes, with reports on stderr", async (folder) => {
  const { code, stdout, stderr } = await shell(
    folder,
    `gym convert "${LOG}" | gym score - | gym export - --format sft`,
  );
  assert.equal(code, 0);
  assert.equal(stdout.trimEnd().split("\n").length, 1);
  assert.ok(JSON.parse(stdout).messages.length > 3);
  assert.match(stderr, /^Converted 1 trajectory$/m);
  assert.match(stderr, /^Exported 1 row of 1 trajectory as sft$/m);
});

inFolder("a reader that goes away ends the program quietly", async (folder) => {
  const trajectory = (await gym(folder, ["convert", LOG])).stdout;
  await Deno.writeTextFile(join(folder, "t.jsonl"), trajectory.repeat(100));
  const { code, stdout, stderr } = await shell(folder, "gym convert t.jsonl | head -1");
  assert.equal(code, 0);
  assert.equal(stdout, trajectory);
  assert.equal(stderr, "");
});

inFolder("--json prints data, and errors as JSON", async (folder) => {
  const good = await gym(folder, ["convert", LOG, "-o", "t.jsonl", "--json"]);
  assert.deepEqual(JSON.parse(good.stdout), { trajectories: 1, output: "t.jsonl", issues: {}, examples: [] });
  const bad = await gym(folder, ["--json", "env", "show", "sandbx"]);
  assert.deepEqual([bad.code, bad.stdout], [2, ""]);
  assert.deepEqual(JSON.parse(bad.stderr).error, {
    code: "UNKNOWN_ID",
    message: 'Cannot find env "sandbx": no such name: did you mean "sandbox"?',
    data: { kind: "env", name: "sandbx" },
  });
});

const REFUSED: readonly { name: string; args: readonly string[]; code: number; stderr: string }[] = [
  {
    name: "an unknown command",
    args: ["scroe"],
    code: 2,
    stderr: 'error: Cannot run "scroe": no such command: did you mean "score"?\n',
  },
  {
    name: "an unknown flag",
    args: ["score", "a", "--dmain", "x"],
    code: 2,
    stderr: 'error: Cannot run "score": no such flag "--dmain": did you mean "--domain"?\n',
  },
  {
    name: "a plugin that is not there",
    args: ["env", "list", "--plugin", "jsr-or-not"],
    code: 2,
    stderr: 'error: Cannot load plugin "jsr-or-not": no file or folder at FOLDER/jsr-or-not\n',
  },
  {
    name: "a file that is not there",
    args: ["score", "nope.jsonl"],
    code: 3,
    stderr: 'error: Cannot read "nope.jsonl": no such file or folder\n',
  },
  {
    name: "a log that is not a log",
    args: ["convert", "note.txt"],
    code: 3,
    stderr:
      'error: Cannot read log "note.txt": no adapter recognises it: known are gym, knowlyr, openhands, swe-agent\n',
  },
  {
    name: "a binary file",
    args: ["convert", "binary.jsonl", "--format", "gym"],
    code: 3,
    stderr: "error: Cannot read binary.jsonl:1: wanted UTF-8 text: received binary data (a zero byte)\n",
  },
  {
    name: "output to a folder",
    args: ["convert", LOG, "-o", "."],
    code: 3,
    stderr: 'error: Cannot write "FOLDER": it is a folder\n',
  },
];

for (const { name, args, code, stderr } of REFUSED) {
  inFolder(`gym refuses ${name} with exit code ${code}`, async (folder) => {
    await Deno.writeTextFile(join(folder, "note.txt"), "hello\n");
    await Deno.writeFile(join(folder, "binary.jsonl"), new Uint8Array([0x7f, 0x45, 0, 1, 2, 0xff, 10]));
    const result = await gym(folder, args);
    assert.deepEqual(result, { code, stdout: "", stderr: stderr.replaceAll("FOLDER", folder) });
  });
}

inFolder("output goes into a folder that does not exist yet, not into a file", async (folder) => {
  assert.equal((await gym(folder, ["convert", LOG, "-o", "new/deep/t.jsonl"])).code, 0);
  assert.ok((await Deno.stat(join(folder, "new/deep/t.jsonl"))).size > 1000);
  await Deno.writeTextFile(join(folder, "file"), "");
  const { code, stderr } = await gym(folder, ["convert", LOG, "-o", "file/t.jsonl"]);
  assert.equal(code, 3);
  assert.match(stderr, /^error: Cannot write "[^"]*file\/t\.jsonl": .*\n$/);
});

inFolder("a bad line stops score and leaves no output", async (folder) => {
  const { stdout } = await gym(folder, ["convert", LOG]);
  await Deno.writeTextFile(join(folder, "t.jsonl"), `${stdout}{"schema":\n`);
  const { code, stderr } = await gym(folder, ["score", "t.jsonl", "-o", "s.jsonl"]);
  assert.equal(code, 3);
  assert.match(stderr, /^error: Cannot read t\.jsonl:2: wanted JSON: received "/);
  await assert.rejects(Deno.stat(join(folder, "s.jsonl")), Deno.errors.NotFound);
  assert.equal((await gym(folder, ["validate", "t.jsonl"])).code, 1);
});

inFolder("plugins come from the line and from gym.yaml", async (folder) => {
  assert.equal((await gym(folder, ["plugin", "new", "own", "--name", "own/triage"])).code, 0);
  assert.match((await gym(folder, ["env", "list", "--plugin", "./own"])).stdout, /^own\/guess-v1 /m);
  assert.doesNotMatch((await gym(folder, ["env", "list"])).stdout, /guess/);
  await Deno.writeTextFile(join(folder, "gym.yaml"), "plugins:\n  - ./own\n");
  assert.match((await gym(folder, ["env", "list"])).stdout, /^own\/guess-v1 /m);
  assert.equal((await gym(folder, ["env", "check", "guess"])).code, 0);
  await Deno.writeTextFile(join(folder, "gym.yaml"), "plugin: ./own\n");
  const { code, stderr } = await gym(folder, ["env", "list"]);
  assert.equal(code, 3);
  assert.match(
    stderr,
    /^error: Cannot read settings: gym\.yaml:1:1: plugin: unknown field: did you mean "plugins"\?\n$/,
  );
});

inFolder("the test that plugin new writes passes", async (folder) => {
  await gym(folder, ["plugin", "new", "own"]);
  const { code, stdout, stderr } = await shell(join(folder, "own"), `"${Deno.execPath()}" test -A`);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /3 passed \| 0 failed/);
});

inFolder("--debug prints the stack of an error", async (folder) => {
  const { stderr } = await gym(folder, ["score", "nope.jsonl", "--debug"]);
  assert.match(stderr, /^error: Cannot read "nope\.jsonl": .*\nGymError: .*\n {4}at /);
});

inFolder("Ctrl-C ends a command that waits for input", async (folder) => {
  const { stdout } = await gym(folder, ["convert", LOG]);
  const child = new Deno.Command(Deno.execPath(), {
    args: [...CLI, "convert", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const writer = child.stdin.getWriter();
  writer.closed.catch(() => {}); // the pipe breaks when the command ends
  const written = writer.write(new TextEncoder().encode(stdout.repeat(100))).catch(() => {});
  await reader.read(); // the first rows have come: the command runs
  child.kill("SIGINT");
  while (!(await reader.read()).done);
  const stderr = await new Response(child.stderr).text();
  assert.deepEqual([stderr, (await child.status).code], ["error: Cannot go on: interrupted\n", 1]);
  await written;
  await writer.close().catch(() => {});
});
