/** `run` and `collect` as a person types them: the real program as a process, stopped and typed again. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tiny = fileURLToPath(new URL("./tiny_plugin.ts", import.meta.url));

interface Ended {
  readonly code: number;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the program. `onStderr` sees everything it said so far. */
async function typed(
  args: readonly string[],
  cwd: string,
  onStderr: (text: string, child: Deno.ChildProcess) => void = () => {},
): Promise<Ended> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", join(root, "deno.json"), join(root, "cli.ts"), ...args],
    cwd,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  let stderr = "";
  const watching = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      stderr += text;
      onStderr(stderr, child);
    }
  })();
  const stdout = await new Response(child.stdout).text();
  await watching;
  const { code, signal } = await child.status;
  return { code, signal, stdout, stderr };
}

/** Sends a signal once, when the program has said `text`. */
function whenSaid(text: string, signal: Deno.Signal): (seen: string, child: Deno.ChildProcess) => void {
  let sent = false;
  return (seen, child) => {
    if (sent || !seen.includes(text)) return;
    sent = true;
    child.kill(signal);
  };
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const PIPELINE = `name: slow
plugins: [${JSON.stringify(tiny)}]
sources:
  - collect:
      env: tiny/counter-v1
      envOptions: { target: 4, delayMs: 10 }
      policy: tiny/guesser-v1
      tasks: [tasks.yaml]
      episodes: 20
      concurrency: 2
export:
  - format: flat
`;

async function prepared(folder: string, pipeline = PIPELINE): Promise<void> {
  await Deno.writeTextFile(join(folder, "flow.yaml"), pipeline);
  await Deno.writeTextFile(join(folder, "tasks.yaml"), "id: count\ndescription: Count\n");
}

async function results(folder: string): Promise<readonly string[]> {
  const names = ["trajectories.jsonl", "scored.jsonl", "selected.jsonl", "flat.jsonl", "summary.json"];
  return await Promise.all(names.map((name) => Deno.readTextFile(join(folder, "runs/latest", name))));
}

Deno.test("the example pipeline runs from logs to a trained model that acts better than before, and a rerun does nothing again", () =>
  inFolder(async (folder) => {
    const line = ["run", join(root, "examples/gym.yaml"), "-o", join(folder, "runs")];
    const first = await typed(line, root);
    assert.equal(first.code, 0, first.stderr);
    const summary = JSON.parse(await Deno.readTextFile(join(folder, "runs/latest/summary.json")));
    assert.deepEqual(Object.keys(summary.sources), ["openhands", "swe-agent", "expert", "clumsy", "shown"]);
    const { expert, clumsy, openhands } = summary.sources;
    assert.equal(openhands.steps, 23);
    assert.equal(expert.succeeded, expert.episodes);
    assert.ok(expert.meanReward > clumsy.meanReward);
    assert.ok(summary.exports.every(({ rows }: { rows: number }) => rows > 0));
    const [{ loss, evaluation }] = summary.training;
    assert.ok(loss.first > loss.middle && loss.middle > loss.last, JSON.stringify(loss));
    assert.ok(evaluation.after < 0.8 * evaluation.before, JSON.stringify(evaluation));
    const [{ policies: [before, after], comparisons }] = summary.evaluations;
    assert.ok(before.success.estimate <= 0.05, JSON.stringify(before));
    assert.ok(after.success.estimate >= 0.9, JSON.stringify(after));
    assert.equal(comparisons[0].decided, "better");
    assert.ok(first.stdout.includes(comparisons[0].sentence));
    const second = await typed(line, root);
    assert.equal(second.stdout, first.stdout);
    assert.equal(second.stderr.split("was finished before").length - 1, 13);
    assert.doesNotMatch(second.stderr, /source expert/);
  }));

Deno.test("run stopped by Ctrl-C exits with 1, says how to go on, and the rerun ends with the same bytes", () =>
  inFolder(async (folder) => {
    await prepared(folder);
    const stopped = await typed(["run", "flow.yaml"], folder, whenSaid("\n5/20 ", "SIGINT"));
    assert.equal(stopped.code, 1, stopped.stderr);
    assert.match(
      stopped.stderr,
      /interrupted after \d+ of 20 episodes, which are kept in .*: type \S.* run flow\.yaml -o runs to go on/,
    );
    const again = await typed(["run", "flow.yaml"], folder);
    assert.equal(again.code, 0, again.stderr);
    const open = Number(/1\/(\d+) guesser/.exec(again.stderr)?.[1]);
    assert.ok(open <= 15, `${open} episodes were played again`);
    const resumed = await results(folder);
    await Deno.remove(join(folder, "runs"), { recursive: true });
    assert.equal((await typed(["run", "flow.yaml"], folder)).code, 0);
    assert.deepEqual(resumed, await results(folder));
  }));

const EVALUATED = `${PIPELINE.replace("episodes: 20", "episodes: 1")}evaluate:
  - name: race
    env: tiny/counter-v1
    envOptions: { target: 4, delayMs: 10 }
    tasks: [tasks.yaml]
    episodes: 20
    policies: [{ policy: tiny/careful }, { policy: tiny/guesser }]
`;

Deno.test("run killed at once while a policy is evaluated goes on where it was, to the same bytes", () =>
  inFolder(async (folder) => {
    await prepared(folder, EVALUATED);
    const files = ["evaluate-race/careful/trajectories.jsonl", "evaluate-race/guesser/trajectories.jsonl"];
    const read = () =>
      Promise.all(
        [...files, "summary.json"].map((name) => Deno.readTextFile(join(folder, "runs/latest", name))),
      );
    const killed = await typed(
      ["run", "flow.yaml"],
      folder,
      whenSaid("evaluate race/guesser\n1/20 ", "SIGKILL"),
    );
    assert.equal(killed.signal, "SIGKILL", killed.stderr);
    const again = await typed(["run", "flow.yaml"], folder);
    assert.equal(again.code, 0, again.stderr);
    assert.ok(again.stderr.includes("stage evaluate race/careful was finished before"));
    assert.ok(
      Number(/1\/(\d+) guesser/.exec(again.stderr.split("race/guesser")[1]!)?.[1]) < 20,
      again.stderr,
    );
    const resumed = await read();
    await Deno.remove(join(folder, "runs"), { recursive: true });
    const straight = await typed(["run", "flow.yaml"], folder);
    assert.equal(straight.stdout, again.stdout);
    assert.match(straight.stdout, /^careful +20 of 20 +1\.000 /m);
    assert.deepEqual(resumed, await read());
  }));

Deno.test("collect killed at once goes on where it was, to the same bytes", () =>
  inFolder(async (folder) => {
    await prepared(folder);
    const line = [
      "--plugin",
      tiny,
      "collect",
      "tasks.yaml",
      "--env",
      "tiny/counter",
      "--env-option",
      "delayMs=10",
    ];
    line.push("--policy", "tiny/guesser", "--episodes", "20", "--no-timestamps");
    const killed = await typed([...line, "-o", "a.jsonl"], folder, whenSaid("5/20 ", "SIGKILL"));
    assert.equal(killed.signal, "SIGKILL", killed.stderr);
    const kept = (await Deno.readTextFile(join(folder, "a.jsonl"))).split("\n").length - 1;
    assert.ok(kept >= 5 && kept < 20);
    assert.equal((await typed([...line, "-o", "a.jsonl"], folder)).code, 0);
    assert.equal((await typed([...line, "-o", "b.jsonl"], folder)).code, 0);
    const [a, b] = await Promise.all(
      ["a", "b"].map((name) => Deno.readTextFile(join(folder, `${name}.jsonl`))),
    );
    assert.equal(a, b);
  }));

const WRONG: readonly (readonly [what: string, pipeline: string, message: RegExp, code?: number])[] = [
  [
    "an unknown field",
    PIPELINE.replace("policy:", "polcy:"),
    /flow\.yaml:7:7: .*polcy: unknown field: did you mean "policy"\?/,
  ],
  [
    "a wrong type",
    PIPELINE.replace("episodes: 20", "episodes: many"),
    /flow\.yaml:9:7: .*episodes: .*received "many"/,
  ],
  [
    "an unknown source of an export",
    PIPELINE.replace("format: flat", "format: flat\n    sources: [gueser]"),
    /flow\.yaml:13:15: export\.0\.sources\.0: wanted the name of a source: received "gueser": did you mean "guesser"\?/,
  ],
  [
    "an unknown training",
    EVALUATED.replace("{ policy: tiny/careful }", "{ policy: knowlyr/onnx-model, model: { train: sft } }"),
    /evaluate\.0\.policies\.0\.model\.train: wanted the name of an item of train: received "sft": the items are none/,
  ],
  [
    "a training of a later item",
    `${PIPELINE}train:\n  - { trainer: sft, data: flat.jsonl, model: { train: dpo } }\n  - { trainer: dpo, data: flat.jsonl, model: { train: sft } }\n`,
    /flow\.yaml:14:48: train\.0\.model\.train: .*received "dpo", which comes later/,
  ],
  [
    "an unknown policy of an evaluation",
    EVALUATED.replace("{ policy: tiny/careful }", "{ policy: tiny/carful }"),
    /evaluate\.0\.policies\.0\.policy: cannot make policy "tiny\/carful": no such id/,
    2,
  ],
  [
    "a missing log",
    PIPELINE.replace("  - collect:", "  - logs: [gone.jsonl]\n  - collect:"),
    /"gone\.jsonl": no such file/,
  ],
];

for (const [what, pipeline, message, code = 3] of WRONG) {
  Deno.test(`run says where ${what} stands and exits with ${code}`, () =>
    inFolder(async (folder) => {
      await prepared(folder, pipeline);
      const ended = await typed(["run", "flow.yaml"], folder);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, message);
      assert.equal(ended.stdout, "");
    }));
}

Deno.test("run says when its output lies below a file and exits with 3", () =>
  inFolder(async (folder) => {
    await prepared(folder);
    const ended = await typed(["run", "flow.yaml", "-o", "tasks.yaml/runs"], folder);
    assert.equal(ended.code, 3, ended.stderr);
    assert.match(
      ended.stderr,
      /Cannot write "tasks\.yaml\/runs": a part of the path is a file, not a folder/,
    );
  }));

Deno.test("run takes a plugin that the line and the pipeline both name once", () =>
  inFolder(async (folder) => {
    await prepared(folder, PIPELINE.replace("episodes: 20", "episodes: 1"));
    const ended = await typed(["--plugin", tiny, "run", "flow.yaml"], folder);
    assert.equal(ended.code, 0, ended.stderr);
  }));
