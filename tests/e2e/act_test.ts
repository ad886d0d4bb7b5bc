/** `act` and `chat` as a person types them: the real program as a process. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseTrajectory } from "../../core/trajectory_schema.ts";
import { gym, withFolder as inFolder } from "./_gym.ts";

const tiny = fileURLToPath(new URL("./tiny_plugin.ts", import.meta.url));

const counting = ["act", "--plugin", tiny, "--env", "tiny/counter"];

Deno.test("act shows every step and how it ended", () =>
  inFolder(async (folder) => {
    const { code, stdout, stderr } = await gym(folder, [...counting, "--policy", "tiny/careful"]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "own: success after 3 steps\n");
    assert.deepEqual(stderr.trimEnd().split("\n"), [
      "task own",
      "  Reach the target",
      "  0",
      ...[1, 2, 3].flatMap((at) => [`step ${at}`, '  add {"by":1}', `  ${at}`, "  reward 0"]),
    ]);
  }));

Deno.test("act plays what collect plays first with the same seed, prints it as JSON and appends it to a file", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(
      join(folder, "tasks.jsonl"),
      ["one", "two"].map((id) => JSON.stringify({ id, description: "Count" })).join("\n"),
    );
    const playing = ["--plugin", tiny, "--env", "tiny/counter", "--policy", "tiny/guesser", "--seed", "7"];
    const acted = await gym(folder, [
      "act",
      ...playing,
      ...["--task", "tasks.jsonl", "--task-id", "two", "--json", "-o", "acted.jsonl"],
    ]);
    assert.equal(acted.code, 0, acted.stderr);
    const shown = JSON.parse(acted.stdout);
    assert.deepEqual(parseTrajectory(shown), shown);
    assert.deepEqual(JSON.parse(await Deno.readTextFile(join(folder, "acted.jsonl"))), shown);
    const collected = await gym(folder, ["collect", "tasks.jsonl", ...playing, "-o", "collected.jsonl"]);
    assert.equal(collected.code, 0, collected.stderr);
    const lines = (await Deno.readTextFile(join(folder, "collected.jsonl"))).trimEnd().split("\n");
    const same = JSON.parse(lines[1]!);
    assert.deepEqual(
      shown.steps.map(({ action }: { action: unknown }) => action),
      same.steps.map(({ action }: { action: unknown }) => action),
    );
    assert.deepEqual(shown.metadata, same.metadata);
    // So collect takes it for done.
    const again = await gym(folder, ["collect", "tasks.jsonl", ...playing, "-o", "acted.jsonl"]);
    assert.match(again.stdout, /^1 of 2 episodes played, 1 were there already/);
  }));

Deno.test("act cuts long texts and shows control characters as signs", () =>
  inFolder(async (folder) => {
    const description = `first\u001b[31m\nsecond\nthird\nfourth`;
    await Deno.writeTextFile(join(folder, "task.jsonl"), JSON.stringify({ id: "long", description }));
    const args = [...counting, "--policy", "tiny/careful", "--task", "task.jsonl", "--lines", "2"];
    const { stderr } = await gym(folder, args);
    assert.deepEqual(stderr.split("\n").slice(0, 5), [
      "task long",
      "  first␛[31m",
      "  second",
      "  … 2 more lines",
      "  0",
    ]);
  }));

Deno.test("act says what ended an episode, and exits with 1 for an error", () =>
  inFolder(async (folder) => {
    const task = { id: "two", description: "Count", broken: true };
    await Deno.writeTextFile(join(folder, "task.jsonl"), JSON.stringify(task));
    const args = [...counting, "--policy", "tiny/careful", "--task", "task.jsonl"];
    const { code, stdout } = await gym(folder, args);
    assert.equal(code, 1);
    assert.equal(
      stdout,
      'two: ended by an error: Cannot step env "tiny/counter-v1": the counter is broken after 0 steps\n',
    );
    const few = await gym(folder, [...counting, "--max-steps", "1", "--policy", "tiny/careful"]);
    assert.deepEqual([few.code, few.stdout], [0, "own: outcome unknown after 1 step, max_steps\n"]);
  }));

Deno.test("act refuses a task that is not there", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "t.jsonl"), JSON.stringify({ id: "one", description: "Count" }));
    const said = async (...more: string[]) => {
      const { code, stderr } = await gym(folder, [...counting, "--policy", "tiny/careful", ...more]);
      return [code, stderr.trimEnd()];
    };
    assert.deepEqual(await said("--task", "t.jsonl", "--task-id", "two"), [
      2,
      'error: Cannot run "act": --task-id: wanted one of one: received "two"',
    ]);
    assert.deepEqual(await said("--task-id", "two"), [
      2,
      'error: Cannot run "act": --task-id: wanted --task as well',
    ]);
  }));

if (Deno.build.os !== "windows") {
  Deno.test("act ends at Ctrl-C, says after how many steps, and records nothing", () =>
    inFolder(async (folder) => {
      let sent = false;
      const slow = ["--env-option", "target=1000", "--env-option", "delayMs=20", "--max-steps", "1000"];
      const args = [...counting, "--policy", "tiny/careful", ...slow, "-o", "out.jsonl"];
      const { code, stderr } = await gym(folder, args, {
        onStderr: (text, child) => {
          if (!sent && text.includes("step 3")) child.kill("SIGINT");
          sent ||= text.includes("step 3");
        },
      });
      assert.equal(code, 1);
      assert.match(stderr, /\nerror: Cannot finish the episode: interrupted after \d+ steps\n$/);
      await assert.rejects(Deno.stat(join(folder, "out.jsonl")), Deno.errors.NotFound);
    }));
}

/** A folder with a model of bytes, which answers with rubbish. */
function withModel(name: string, test: (folder: string) => Promise<void>, context = "4096"): void {
  Deno.test(name, () =>
    inFolder(async (folder) => {
      const { code, stderr } = await gym(folder, [
        ...["model", "init", "nano", "--seed", "3", "--context", context, "-o", "nano"],
      ]);
      assert.equal(code, 0, stderr);
      await test(folder);
    }));
}

const talk = ["chat", "nano", "--provider", "cpu", "--max-new-tokens", "12"];
const WELCOME = "Talking to nano: /reset starts over, /quit leaves, Ctrl-C stops an answer\n";

withModel(
  "chat answers lines of a pipe one by one; the same words after /reset get the same answers",
  async (folder) => {
    const stdin = "Hello\n\n  \nAgain\r\n/reset\nHello\nAgain\n/quit\nnever\n";
    const { code, stdout, stderr } = await gym(folder, talk, { stdin });
    assert.equal(code, 0, stderr);
    assert.equal(stderr, `${WELCOME}Started over\n`);
    const half = stdout.length / 2;
    assert.ok(stdout.length > 20);
    assert.equal(stdout.slice(0, half), stdout.slice(half));
    // Without an end of line, and without /quit, the last line counts as well.
    const last = await gym(folder, talk, { stdin: "Hello\nAgain" });
    assert.equal(last.stdout, stdout.slice(0, half));
    const other = await gym(folder, [...talk, "--seed", "1"], { stdin: "Hello\nAgain" });
    assert.notEqual(other.stdout, last.stdout);
  },
);

withModel(
  "chat gives the record as JSON behind what it streamed; a system prompt and greedy decoding change it",
  async (folder) => {
    const answers = async (...more: string[]) => {
      const { stdout, stderr } = await gym(folder, [...talk, "--json", ...more], { stdin: "Hello\n" });
      const { model, turns } = JSON.parse(stderr.slice(WELCOME.length));
      assert.equal(model, "nano");
      assert.equal(stdout, turns.map(({ text }: { text: string }) => `${text}\n`).join(""));
      return turns;
    };
    const [plain] = await answers();
    assert.deepEqual(Object.keys(plain), ["user", "text", "tokens", "reason", "omitted"]);
    assert.deepEqual([plain.user, plain.tokens, plain.reason, plain.omitted], ["Hello", 12, "length", 0]);
    const [system] = await answers("--system", "Be brief");
    assert.notEqual(system.text, plain.text);
    const [greedy] = await answers("--temperature", "0");
    assert.deepEqual(await answers("--temperature", "0", "--seed", "5"), [greedy]);
  },
);

withModel(
  "chat leaves out what no longer fits and says so; a message that is too long is told and forgotten",
  async (folder) => {
    const line = "x".repeat(40);
    const stdin = `${line}\n${line}\n${line}\n${"y".repeat(300)}\n${line}\n`;
    const { code, stderr } = await gym(folder, talk, { stdin });
    assert.equal(code, 1);
    const said = stderr.slice(WELCOME.length).trimEnd().split("\n");
    assert.match(said[0]!, /^Earlier exchanges that no longer fit: [12]$/);
    assert.match(
      said.join("\n"),
      /\nerror: Cannot generate: wanted a prompt of fewer than 200 tokens: received 3\d\d\n/,
    );
    assert.match(said.at(-1)!, /^Earlier exchanges that no longer fit: [23]$/);
  },
  "200",
);

withModel(
  "chat writes while the model writes, and Ctrl-C stops an answer but not the conversation",
  async (folder) => {
    if (Deno.build.os === "windows") return;
    const stopped = Promise.withResolvers<void>();
    let sent = false;
    const long = [...talk.slice(0, -1), "4000"];
    const { code, stdout, stderr } = await gym(folder, [...long, "--json"], {
      stdin: async (write) => {
        await write("Hello\n");
        await stopped.promise;
        await write("Hello\n/exit\n"); // as good as /quit
      },
      onStdout: (text, child) => {
        if (sent && text.endsWith("\n")) stopped.resolve();
        if (!sent && text.length > 20) child.kill("SIGINT");
        sent ||= text.length > 20;
      },
    });
    assert.equal(code, 0, stderr);
    const { turns } = JSON.parse(stderr.slice(WELCOME.length));
    assert.equal(turns.length, 2);
    assert.equal(turns[0].reason, "aborted");
    assert.ok(turns[0].tokens < 3900);
    assert.ok(stdout.startsWith(turns[0].text));
  },
);

withModel("chat ends quietly at Ctrl-C while it waits for a message", async (folder) => {
  if (Deno.build.os === "windows") return;
  let sent = false;
  const { code, stderr } = await gym(folder, [...talk, "--json"], {
    stdin: async (write, ended) => {
      await write("Hello\n/reset\n");
      await ended; // the pipe stays open
    },
    onStderr: (text, child) => {
      if (!sent && text.includes("Started over\n")) child.kill("SIGINT");
      sent ||= text.includes("Started over\n");
    },
  });
  assert.equal(code, 0, stderr);
  assert.equal(JSON.parse(stderr.slice(`${WELCOME}Started over\n`.length)).turns.length, 1);
});

withModel("chat refuses a folder that is no model", async (folder) => {
  const { code, stderr } = await gym(folder, ["chat", "nothing"], { stdin: "Hello\n" });
  assert.equal(code, 3);
  assert.match(stderr, /^error: Cannot read .*nothing\/config\.json/);
});
