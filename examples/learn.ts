/**
 * A tiny model learns by itself, in minutes on two processor cores: it is shown how, which gets it half way, then it
 * practises, and an exact test on tasks that it never trained on says whether practice helped.
 *
 *   deno run -A examples/learn.ts [--seed 7] [--output runs/learn]
 *
 * Every line that runs is printed; each is a command that you can type.
 *
 * The task is looking values up: `w6n0` holds two pairs of a key and a value, `n` asks for the value of n, and an episode
 * succeeds when both of its questions are answered right.
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";

const { values } = parseArgs({
  options: { seed: { type: "string", default: "7" }, output: { type: "string", default: "runs/learn" } },
});
const root = fileURLToPath(new URL("..", import.meta.url));
const { seed, output: out } = values as { seed: string; output: string };

const environment = ["compact=true", "pairs=2", "questions=2", "keys=abcdefgh"];
const task = `--env lookup ${environment.map((option) => `--env-option ${option}`).join(" ")}`;
const training = "--method full --schedule constant --provider cpu --overwrite --save-every 0";

/** Runs one line of the command-line program, words separated by spaces; its output is shown. */
async function gym(line: string): Promise<void> {
  console.log(`\n$ gym ${line}`);
  const began = performance.now();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", `${root}deno.json`, `${root}cli.ts`, ...line.split(" ")],
    stdout: "inherit",
    stderr: "null",
  }).output();
  if (!success) throw new Error(`Cannot go on: gym ${line.split(" ")[0]} failed; type the line to see why`);
  console.log(`  ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

/** 200 episodes whose seeds no training has seen, greedily. */
async function evaluated(model: string, name: string): Promise<void> {
  await gym(
    `evaluate ${task} --policy onnx-model --policy-option model=${model} --policy-option temperature=0 ` +
      `--policy-option maxNewTokens=4 --repeats 200 --seed 90${seed} --concurrency 64 --max-steps 12 -o ${out}/${name}`,
  );
}

const began = performance.now();
await Deno.remove(out, { recursive: true }).catch(() => {}); // there may be none
await Deno.mkdir(out, { recursive: true });
await gym(`model init tiny --template bare --context 128 --seed ${seed} -o ${out}/model`);
await gym(`collect ${task} --policy lookup-solver --episodes 8000 --seed ${seed} -o ${out}/demos.jsonl`);
await gym(`export ${out}/demos.jsonl --format sft -o ${out}/sft.jsonl`);
await gym(
  `train sft ${out}/sft.jsonl --model ${out}/model ${training} --learning-rate 0.001 --batch-size 32 --max-length 64 ` +
    `--epochs 20 --max-steps 700 --warmup-ratio 0.02 --seed ${seed} --show-rows 0 -o ${out}/taught`,
);
await evaluated(`${out}/model`, "before");
await evaluated(`${out}/taught/final`, "after-teaching");
const options = environment.map((option) => `--env-options ${option}`).join(" ");
await gym(
  `online --model ${out}/taught/final ${training} --learning-rate 0.0002 --mini-batches 2 --env lookup ${options} --iterations 100 ` +
    `--tasks 32 --group-size 8 --max-new-tokens 4 --max-length 96 --eval-every 25 --eval-episodes 200 ` +
    `--promote not_worse --concurrency 64 --seed ${seed} -o ${out}/practised`,
);
await evaluated(`${out}/practised/best`, "after-practice");
await gym(`compare ${out}/before ${out}/after-teaching ${out}/after-practice`);
await gym(`compare ${out}/after-teaching ${out}/after-practice`);
console.log(
  `\nThe learning curve is ${out}/practised/curve.svg; all of it took ${
    ((performance.now() - began) / 1000).toFixed(0)
  } s`,
);
