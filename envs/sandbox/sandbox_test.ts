import assert from "node:assert/strict";
import type { Env, TimeStep } from "../../core/env.ts";
import { createKernel } from "../../core/kernel.ts";
import type { Json } from "../../core/schema.ts";
import type { Task } from "../../core/trajectory.ts";
import runtimes from "../../plugins/runtimes/mod.ts";
import { sandbox, type SandboxOptions } from "./sandbox.ts";

const kernel = createKernel({ plugins: [runtimes] });
const create = (options: SandboxOptions = {}): Promise<Env> => kernel.make(sandbox, options);
const act = async (env: Env, tool: string, params: Record<string, Json> = {}): Promise<TimeStep> =>
  await env.step({ tool, params });
const see = async (env: Env, tool: string, params: Record<string, Json> = {}): Promise<string> =>
  (await act(env, tool, params)).observation;

const TASK: Task = {
  id: "greet",
  description: "Make greet.sh print hello.\n",
  files: { "greet.sh": "echo goodbye\n", "docs/a.txt": "one\ntwo\nthree\n" },
  setup: ["mkdir -p out && echo ready > out/state"],
  verifier: "sh tests/check.sh",
  verifierFiles: {
    "tests/check.sh": '[ "$(sh greet.sh)" = hello ] && echo "1 passed" || { echo "1 failed"; exit 1; }\n',
  },
};

Deno.test("sandbox shows the task, the files and the tools at reset", async () => {
  await using env = await create();
  const step = await env.reset({ task: TASK });
  assert.equal(
    step.observation,
    "Make greet.sh print hello.\n\nWorkspace /work:\ndocs/a.txt\ngreet.sh\nout/state\n\n" +
      "Tools: file_read, file_write, file_edit, list_dir, shell, search, git, run_tests, submit, finish",
  );
  assert.deepEqual([step.reward, step.terminated, step.truncated], [0, false, false]);
  for (const tool of env.tools) assert.equal(tool.parameters["type"], "object", tool.name);
});

Deno.test("sandbox tools read, write, edit, list, search and run", async () => {
  await using env = await create();
  await env.reset({ task: TASK });
  const cases: [tool: string, params: Record<string, Json>, observation: string][] = [
    ["file_read", { path: "docs/a.txt" }, "one\ntwo\nthree\n"],
    ["file_read", { path: "/work/docs/a.txt", start_line: 2 }, "two\nthree\n"],
    ["file_read", { path: "docs/a.txt", end_line: 1 }, "one\n"],
    [
      "file_read",
      { path: "docs/a.txt", start_line: 9 },
      "Error: docs/a.txt has 3 lines: received start_line 9",
    ],
    ["file_write", { path: "new/é.txt", content: "é" }, "Wrote 2 bytes to new/é.txt"],
    ["file_edit", { path: "docs/a.txt", old_string: "two", new_string: "$& 2" }, "Edited docs/a.txt"],
    [
      "file_edit",
      { path: "docs/a.txt", old_string: "e", new_string: "" },
      "Error: wanted old_string exactly once in docs/a.txt: found it 3 times",
    ],
    ["list_dir", {}, "docs/\ngreet.sh (13 bytes)\nnew/\nout/"],
    ["list_dir", { path: "docs" }, "docs/a.txt (15 bytes)"],
    ["search", { pattern: "^t", file_pattern: "*.txt" }, "docs/a.txt:3:three"],
    ["search", { pattern: "'; echo $(id) #" }, "No matches"],
    ["shell", { command: "echo out; echo err >&2; exit 2" }, "out\nerr\n[exit code 2]"],
    ["shell", { command: "pwd", cwd: "docs" }, "/work/docs"],
    ["shell", { command: "cd docs; pwd; A=1" }, "/work/docs"],
    ["shell", { command: 'pwd; echo "[$A]"' }, "/work\n[]"],
    ["shell", { command: "true" }, "(no output)"],
    [
      "file_read",
      { path: "../etc/passwd" },
      'Error: Cannot read "../etc/passwd": wanted a path inside /work',
    ],
    ["run_tests", {}, "1 failed\n[exit code 1]"],
  ];
  for (const [tool, params, observation] of cases) assert.equal(await see(env, tool, params), observation);
});

Deno.test("sandbox answers malformed calls with an observation and changes nothing", async () => {
  await using env = await create();
  await env.reset({ task: TASK });
  const { workspace } = await env.snapshot!() as { workspace: Json };
  const cases: [tool: string, params: Record<string, Json>, observation: string][] = [
    ["file_raed", {}, 'Error: Cannot call tool "file_raed": no such tool: did you mean "file_read"?'],
    [
      "x".repeat(10_000),
      {},
      `Error: Cannot call tool "${
        "x".repeat(60)
      }...": no such tool: there are file_read, file_write, file_edit, list_dir, shell, search, git, run_tests, submit, finish`,
    ],
    [
      "",
      {},
      "Error: Cannot go on: wanted a call of a tool: received text alone: there are file_read, file_write, file_edit, list_dir, shell, search, git, run_tests, submit, finish",
    ],
    ["shell", {}, 'Error: Cannot call tool "shell": command: expected string: received nothing'],
    [
      "run_tests",
      Object.fromEntries(Array.from({ length: 7 }, (_, at) => [`a${at}`, at])),
      `Error: Cannot call tool "run_tests": ${
        [0, 1, 2, 3, 4].map((at) => `a${at}: unknown field`).join("; ")
      }; and 2 more`,
    ],
    [
      "shell",
      { command: "rm greet.sh", comand: 1 },
      'Error: Cannot call tool "shell": comand: unknown field: did you mean "command"?',
    ],
    [
      "file_write",
      { path: "greet.sh", content: 7 },
      'Error: Cannot call tool "file_write": content: expected string: received 7',
    ],
  ];
  for (const [tool, params, observation] of cases) {
    const step = await act(env, tool, params);
    assert.equal(step.observation, observation);
    assert.deepEqual([step.info.invalid, step.info.result?.exitCode, step.terminated], [true, 1, false]);
  }
  const raw = await env.step({ tool: "shell", params: {}, raw: '{"command": ' });
  assert.equal(
    raw.observation,
    'Error: Cannot call tool "shell": wanted arguments as a JSON object: received "{\\"command\\": "',
  );
  assert.deepEqual((await env.snapshot!() as { workspace: Json }).workspace, workspace);
});

Deno.test("submit and finish let the verifier decide", async () => {
  await using env = await create();
  await env.reset({ task: TASK });
  const lost = await act(env, "submit");
  assert.equal(lost.observation, "The check failed:\n1 failed\n[exit code 1]");
  assert.deepEqual(lost.info, {
    reason: "submit",
    success: false,
    successSource: "verifier",
    testsPassed: 0,
    testsFailed: 1,
    result: { exitCode: 1, error: null, truncated: false },
  });
  assert.deepEqual([lost.reward, lost.terminated], [0, true]);
  for (const tool of ["submit", "finish"]) {
    await env.reset({ task: TASK });
    await act(env, "file_write", { path: "greet.sh", content: "echo hello\n" });
    const won = await act(env, tool, { message: "fixed" });
    assert.deepEqual([won.reward, won.info.success, won.info.submission, won.info.reason], [
      1,
      true,
      "fixed",
      tool,
    ]);
  }
  await env.reset();
  assert.equal((await act(env, "finish")).info.success, null);
});

Deno.test("an agent can neither prepare nor read what the verifier uses", async () => {
  await using env = await create();
  await env.reset({ task: TASK });
  const tricks = [
    "mkdir tests; echo exit 0 > tests/check.sh; chmod 444 tests/check.sh",
    "rm -rf tests; mkdir mine; ln -s mine tests; echo exit 0 > mine/check.sh",
    "rm -rf tests; echo x > tests",
    "rm -rf tests; mkdir -p tests/check.sh/in",
  ];
  for (const trick of tricks) {
    await act(env, "shell", { command: trick });
    assert.equal(await see(env, "run_tests"), "1 failed\n[exit code 1]", trick);
  }
  assert.equal(await see(env, "search", { pattern: "passed" }), "No matches");
});

Deno.test("a failing setup names command, exit code and stderr", async () => {
  await using env = await create();
  await assert.rejects(
    async () =>
      await env.reset({ task: { id: "x", description: "", setup: ["true", "echo no >&2; exit 4"] } }),
    {
      code: "SETUP_FAILED",
      message: 'Cannot set up task "x": wanted exit code 0 of `echo no >&2; exit 4`: received 4: no',
    },
  );
  await assert.rejects(async () => await act(env, "shell", { command: "ls" }), { code: "ENV_STATE" });
  await assert.rejects(async () => await env.reset({ task: { id: "x", description: "", files: { a: 1 } } }), {
    code: "INVALID_DATA",
    message: 'Cannot use task "x": files.a: expected string: received 1',
  });
  assert.match((await env.reset({ task: TASK })).observation, /greet\.sh/);
});

Deno.test("sandbox refuses use out of order", async () => {
  const env = await create();
  const refused = async (work: () => unknown, why: string): Promise<void> =>
    await assert.rejects(async () => await work(), { code: "ENV_STATE", message: `Cannot ${why}` });
  await refused(() => act(env, "shell", {}), 'step env "knowlyr/sandbox-v1": it was not reset yet');
  await env.reset();
  await act(env, "finish");
  await refused(
    () => act(env, "finish"),
    'step env "knowlyr/sandbox-v1": the episode has ended; reset first',
  );
  await env[Symbol.asyncDispose]();
  await env[Symbol.asyncDispose]();
  await refused(() => act(env, "finish"), 'step env "knowlyr/sandbox-v1": it was disposed');
  await refused(() => env.reset(), 'reset env "knowlyr/sandbox-v1": it was disposed');
});

Deno.test("equal episodes show equal bytes, after a reset and in another sandbox", async () => {
  const calls: [string, Record<string, Json>][] = [
    ["shell", { command: "date; echo $RANDOM $$; ls -la; mktemp" }],
    ["git", { args: ["init"] }],
    ["git", { args: ["add", "."] }],
    ["git", { args: ["commit", "-m", "First"] }],
    ["git", { args: ["log"] }],
    ["submit", {}],
  ];
  const play = async (env: Env): Promise<TimeStep[]> => {
    const steps = [await env.reset({ task: TASK, seed: 3n })];
    for (const [tool, params] of calls) steps.push(await act(env, tool, params));
    return steps;
  };
  await using a = await create();
  await using b = await create();
  const steps = await play(a);
  assert.deepEqual(await play(a), steps);
  assert.deepEqual(await play(b), steps);
});

Deno.test("snapshot, restore and fork go on from the same place", async () => {
  await using env = await create();
  await env.reset({ task: TASK });
  await act(env, "shell", { command: "echo 1 > n; chmod 600 n; echo t > /tmp/t" });
  const saved = JSON.parse(JSON.stringify(await env.snapshot!())) as Json;
  const probe = { command: "ls -l n; date; echo $RANDOM; cat /tmp/t; echo 2 >> n; cat n" };
  await using copy = await env.fork!();
  const here = await act(env, "shell", probe);
  assert.deepEqual(await act(copy, "shell", probe), here);
  assert.deepEqual(await copy.snapshot!(), await env.snapshot!());
  await using other = await create();
  await other.restore!(saved);
  assert.deepEqual(await act(other, "shell", probe), here);
  await act(env, "submit");
  await env.restore!(saved);
  assert.deepEqual(await env.snapshot!(), saved);
  await assert.rejects(async () => await env.restore!({ env: "acme/x" }), {
    code: "INVALID_DATA",
    message: 'Cannot restore env "knowlyr/sandbox-v1": wanted a snapshot of this environment',
  });
});

Deno.test("a hanging tool is stopped by time and by abort", async () => {
  await using env = await create({ toolTimeoutMs: 100 });
  await env.reset({ task: TASK });
  const step = await act(env, "shell", { command: "sleep 60", timeout_ms: 60_000 });
  assert.equal(
    step.observation,
    "bash: stopped after 100 ms; the workspace is as before the command\n[exit code 124]",
  );
  const abort = new AbortController();
  const running = env.step({ tool: "shell", params: { command: "sleep 60" } }, { signal: abort.signal });
  setTimeout(() => abort.abort(new Error("enough")), 5);
  await assert.rejects(async () => await running, { message: "enough" });
  assert.equal(await see(env, "shell", { command: "cat greet.sh" }), "echo goodbye");
});

Deno.test("long observations lose their middle and say so", async () => {
  await using env = await create({ maxObservationChars: 100 });
  await env.reset();
  const step = await act(env, "shell", { command: "seq -s ' ' 1 100" });
  assert.equal(
    step.observation,
    "1 2 3 4 5 6 7 8 9 10 11 1\n[241 characters left out]\n 93 94 95 96 97 98 99 100",
  );
  assert.equal(step.info.result?.truncated, true);
});

Deno.test("git follows a change from init to checkout", async () => {
  await using env = await create();
  await env.reset({ task: { id: "", description: "", files: { a: "1\n", "d/b": "x\n" } } });
  const run = (...args: string[]): Promise<string> => see(env, "git", { args });
  assert.match(await run("status"), /^Error: git: Could not find/);
  await run("init");
  assert.equal(await run("status"), "## main\n?? a\n?? d/b");
  await run("add", "-A");
  assert.equal(await run("status"), "## main\nA  a\nA  d/b");
  assert.match(await run("commit", "-m", "First"), /^\[main [0-9a-f]{7}\] First$/);
  await act(env, "file_write", { path: "a", content: "2\n" });
  assert.equal(await run("status"), "## main\n M a");
  const change = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,1 +1,1 @@\n-1\n+2";
  assert.equal(await run("diff"), change);
  await run("add", "a");
  assert.equal(await run("diff"), "(no output)");
  assert.equal(await run("diff", "--staged"), change);
  await run("commit", "-m", "Second");
  assert.match(await run("log", "--oneline"), /^[0-9a-f]{7} Second\n[0-9a-f]{7} First$/);
  assert.match(
    await run("log", "-1"),
    /^commit [0-9a-f]{40}\nAuthor: agent <agent@localhost>\nDate: .*\n\n {4}Second$/,
  );
  assert.ok((await run("show")).endsWith(change));
  assert.equal(await run("diff", "HEAD~1", "HEAD", "--", "a"), change);
  assert.equal(await run("checkout", "-b", "side"), "Switched to a new branch 'side'");
  assert.equal(await run("branch"), "  main\n* side");
  await act(env, "file_write", { path: "a", content: "3\n" });
  await run("checkout", "--", "a");
  assert.equal(await see(env, "file_read", { path: "a" }), "2\n");
  await act(env, "shell", { command: "rm d/b" });
  assert.equal(await run("status"), "## side\n D d/b");
  await run("commit", "-a", "-m", "Third");
  assert.equal(await run("checkout", "main"), "Switched to 'main'");
  assert.equal(await see(env, "file_read", { path: "d/b" }), "x\n");
  assert.equal(await run("commit", "-m", "x"), "Error: git: nothing to commit");
  assert.equal(
    await run("bisect"),
    "Error: git bisect is not here: there are init, status, add, commit, log, diff, show, checkout, branch",
  );
});
