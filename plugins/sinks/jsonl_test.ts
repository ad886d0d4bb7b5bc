import assert from "node:assert/strict";
import { join } from "node:path";
import { sampleEvents } from "../../core/testing/mod.ts";
import type { TrainEvent } from "../../core/trainer.ts";
import { JsonlSink, METRICS_FILE } from "./mod.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "gym-jsonl-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function play(folder: string, events: readonly TrainEvent[], now = (): number => 5): Promise<void> {
  const sink = new JsonlSink({ folder, now });
  for (const event of events) await sink.write(event);
  await sink.close();
}

type Line = TrainEvent & { time: number };
const linesOf = (folder: string, file = METRICS_FILE): Line[] =>
  Deno.readTextFileSync(join(folder, file)).trimEnd().split("\n").map((line) => JSON.parse(line));
const stepsOf = (lines: readonly Line[]): number[] =>
  lines.flatMap((line) => line.kind === "step" ? [line.step] : []);

const start = (step: number): TrainEvent => ({ kind: "start", step, config: null, totals: {} });
const step = (at: number, loss = 1): TrainEvent => ({ kind: "step", step: at, steps: 9, metrics: { loss } });

Deno.test("JsonlSink writes each event as a line with its time", () =>
  inFolder(async (folder) => {
    let time = 100;
    const events = [start(0), step(1), step(2)];
    await play(join(folder, "new/run"), events, () => time++);
    assert.deepEqual(
      linesOf(join(folder, "new/run")),
      events.map((event, at) => ({ time: 100 + at, ...event })),
    );
  }));

Deno.test("JsonlSink holds each step once after a run was resumed, by another sink or the same", () =>
  inFolder(async (folder) => {
    await play(folder, [start(0), step(1), step(2), step(3)]);
    await Deno.writeTextFile(join(folder, METRICS_FILE), '{"kind":"st', { append: true }); // killed while writing
    await play(folder, [start(2), step(3), step(4)]);
    assert.deepEqual(stepsOf(linesOf(folder)), [1, 2, 3, 4]);
    assert.deepEqual(linesOf(folder).map(({ kind }) => kind), [
      "start",
      "step",
      "step",
      "start",
      "step",
      "step",
    ]);
    await play(join(folder, "same"), sampleEvents());
    assert.deepEqual(stepsOf(linesOf(join(folder, "same"))), [1, 2, 3, 4]);
  }));

Deno.test("JsonlSink keeps the file of an earlier run when a run starts afresh", () =>
  inFolder(async (folder) => {
    for (const run of [1, 2, 3]) await play(folder, [start(0), step(1, run)]);
    const lossOf = (file: string): unknown =>
      (linesOf(folder, file)[1] as { metrics?: { loss: number } }).metrics?.loss;
    assert.deepEqual(["metrics.1.jsonl", "metrics.2.jsonl", METRICS_FILE].map(lossOf), [1, 2, 3]);
  }));

Deno.test("JsonlSink writes numbers that JSON lacks as texts", () =>
  inFolder(async (folder) => {
    const metrics = { loss: NaN, gradientNorm: Infinity, learningRate: -Infinity };
    await play(folder, [{ kind: "evaluation", step: 1, metrics }]);
    assert.deepEqual(linesOf(folder)[0], {
      time: 5,
      kind: "evaluation",
      step: 1,
      metrics: { loss: "NaN", gradientNorm: "Infinity", learningRate: "-Infinity" },
    });
  }));

Deno.test("JsonlSink names the file that it cannot write", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "file"), "");
    const sink = new JsonlSink({ folder: join(folder, "file"), now: () => 0 });
    await assert.rejects(async () => await sink.write(start(0)), {
      code: "FILE_ACCESS",
      message: `Cannot read "${
        join(folder, "file", METRICS_FILE)
      }": a part of the path is a file, not a folder`,
    });
    await assert.rejects(async () => {
      const closed = new JsonlSink({ folder: "run", now: () => 0 });
      await closed.close();
      await closed.write(start(0));
    }, {
      name: "TypeError",
      message: 'Cannot write to "run/metrics.jsonl": wanted an open sink: received a closed one',
    });
    assert.equal([...Deno.readDirSync(folder)].length, 1);
  }));
