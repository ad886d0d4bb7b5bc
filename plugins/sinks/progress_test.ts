import assert from "node:assert/strict";
import fc from "fast-check";
import { sampleEvents } from "../../core/testing/mod.ts";
import type { TrainEvent } from "../../core/trainer.ts";
import { ProgressSink } from "./mod.ts";

interface Screen {
  readonly columns?: number;
  readonly terminal?: boolean;
  readonly color?: boolean;
  readonly stepMs?: number;
  readonly everySeconds?: number;
}

/** What a sink writes; the clock moves on by `stepMs` before each event. */
function written(events: readonly TrainEvent[], screen: Screen = {}): string[] {
  const { columns = 100, terminal = true, color = false, stepMs = 1000, everySeconds } = screen;
  const chunks: string[] = [];
  let time = 0;
  const sink = new ProgressSink({
    stream: { write: (chunk) => chunks.push(chunk), isTerminal: terminal, columns: () => columns, color },
    now: () => time,
    everySeconds,
  });
  for (const event of events) {
    time += stepMs;
    sink.write(event);
  }
  sink.close();
  return chunks;
}

const metrics = {
  loss: 2.34567,
  learningRate: 1e-4,
  gradientNorm: 0.987654,
  tokensPerSecond: 12_345,
  memoryBytes: 1.5e9,
};
const start: TrainEvent = { kind: "start", config: null, totals: { steps: 1000, rows: 40 } };
const step = (at: number): TrainEvent => ({ kind: "step", step: at, steps: 1000, metrics });

Deno.test("ProgressSink redraws one line on a terminal", () => {
  assert.deepEqual(written([start, step(1), step(500)], { columns: 110 }), [
    "Training: 1000 steps, 40 rows\n",
    "\r\x1b[2K╌╌╌╌╌╌╌╌╌╌╌╌╌ 1/1000  loss 2.346  16:39 left  12.3k tokens/s  lr 1.0e-4  grad 0.988  1.5GB",
    "\r\x1b[2K━━━━━━╌╌╌╌╌╌╌ 500/1000  loss 2.346  0:02 left  12.3k tokens/s  lr 1.0e-4  grad 0.988  1.5GB",
    "\n",
  ]);
});

Deno.test("ProgressSink keeps the line inside the terminal, whatever its width", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 200 }), fc.boolean(), (columns, color) => {
    for (const chunk of written([step(1), step(999)], { columns, color })) {
      // deno-lint-ignore no-control-regex -- what is looked for are control sequences
      const seen = chunk.replaceAll(/\x1b\[\d*[A-Za-z]|[\r\n]/g, "");
      assert.ok([...seen].length < Math.max(columns, 1) || seen === "", `${columns}: ${seen}`);
    }
  }));
  assert.equal(written([start, step(1)], { columns: 22 })[1], "\r\x1b[2K1/1000  loss 2.346");
});

Deno.test("ProgressSink colours only where colours are wanted", () => {
  assert.ok(written([start, step(1)], { color: true })[1]!.includes("\x1b[2m╌"));
  assert.deepEqual(
    written([start, step(1)], { color: false }).filter((chunk) => chunk.includes("\x1b[2m")),
    [],
  );
});

Deno.test("ProgressSink draws on a terminal at most ten times a second, and the last step always", () => {
  const steps = Array.from({ length: 1000 }, (_, at) => step(at + 1));
  const chunks = written(steps, { stepMs: 10 }).filter((chunk) => chunk.startsWith("\r"));
  assert.equal(chunks.length, 101);
  assert.match(chunks.at(-1)!, / 1000\/1000 {2}loss 2\.346 {2}0:00 left/);
});

Deno.test("ProgressSink writes a plain line every so often where there is no terminal", () => {
  const steps = Array.from({ length: 1000 }, (_, at) => step(at + 1));
  const chunks = written([start, ...steps], { terminal: false, stepMs: 100, everySeconds: 20 });
  assert.deepEqual(chunks.map((chunk) => chunk.split("  ").slice(0, 3).join("  ").trimEnd()), [
    "Training: 1000 steps, 40 rows",
    "1/1000  loss 2.346  1:40 left",
    "201/1000  loss 2.346  1:20 left",
    "401/1000  loss 2.346  1:00 left",
    "601/1000  loss 2.346  0:40 left",
    "801/1000  loss 2.346  0:20 left",
    "1000/1000  loss 2.346  0:00 left",
  ]);
  assert.ok(chunks.every((chunk) => chunk.endsWith("\n")));
});

Deno.test("ProgressSink tells a run from start to end, resumed in between", () => {
  assert.deepEqual(written(sampleEvents(), { terminal: false, everySeconds: 1000 }), [
    "Training: 4 steps, 16 rows\n",
    "1/4  loss 1.000  0:03 left  1.2k tokens/s  lr 1.0e-3  grad 0.500  200MB\n",
    "Interrupted at step 3 after 0:05\n",
    "Training from step 2: 4 steps, 16 rows\n",
    "Resumed at step 2\n",
    "4/4  loss 0.2500  0:00 left  1.2k tokens/s  lr 1.0e-3  grad 0.500  200MB\n",
    "Evaluation after step 4: loss 0.3000\n",
    "Done at step 4 after 0:05\n",
  ]);
});

Deno.test("ProgressSink tells an evaluation by acting with its interval, after its iteration", () => {
  const events: TrainEvent[] = [
    { kind: "start", config: null, totals: { steps: 20, iterations: 5 } },
    {
      kind: "evaluation",
      step: 12,
      metrics: {
        ...{ loss: 0.11, success: 0.89, reward: 0.91, episodeSteps: 2, errors: 0, successLow: 0.839 },
        ...{
          successHigh: 0.926,
          gain: 0.1,
          gainLow: 0.05,
          gainHigh: 0.15,
          p: 0.01,
          promoted: 1,
          rolledBack: 0,
        },
      },
    },
  ];
  assert.deepEqual(written(events, { terminal: false }), [
    "Training: 20 steps, 5 iterations\n",
    "Evaluation after iteration 3: success 0.890 (0.839 to 0.926), reward 0.9100\n",
  ]);
});

Deno.test("ProgressSink puts a message above the line and lets it not move the cursor", () => {
  const chunks = written([step(1), { kind: "notice", message: "a\x1b[2J\nb\x9bc" }]);
  assert.deepEqual([chunks[1], chunks[2]], ["\r\x1b[2Ka [2J b c\n", chunks[0]]);
});

Deno.test("the kernel's progress sink writes to standard error without control characters when that is no terminal", async () => {
  const url = new URL("./progress.ts", import.meta.url).href;
  const code = `import { progressSink } from "${url}";
    const sink = await progressSink.create({} as never, null as never);
    sink.write({ kind: "step", step: 1, steps: 1, metrics: { loss: 1 } });
    await sink.close();`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--ext=ts", code],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.deepEqual([stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)), [
    "",
    "1/1  loss 1.000\n",
  ]);
});

Deno.test("ProgressSink says what episodes came to, and a single step in the singular", () => {
  const learned = { ...metrics, success: 0.128, reward: -0.25 };
  const events: TrainEvent[] = [
    { kind: "start", config: null, totals: { steps: 1, iterations: 1, rows: 0 } },
    { kind: "step", step: 1, steps: 1, metrics: learned },
  ];
  assert.deepEqual(written(events, { terminal: false }), [
    "Training: 1 step, 1 iteration, 0 rows\n",
    "1/1  loss 2.346  0:00 left  success 13 %  reward -0.250  12.3k tokens/s  lr 1.0e-4  grad 0.988  1.5GB\n",
  ]);
});
