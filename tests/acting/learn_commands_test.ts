/** From episodes of a local model to a better one with commands alone: every step as a person types it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseTrajectory } from "../../core/trajectory_schema.ts";
import { gym } from "../e2e/_gym.ts";

const PLACE = "--env lookup --env-option compact=true";
const ACTOR = "--policy onnx-model --policy-option model=nano --policy-option provider=cpu " +
  "--policy-option maxNewTokens=3";

Deno.test("collect, score, export, train grpo and dpo, act, evaluate and compare work on each other's files", async (t) => {
  const folder = await Deno.makeTempDir();
  const path = (...names: string[]) => join(folder, ...names);
  const typed = async (line: string) => {
    const { code, stdout, stderr } = await gym(folder, line);
    assert.equal(code, 0, `${line}\n${stdout}\n${stderr}`);
    return { stdout, stderr };
  };
  try {
    await t.step("episodes of one task with a random model become groups and pairs", async () => {
      await typed("model init nano --template bare --seed 7 -o nano");
      const { stdout } = await typed(`act ${PLACE} --policy lookup-guesser --seed 1 --json`);
      await Deno.writeTextFile(path("tasks.jsonl"), JSON.stringify(JSON.parse(stdout).task));
      await typed(`collect tasks.jsonl ${PLACE} ${ACTOR} --episodes 16 --concurrency 16 -o episodes.jsonl`);
      await typed("score episodes.jsonl -o scored.jsonl");
      await typed("export scored.jsonl -f grpo -o groups.jsonl");
      await typed("export scored.jsonl -f dpo --set minMargin=0.0001 -o pairs.jsonl");
    });

    for (
      const [word, rows, more] of [["grpo", "groups", "--epochs 3"], ["dpo", "pairs", "--epochs 3"]] as const
    ) {
      await t.step(
        `train ${word} leaves an adapter and events with the metrics of its method`,
        async () => {
          const { stdout, stderr } = await typed(
            `train ${word} ${rows}.jsonl --model nano --provider cpu --threads 1 --learning-rate 1e-2 ` +
              `--schedule constant --warmup-ratio 0 ${more} -o ${word}`,
          );
          assert.match(stdout, new RegExp(`^knowlyr/${word}-v1: 3 of 3 steps\n`));
          assert.match(stdout, new RegExp(`\ntrained +${word}/final\n`));
          assert.match(stderr, new RegExp(`${rows}\\.jsonl:1`), "rows are shown before the first step");
          const events = (await Deno.readTextFile(path(word, "metrics.jsonl"))).trimEnd().split("\n")
            .map((line) => JSON.parse(line));
          const metrics = events.find(({ kind }) => kind === "step").metrics;
          const wanted = {
            grpo: ["loss", "ratioMean", "clippedLow", "clippedHigh", "klOld", "reward"],
            dpo: ["loss", "chosenReward", "rejectedReward", "rewardMargin", "rewardAccuracy", "kl"],
          }[word];
          for (const name of wanted) assert.ok(Number.isFinite(metrics[name]), `${name}: ${metrics[name]}`);
          assert.equal(events.at(-1).kind, "end");
          for (const file of ["adapter_config.json", "adapter_model.safetensors"]) {
            assert.ok((await Deno.stat(path(word, "final", file))).size > 0);
          }
        },
      );
    }

    await t.step(
      "what was recorded is what trainers take: no episode is refused, and the ratio starts at 1",
      async () => {
        const text = await Deno.readTextFile(path("grpo", "metrics.jsonl"));
        const events = text.trimEnd().split("\n").map((line) => JSON.parse(line));
        assert.equal(events.find(({ kind }) => kind === "start").totals.refused, 0);
        assert.ok(Math.abs(events.find(({ kind }) => kind === "step").metrics.ratioMean - 1) < 1e-4);
      },
    );

    await t.step("the adapter acts, another than the model without it", async () => {
      const episodes: string[] = [];
      for (const adapter of ["", " --policy-option adapter=grpo/final"]) {
        const { stdout } = await typed(
          `act ${PLACE} ${ACTOR}${adapter} --policy-option temperature=0 --seed 2 --json`,
        );
        const { id, outcome } = parseTrajectory(JSON.parse(stdout));
        assert.equal(outcome.error, null);
        episodes.push(id);
      }
      assert.notEqual(episodes[0], episodes[1]);
    });

    await t.step("evaluate and compare speak of both", async () => {
      const line = `evaluate ${PLACE} ${ACTOR} --repeats 6 --concurrency 6`;
      await typed(`${line} -o before`);
      await typed(`${line} --policy-option adapter=dpo/final -o after`);
      const { stdout } = await typed("compare before after --measure reward");
      assert.match(
        stdout,
        /^after (has a mean reward of -?\d+\.\d+ over 6 \w+ and before of -?\d+\.\d+;|and before are equal on every one of 6 tasks: both have a mean reward of) /,
      );
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
