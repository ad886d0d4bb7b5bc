/**
 * A tiny model learns by itself, in a minute on two processor cores: it imitates episodes of which most are careless, then
 * it practises and finds out what pays, and an exact test on episodes that it never trained on says whether practice helped.
 *
 *   deno run -A examples/learn.ts [--seed 7] [--output runs/learn]
 *
 * Every line that runs is printed; each is a command that you can type.
 *
 * The task is looking values up: `b41a07 a` holds two keys with their values and asks for the value of a. Of the 5,000
 * episodes that are shown, 2,400 answer right and 2,600 name the first value, whatever was asked.
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";

const { values } = parseArgs({
  options: { seed: { type: "string", default: "7" }, output: { type: "string", default: "runs/learn" } },
});
const root = fileURLToPath(new URL("..", import.meta.url));
const { seed, output: out } = values as { seed: string; output: string };

const environment = ["compact=true", "pairs=2", "questions=1", "keys=ab", "valueLength=2"];
const task = `--env lookup ${environment.map((option) => `--env-option ${option}`).join(" ")}`;
const training = "--method full --provider cpu --overwrite --save-every 0";

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
      `--policy-option maxNewTokens=4 --repeats 200 --seed 90${seed} --concurrency 64 --max-steps 4 -o ${out}/${name}`,
  );
}

const began = performance.now();
await Deno.remove(out, { recursive: true }).catch(() => {}); // there may be none
await Deno.mkdir(out, { recursive: true });
await gym(`model init nano --template bare --context 128 --seed ${seed} -o ${out}/model`);
await gym(`collect ${task} --policy lookup-solver --episodes 2400 --seed 1${seed} -o ${out}/right.jsonl`);
await gym(
  `collect ${task} --policy lookup-guesser --policy-option pick=first --episodes 2600 --seed 2${seed} ` +
    `-o ${out}/careless.jsonl`,
);
await gym(`export ${out}/right.jsonl ${out}/careless.jsonl --format sft -o ${out}/sft.jsonl`);
await gym(
  `train sft ${out}/sft.jsonl --model ${out}/model ${training} --schedule linear --learning-rate 0.005 --beta2 0.98 ` +
    `--warmup-ratio 0.05 --batch-size 128 --max-length 64 --epochs 40 --max-steps 700 --seed ${seed} --show-rows 0 ` +
    `-o ${out}/taught`,
);
await evaluated(`${out}/model`, "before");
await evaluated(`${out}/taught/final`, "after-teaching");
const options = environment.map((option) => `--env-options ${option}`).join(" ");
await gym(
  `online --model ${out}/taught/final ${training} --schedule constant --learning-rate 0.0005 --beta2 0.98 --env lookup ` +
    `${options} --iterations 150 --tasks 32 --group-size 8 --max-new-tokens 4 --max-length 64 --eval-every 25 ` +
    `--eval-episodes 200 --promote not_worse --concurrency 64 --seed ${seed} -o ${out}/practised`,
);
await evaluated(`${out}/practised/best`, "after-practice");
await gym(`compare ${out}/before ${out}/after-teaching ${out}/after-practice`);
await gym(`compare ${out}/after-teaching ${out}/after-practice`);
console.log(
  `\nThe learning curve is ${out}/practised/curve.svg; all of it took ${
    ((performance.now() - began) / 1000).toFixed(0)
  } s`,
);
