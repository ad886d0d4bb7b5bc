/** Learning by doing as a person types it: the real program as a process, on a model of random weights. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gym, inFolder } from "./_gym.ts";

const LINE = "online --model nano --env lookup --env-options compact=true --env-option pairs=1 " +
  "--env-option questions=2 --env-option alphabet=01 --env-option keys=ab --method full --learning-rate 3e-3 " +
  "--provider cpu --threads 1 --iterations 12 --tasks 4 --group-size 4 --max-new-tokens 1 --max-length 64 " +
  "--eval-episodes 20 --eval-every 3 --save-every 2 --measure reward";

const withModel = (name: string, test: (folder: string) => Promise<void>) =>
  inFolder(name, async (folder) => {
    const made = await gym(folder, "model init nano --template bare --context 128 --seed 7 -o nano");
    assert.equal(made.code, 0, made.stderr);
    await test(folder);
  });

const weights = async (...path: readonly string[]) =>
  createHash("sha256").update(await Deno.readFile(join(...path, "model.safetensors"))).digest("hex");

withModel("online leaves episodes, journal, curve and models, and says where", async (folder) => {
  const { code, stdout, stderr } = await gym(folder, `${LINE} -o out`);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^knowlyr\/online-v1: 12 of 12 steps\n/);
  assert.match(
    stdout,
    /\n\n +first +best +last\nloss of a step .*\nevaluation: success +\d.*\nevaluation: reward( +\d\.\d{3} \(\d\.\d{3} to \d\.\d{3}\)){3}\n\ntrained /,
  );
  assert.match(
    stderr,
    /^Evaluation after iteration 12: success \d\.\d+, reward \d\.\d{3} \(\d\.\d{3} to \d\.\d{3}\)$/m,
  );
  assert.match(stdout, /\nlearning curve +out\/curve\.svg\n/);
  assert.match(
    stderr,
    /Iteration 12 .*(The incumbent stays|takes the incumbent's place|goes on from the incumbent)/,
  );
  const names = (...path: string[]) =>
    [...Deno.readDirSync(join(folder, ...path))].map(({ name }) => name).sort();
  assert.deepEqual(names("out", "iterations").length, 12);
  assert.deepEqual(names("out", "evaluations"), [
    "000000.jsonl",
    "000003.jsonl",
    "000006.jsonl",
    "000009.jsonl",
    "000012.jsonl",
  ]);
  for (const name of ["journal.jsonl", "curve.json", "curve.svg", "final", "best", "metrics.jsonl"]) {
    assert.ok(names("out").includes(name), name);
  }
  const scored = await gym(folder, "validate out/iterations/000001/collect.jsonl");
  assert.equal(scored.code, 0, scored.stderr);
  const again = await gym(folder, `${LINE} -o out`);
  assert.equal(again.code, 3);
  assert.match(
    again.stderr,
    /wanted a folder without a run: it has checkpoints: type "gym train resume out" to go on/,
  );
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  withModel(`online stopped by ${signal} goes on to the same bytes`, async (folder) => {
    const whole = await gym(folder, `${LINE} -o whole`);
    assert.equal(whole.code, 0, whole.stderr);
    let sent = false;
    const part = await gym(folder, `${LINE} -o part`, {
      onStderr: (said, child) => {
        if (sent || !said.includes("Evaluation after iteration 3")) return;
        sent = true;
        child.kill(signal);
      },
    });
    assert.ok(sent, part.stderr);
    assert.notEqual(part.code, 0);
    if (signal === "SIGTERM") assert.match(part.stderr, /type "gym train resume part" to go on\n$/);
    const resumed = await gym(folder, "train resume part");
    assert.equal(resumed.code, 0, resumed.stderr);
    for (const name of ["final", "best"]) {
      assert.equal(await weights(folder, "part", name), await weights(folder, "whole", name));
    }
    const curve = (name: string) => Deno.readTextFile(join(folder, name, "curve.json"));
    assert.equal(await curve("part"), await curve("whole"));
    const done = await gym(folder, "train resume part");
    assert.match(done.stdout, /^This run is finished: nothing is left to do\n/);
  });
}

withModel("online says what is wrong before it writes anything", async (folder) => {
  const cases = [
    ["--env lokup", 'Cannot find env "lokup": no such name: did you mean "lookup"?'],
    [
      "--env lookup --env-options compct=true",
      'Cannot use options of env "knowlyr/lookup-v1": compct: unknown field: did you mean "compact"?',
    ],
    [
      "--env lookup --env-option compct=true",
      'Cannot use options of env "knowlyr/lookup-v1": compct: unknown field: did you mean "compact"?',
    ],
    [
      "--env lookup --env-option compact",
      'Cannot use --env-option: wanted name=value: received "compact"',
    ],
    [
      "--env sandbox",
      "Cannot learn in knowlyr/sandbox-v1: wanted an environment that chooses a task at its reset: received none, for " +
      "its tasks come from outside; give it one by its options, or write an environment that draws from yours by its " +
      "seed",
    ],
    ["--env lookup --rubrics loop", 'Cannot find rubric "loop": no such name: did you mean "loops"?'],
    [
      "--env lookup --group-size 1",
      'Cannot use options of "online": groupSize: wanted at least 2, for grpo compares tries at one task: received 1',
    ],
  ] as const;
  for (const [words, message] of cases) {
    const { code, stderr } = await gym(folder, `online --model nano ${words} -o wrong`);
    assert.deepEqual([code, stderr], [2, `error: ${message}\n`]);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["nano"]);
  }
});

withModel("online says when there was nothing to learn from", async (folder) => {
  const { code, stderr } = await gym(
    folder,
    "online --model nano --env lookup --env-options compact=true --method full --provider cpu --iterations 2 --tasks 2 " +
      "--group-size 2 --max-new-tokens 2 --max-length 64 --eval-episodes 0 -o out",
  );
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /^Nothing was trained on in 2 of 2 iterations: all tries at a task earned the same, /m,
  );
});
