/** `evaluate` and `compare` as a person types them, on the example tasks of the sandbox. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Ended, gym as typed, root } from "./_gym.ts";

const tasks = join(root, "examples/tasks");

const gym = (cwd: string, ...args: string[]) => typed(cwd, args);

/** Plays every example task four times. */
async function evaluated(cwd: string, folder: string, ...flags: string[]): Promise<Ended> {
  return await gym(cwd, "evaluate", tasks, "--repeats", "4", "--concurrency", "4", "-o", folder, ...flags);
}

const CLUMSY = ["--policy", "clumsy", "--policy-option", "earlySubmit=0.3"];

Deno.test("evaluate and compare tell the expert from the clumsy, and say when nothing can be decided", async (t) => {
  const folder = await Deno.makeTempDir();
  try {
    await t.step("evaluate prints rates with intervals and keeps episodes and numbers", async () => {
      const { code, stdout, stderr } = await evaluated(folder, "clumsy", ...CLUMSY);
      assert.equal(code, 0, stderr);
      assert.equal(
        stdout,
        `clumsy succeeded in 12 of 20 episodes of 5 tasks

              mean   95 % from  to
success rate  0.600  0.387      0.781
reward        0.600  0.350      0.800
steps         4.100  3.400      5.100

Episodes and numbers are in clumsy
`,
      );
      const lines = (await Deno.readTextFile(join(folder, "clumsy/trajectories.jsonl"))).trimEnd().split(
        "\n",
      );
      assert.equal(lines.length, 20);
    });

    await t.step("evaluate --json prints what evaluation.json holds", async () => {
      const { code, stdout } = await evaluated(folder, "expert", "--policy", "expert", "--json");
      assert.equal(code, 0);
      const { folder: named, ...printed } = JSON.parse(stdout);
      assert.equal(named, "expert");
      assert.deepEqual(printed, JSON.parse(await Deno.readTextFile(join(folder, "expert/evaluation.json"))));
      assert.deepEqual([printed.succeeded, printed.success.estimate, printed.success.high], [20, 1, 1]);
      assert.deepEqual(printed.tasks.length, 5);
    });

    await t.step("evaluate plays nothing twice and refuses another policy in the same folder", async () => {
      const before = await Deno.readTextFile(join(folder, "clumsy/trajectories.jsonl"));
      assert.equal((await evaluated(folder, "clumsy", ...CLUMSY)).code, 0);
      assert.equal(await Deno.readTextFile(join(folder, "clumsy/trajectories.jsonl")), before);
      const { code, stderr } = await evaluated(folder, "clumsy", "--policy", "expert");
      assert.equal(code, 3);
      assert.equal(
        stderr,
        "error: Cannot evaluate into clumsy: wanted a folder of its own for each policy and environment with their " +
          "options: received one with other episodes of knowlyr/clumsy-v1\n",
      );
    });

    await t.step("compare finds the expert better", async () => {
      const { code, stdout } = await gym(folder, "compare", "clumsy", "expert");
      assert.equal(code, 0);
      assert.equal(
        stdout,
        "expert succeeded on 20 of 20 episodes and clumsy on 12; the difference of 40 points (95 % interval 16 to 61) " +
          "is not due to chance (p = 0.0078, McNemar's exact test).\n",
      );
    });

    await t.step("compare --by task says that five tasks are too few", async () => {
      const { code, stdout } = await gym(folder, "compare", "clumsy", "expert", "--by", "task");
      assert.equal(code, 0);
      assert.equal(
        stdout,
        "expert has a mean success rate of 1 over 5 tasks and clumsy of 0.6; with 5 tasks nothing can be decided " +
          "(p cannot fall below 0.0625, sign-flip permutation test).\n",
      );
    });

    await t.step("compare corrects for several comparisons and leaves a policy equal to itself", async () => {
      const files = ["clumsy", "expert", "clumsy/trajectories.jsonl"];
      const { code, stdout } = await gym(folder, "compare", ...files, "--json");
      assert.equal(code, 0);
      const { baseline, comparisons } = JSON.parse(stdout);
      assert.equal(baseline, "clumsy");
      assert.deepEqual(
        comparisons.map((one: { names: string[]; adjustedP: number; decided: string }) => [
          one.names[1],
          one.adjustedP,
          one.decided,
        ]),
        [["expert", 2 / 128, "better"], ["clumsy/trajectories.jsonl", 1, "not decided"]],
      );
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("compare names what is missing", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code, stderr } = await gym(folder, "compare", "here", "there");
    assert.equal(code, 3);
    assert.equal(stderr, 'error: Cannot read "here": no such file or folder\n');
    const twice = await gym(folder, "compare", "here", "there", "./here");
    assert.equal(twice.code, 2);
    assert.equal(
      twice.stderr,
      'error: Cannot run "compare": RESULTS: wanted each result once: received "./here" twice\n',
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
