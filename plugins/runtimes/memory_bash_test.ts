import assert from "node:assert/strict";
import { createKernel } from "../../core/kernel.ts";
import type { ExecResult, Runtime } from "../../core/runtime.ts";
import { memoryBash, type MemoryBashOptions } from "./memory_bash.ts";

const kernel = createKernel({ plugins: [] });
const create = (options: MemoryBashOptions = {}): Promise<Runtime> => kernel.make(memoryBash, options);
const text = async (runtime: Runtime, path: string): Promise<string> =>
  new TextDecoder().decode(await runtime.readFile(path));

Deno.test("memoryBash runs the usual text tools on the workspace", async () => {
  await using bash = await create();
  await bash.writeFile("logs/a.txt", "b 2\na 1\n");
  await bash.writeFile("x.json", '{"n": [1, 2]}');
  await bash.writeFile("s.sh", '#!/bin/bash\necho "args: $*"\n');
  const cases: [command: string, stdout: string, exitCode: number][] = [
    ["pwd", "/work\n", 0],
    ["ls", "logs\ns.sh\nx.json\n", 0],
    ["ls -la /bin >/dev/null; echo $?", "0\n", 0],
    ["sort logs/a.txt | awk '{print $2}'", "1\n2\n", 0],
    ["jq -c .n x.json", "[1,2]\n", 0],
    ["sh s.sh one 'two three'", "args: one two three\n", 0],
    ["chmod +x s.sh && ./s.sh", "args: \n", 0],
    ["grep -rn 'a 1' .", "logs/a.txt:2:a 1\n", 0],
    ["sed -i 's/1/9/' logs/a.txt && cat logs/a.txt", "b 2\na 9\n", 0],
    ["cat", "", 0],
    ["exit 3", "", 3],
    ["cat <<'X'\n  indented\nX", "  indented\n", 0],
  ];
  for (const [command, stdout, exitCode] of cases) {
    const result = await bash.exec(command);
    assert.deepEqual([result.stdout, result.exitCode], [stdout, exitCode], `${command}: ${result.stderr}`);
  }
  assert.equal((await bash.exec("nosuch")).exitCode, 127);
  assert.equal((await bash.exec("cat", { stdin: "from stdin" })).stdout, "from stdin");
  assert.equal((await bash.exec("echo $A; pwd", { cwd: "logs", env: { A: "é" } })).stdout, "é\n/work/logs\n");
  assert.equal(await text(bash, "/work/logs/a.txt"), "b 2\na 9\n");
});

Deno.test("memoryBash keeps /tmp, modes, links, empty folders and bytes between commands", async () => {
  await using bash = await create();
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  await bash.writeFile("all.bin", bytes);
  await bash.exec("mkdir empty; ln -s all.bin link; echo t > /tmp/t; echo 'echo ran' > r; chmod 755 r");
  assert.equal(
    (await bash.exec("cat /tmp/t; ./r; ls; wc -c < link")).stdout.replaceAll(/ +/g, ""),
    "t\nran\nall.bin\nempty\nlink\nr\n256\n",
  );
  assert.deepEqual(await bash.readFile("link"), bytes);
  assert.deepEqual(await bash.list("."), [
    { path: "all.bin", kind: "file", size: 256 },
    { path: "empty", kind: "directory", size: 0 },
    { path: "link", kind: "symlink", size: 0 },
    { path: "r", kind: "file", size: 9 },
  ]);
  await bash.remove("link");
  await bash.remove("empty");
  await bash.remove("missing");
  assert.deepEqual((await bash.list(".")).map((entry) => entry.path), ["all.bin", "r"]);
});

Deno.test("memoryBash survives endless loops, fork bombs and floods, as results", async () => {
  await using bash = await create({ maxCommands: 2000, maxOutputBytes: 1000, maxFileBytes: 20_000 });
  await bash.writeFile("kept", "kept");
  const bombs: [command: string, exitCode: number][] = [
    ["while true; do :; done", 126],
    [":(){ :|:& };:", 126],
    ["f(){ f; }; f", 126],
    ["awk 'BEGIN{while(1){}}'", 126],
    ["for i in 1 2 3; do seq 1 1900; done > big", 153],
  ];
  for (const [command, exitCode] of bombs) {
    assert.equal((await bash.exec(command)).exitCode, exitCode, command);
    assert.equal((await bash.exec("cat kept")).stdout, "kept", command);
  }
  const flood = await bash.exec("seq 1 500");
  assert.deepEqual([flood.truncated, flood.stdout.length, flood.exitCode], [true, 1000, 0]);
});

Deno.test("memoryBash stops a command at its time limit and has the workspace as before", async () => {
  await using bash = await create();
  await bash.writeFile("a", "before");
  const result = await bash.exec("echo after > a; sleep 60", { timeoutMs: 50 });
  assert.deepEqual(
    { ...result, durationMs: 0 },
    {
      stdout: "",
      stderr: "bash: stopped after 50 ms; the workspace is as before the command\n",
      exitCode: 124,
      timedOut: true,
      truncated: false,
      durationMs: 0,
    } satisfies ExecResult,
  );
  assert.equal((await bash.exec("cat a")).stdout, "before");
});

Deno.test("memoryBash rejects with the signal's reason when aborted, and goes on", async () => {
  await using bash = await create();
  await bash.exec(":");
  const reason = new Error("enough");
  const abort = new AbortController();
  const running = bash.exec("sleep 60", { signal: abort.signal });
  setTimeout(() => abort.abort(reason), 5);
  await assert.rejects(running, reason);
  await assert.rejects(bash.exec("echo", { signal: abort.signal }), reason);
  assert.equal((await bash.exec("echo alive")).stdout, "alive\n");
});

Deno.test("memoryBash refuses paths that lead out of the workspace", async () => {
  await using bash = await create();
  await bash.exec("ln -s /etc/passwd file; ln -s .. up; ln -s loop loop; mkdir d; ln -s ../d d/in");
  const cases: [path: string, message: string][] = [
    ["/etc/passwd", 'Cannot read "/etc/passwd": wanted a path inside /work'],
    ["../etc/passwd", 'Cannot read "../etc/passwd": wanted a path inside /work'],
    ["/workshop", 'Cannot read "/workshop": wanted a path inside /work'],
    ["a\0b", 'Cannot read "a\0b": wanted a path inside /work'],
    ["file", 'Cannot read "file": wanted a path inside /work'],
    ["up/x", 'Cannot read "up/x": wanted a path inside /work'],
    ["loop", 'Cannot read "loop": too many links'],
    ["missing", 'Cannot read "missing": no such file'],
    ["d", 'Cannot read "d": it is a folder'],
  ];
  for (const [path, message] of cases) {
    await assert.rejects(bash.readFile(path), { code: "FILE_ACCESS", message });
  }
  await assert.rejects(bash.writeFile("up/x", ""), { code: "FILE_ACCESS" });
  await assert.rejects(bash.writeFile("d", ""), {
    code: "FILE_ACCESS",
    message: 'Cannot write "d": it is a folder',
  });
  await assert.rejects(bash.exec("ls", { cwd: "/etc" }), { code: "FILE_ACCESS" });
  await assert.rejects(bash.list("none"), {
    code: "FILE_ACCESS",
    message: 'Cannot list "none": no such folder',
  });
  await bash.writeFile("d/in/x", "through a link");
  assert.equal(await text(bash, "d/../d/x"), "through a link");
});

Deno.test("memoryBash shows nothing of the host", async () => {
  for (const workerPermissions of ["inherit", "none"] as const) {
    await using bash = await create({ workerPermissions });
    const { stdout } = await bash.exec(
      "cat /etc/hostname /proc/1/environ; env | grep -ci deno; ls /root /home",
    );
    assert.equal(stdout.trim(), "0", workerPermissions);
  }
});

Deno.test("memoryBash snapshots, restores and forks with equal bytes, clock and randomness", async () => {
  await using bash = await create({ seed: 7 });
  await bash.exec("mkdir -p a/b; echo 1 > a/b/c; chmod 700 a; ln -s a/b/c l; echo t > /tmp/t; touch e");
  const snapshot = await bash.snapshot();
  const probe = "date +%s; echo $RANDOM; ls -laR; cat /tmp/t; echo more >> a/b/c";
  const first = await bash.exec(probe);
  const after = await bash.snapshot();
  await bash.restore(JSON.parse(JSON.stringify(snapshot)));
  assert.deepEqual(await bash.snapshot(), snapshot);
  await using copy = await bash.fork();
  assert.deepEqual(await copy.snapshot(), snapshot);
  assert.equal((await copy.exec(probe)).stdout, first.stdout);
  assert.deepEqual(await copy.snapshot(), after);
  assert.deepEqual(await bash.snapshot(), snapshot);
  await assert.rejects(bash.restore({ runtime: "acme/x", files: {} }), {
    message:
      'Cannot restore workspace: wanted a snapshot of "knowlyr/memory-bash-v1": received one of "acme/x"',
  });
});

Deno.test("memoryBash runs commands one after the other and ends on disposal", async () => {
  const bash = await create();
  await Promise.all(["1", "2", "3"].map((n) => bash.exec(`echo ${n} >> n`)));
  assert.equal(await text(bash, "n"), "1\n2\n3\n");
  const running = assert.rejects(bash.exec("sleep 60"), { code: "ENV_STATE" });
  await bash.readFile("n");
  await bash[Symbol.asyncDispose]();
  await running;
  await bash[Symbol.asyncDispose]();
  await assert.rejects(bash.exec("ls"), {
    code: "ENV_STATE",
    message: 'Cannot use runtime "knowlyr/memory-bash-v1": it was disposed',
  });
});
