/** Training as a person types it: the real program as a process, on a model of two layers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { gym } from "./_gym.ts";

const COLOURS = ["red", "green", "blue", "black", "white", "grey", "brown", "pink"];
const SHORT = "--provider cpu --max-length 256 --method full --learning-rate 3e-3";

/** A folder with a model, data with a blank line in them, and rows to evaluate on. */
function withModel(name: string, test: (folder: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const rows = COLOURS.map((colour) =>
        JSON.stringify({
          messages: [{ role: "user", content: "A colour?" }, {
            role: "assistant",
            content: `It is ${colour}.`,
          }],
        })
      );
      await Deno.writeTextFile(join(folder, "data.jsonl"), `\n${rows.join("\n")}\n`);
      await Deno.writeTextFile(join(folder, "held_out.jsonl"), `${rows.slice(0, 2).join("\n")}\n`);
      assert.equal((await gym(folder, "model init nano --seed 7 -o nano")).code, 0);
      await test(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const readJson = async (...path: string[]) => JSON.parse(await Deno.readTextFile(join(...path)));
const there = (...path: string[]) => Deno.stat(join(...path)).then(() => true, () => false);

withModel(
  "train sft lowers the loss that eval finds, and leaves settings, events, template and models",
  async (folder) => {
    const before = await gym(folder, "eval nano held_out.jsonl --provider cpu --json");
    assert.equal(before.code, 0, before.stderr);
    const line = `train sft data.jsonl --model nano -o out --eval-data held_out.jsonl --epochs 4 ${SHORT}`;
    const trained = await gym(folder, line);
    assert.equal(trained.code, 0, trained.stderr);
    assert.match(trained.stdout, /^knowlyr\/sft-v1: 8 of 8 steps\n\n +first +best +last\nloss of a step /);
    assert.match(
      trained.stderr,
      /^data\.jsonl:2: \d+ tokens, \d+ trained\n<\|im_start\|>user\nA colour\?<\|im_end\|>\n/,
    );
    assert.ok(
      trained.stderr.includes("⟦It is red.<|im_end|>⟧") &&
        trained.stderr.includes("⟦It is green.<|im_end|>⟧"),
    );
    assert.match(trained.stderr, /^assistant +\d+ +\d+ +[\d.]+ % +1\.000$/m);
    assert.ok(!trained.stderr.includes("\x1b"), "colours went into a pipe");
    const after = await gym(folder, "eval out/final held_out.jsonl --provider cpu --json");
    const [a, b] = [JSON.parse(before.stdout), JSON.parse(after.stdout)];
    assert.deepEqual(Object.keys(a), [
      "model",
      "adapter",
      "loss",
      "perplexity",
      "tokenAccuracy",
      "tokens",
      "rows",
      "sequences",
      "bitsPerByte",
      "skipped",
    ]);
    assert.ok(
      b.loss < 0.8 * a.loss && b.perplexity < a.perplexity && b.bitsPerByte < a.bitsPerByte,
      `${a.loss} ${b.loss}`,
    );
    const config = await readJson(folder, "out/config.json");
    assert.deepEqual(config.data, [{
      name: "data.jsonl",
      path: await Deno.realPath(join(folder, "data.jsonl")),
    }]);
    assert.deepEqual([config.trainer, config.options.model], [
      "knowlyr/sft-v1",
      await Deno.realPath(join(folder, "nano")),
    ]);
    const { stopTokenTrained } = await readJson(folder, "out/template.json");
    assert.equal(stopTokenTrained, true);
    const events = (await Deno.readTextFile(join(folder, "out/metrics.jsonl"))).trimEnd().split("\n").map((
      line,
    ) => JSON.parse(line).kind);
    assert.deepEqual([events[0], events.at(-1)], ["start", "end"]);
    for (const name of ["final", "best", "tensorboard"]) assert.ok(await there(folder, "out", name), name);

    const again = await gym(folder, "train resume out");
    assert.equal(again.code, 0, again.stderr);
    assert.equal(again.stdout, `This run is finished: nothing is left to do\n\n${trained.stdout}`);
    const anew = await gym(folder, line);
    assert.deepEqual([anew.code, anew.stderr], [
      3,
      'error: Cannot train into out: wanted a folder without a run: it has checkpoints: type "gym train resume out" to ' +
      "go on, or add --overwrite\n",
    ]);
    const over = await gym(folder, `${line} --overwrite --quiet --no-tensorboard --json`);
    assert.deepEqual([over.code, over.stderr], [0, ""]);
    assert.equal(JSON.parse(over.stdout).steps, 8);
    assert.ok(!await there(folder, "out/tensorboard"), "curves of the run that was overwritten are left");
  },
);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  withModel(
    `train sft stopped by ${signal} says how to go on, and resume ends with the same bytes`,
    async (folder) => {
      const line =
        `train sft data.jsonl --model nano --epochs 30 --provider cpu --max-length 256 --show-rows 0`;
      assert.equal((await gym(folder, `${line} -o whole`)).code, 0);
      let sent = false;
      const stopped = await gym(folder, `${line} -o part`, {
        onStderr: (text, child) => {
          if (sent || !text.includes("\n1/60 ")) return;
          sent = true;
          child.kill(signal);
        },
      });
      assert.equal(stopped.code, 1, stopped.stderr);
      assert.match(
        stopped.stderr,
        /error: Cannot finish training: interrupted after step \d+, which is saved: type "gym train resume part" to go on\n$/,
      );
      const resumed = await gym(folder, "train resume part --save-every 50");
      assert.equal(resumed.code, 0, resumed.stderr);
      const bytes = (name: string) => Deno.readFile(join(folder, name, "final/adapter_model.safetensors"));
      assert.deepEqual(await bytes("part"), await bytes("whole"));
      const text = await Deno.readTextFile(join(folder, "part/metrics.jsonl"));
      const steps = text.trimEnd().split("\n").map((line) => JSON.parse(line)).filter(({ kind }) =>
        kind === "step"
      );
      assert.deepEqual(steps.map(({ step }) => step), Array.from({ length: 60 }, (_, at) => at + 1));
      const adapter = await gym(
        folder,
        "eval nano held_out.jsonl --adapter part/final --provider cpu --json",
      );
      const base = await gym(folder, "eval nano held_out.jsonl --provider cpu --json");
      assert.ok(JSON.parse(adapter.stdout).loss < JSON.parse(base.stdout).loss);
    },
  );
}

withModel(
  "flags come before the file, the file before defaults, and paths in it start from where it lies",
  async (folder) => {
    await Deno.mkdir(join(folder, "settings"));
    await Deno.writeTextFile(
      join(folder, "settings/sft.yaml"),
      "model: ../nano\nepochs: 1\nseed: 5\nprovider: cpu\npacking: true\nloraTargets: [q_proj]\n",
    );
    const { code, stderr } = await gym(
      folder,
      "train sft data.jsonl --config settings/sft.yaml --seed 6 --no-packing -o out",
    );
    assert.equal(code, 0, stderr);
    const { options } = await readJson(folder, "out/config.json");
    const { model, epochs, seed, packing, loraTargets, loraRank } = options;
    assert.deepEqual({ model, epochs, seed, packing, loraTargets, loraRank }, {
      model: await Deno.realPath(join(folder, "nano")),
      epochs: 1,
      seed: 6,
      packing: false,
      loraTargets: ["q_proj"],
      loraRank: 16,
    });
  },
);

withModel("train inspect shows one row, as text and as data", async (folder) => {
  const text = await gym(folder, "train inspect data.jsonl --model nano --row 2");
  assert.equal(text.code, 0, text.stderr);
  assert.match(text.stdout, /^data\.jsonl:3: .*⟦It is green\.<\|im_end\|>⟧\n\nrole /s);
  const data = JSON.parse((await gym(folder, "train inspect data.jsonl --model nano --json")).stdout);
  assert.deepEqual(
    data.rows.map(({ origin }: { origin: string }) => origin),
    [2, 3, 4].map((n) => `data.jsonl:${n}`),
  );
  assert.deepEqual(data.rows[0].sequences[0].runs.map(({ weight }: { weight: number }) => weight), [0, 0, 1]);
});

withModel("train says what is wrong, and where", async (folder) => {
  const write = (name: string, text: string) => Deno.writeTextFile(join(folder, name), text);
  await write("wrong.yaml", "model: nano\n\nepoch: 2\n");
  await write("bad.yaml", "epochs: many\n");
  await write("torn.jsonl", '\n{"messages": [\n');
  await write("row.jsonl", '\n\n{"messages": []}\n');
  await Deno.mkdir(join(folder, "empty"));
  const cases: readonly (readonly [string, number, string])[] = [
    [
      "train sft data.jsonl --config wrong.yaml -o out",
      3,
      'Cannot use options: wrong.yaml:3:1: epoch: unknown field: did you mean "epochs"?',
    ],
    [
      "train sft data.jsonl --config bad.yaml -o out",
      3,
      'Cannot use options: bad.yaml:1:1: epochs: expected number: received "many"',
    ],
    [
      "train sft data.jsonl --model nano --epoch 2 -o out",
      2,
      'Cannot run "train sft": no such flag "--epoch": did you mean "--epochs"?',
    ],
    [
      "train sft data.jsonl -o out",
      2,
      'Cannot run "train sft": --model: wanted, here or as model in the file of --config: received nothing',
    ],
    ["train sft none.jsonl --model nano -o out", 3, 'Cannot read "none.jsonl": no such file or folder'],
    [
      "train sft - --model nano -o out",
      2,
      "Cannot read data from standard input: wanted files: data are read more than once, and again on resume",
    ],
    [
      "train sft torn.jsonl --model nano -o out",
      3,
      'Cannot read torn.jsonl:2: wanted JSON: received "{\\"messages\\": [": ' +
      "Unexpected end of JSON input",
    ],
    [
      "train sft row.jsonl --model nano -o out",
      3,
      "Cannot read row.jsonl:3: messages: wanted at least one element: received []",
    ],
    [
      "train resume empty",
      3,
      "Cannot resume empty: wanted a folder that train wrote into: it holds no config.json",
    ],
    [
      "train resume nano",
      3,
      "Cannot resume nano: wanted a folder that train wrote into: its config.json is not of a run",
    ],
    [
      "train inspect data.jsonl --model nano --row 9",
      2,
      "Cannot show row 9: wanted a row that is there: received 8 rows",
    ],
  ];
  for (const [line, code, message] of cases) {
    const ended = await gym(folder, line);
    assert.deepEqual([ended.code, ended.stdout, ended.stderr], [code, "", `error: ${message}\n`], line);
  }
  assert.ok(!await there(folder, "out"), "a run that did not begin left its folder");
  const json = await gym(folder, "train resume empty --json");
  assert.equal(JSON.parse(json.stderr).error.code, "FILE_ACCESS");
});
