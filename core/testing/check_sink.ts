/**
 * Conformance of sinks: they take every event, known or not, change none, and close for good.
 *
 * @module
 */
import type { Awaitable } from "../env.ts";
import type { Sink } from "../sink.ts";
import type { TrainEvent } from "../trainer.ts";
import { must, type Report, runChecks, same } from "./report.ts";

/** Options of {@linkcode checkSink}. */
export interface CheckSinkOptions {
  /** What to write. @default a made-up run, resumed once */
  readonly events?: readonly TrainEvent[];
  /** Longest time of one check in milliseconds. @default 20000 */
  readonly limitMs?: number;
}

/**
 * Checks a sink.
 *
 * @param make Makes a sink that has written nothing; each call a new one, on a place of its own.
 */
export function checkSink(make: () => Awaitable<Sink>, options: CheckSinkOptions = {}): Promise<Report> {
  const { events = sampleEvents(), limitMs = 20_000 } = options;
  const play = async (list: readonly TrainEvent[]): Promise<Sink> => {
    const sink = await make();
    for (const event of list) await sink.write(event);
    await sink.close();
    return sink;
  };
  return runChecks("sink", {
    "it takes every kind of event": async () => void await play(events),
    "events are not changed": async () => {
      const before = JSON.stringify(events);
      await play(events);
      must(same(JSON.parse(before), events), "an event was changed");
    },
    "it takes metrics that are not finite": async () => {
      const metrics = { loss: NaN, gradientNorm: Infinity, learningRate: -Infinity };
      await play([{ kind: "step", step: 1, steps: 2, metrics }, { kind: "evaluation", step: 1, metrics }]);
    },
    "an event before start is taken": async () => void await play(events.slice(1)),
    "a kind of event that it does not know is passed over": async () => {
      // Sound: stands for an event of a later version.
      await play([...events, { kind: "testing", step: 1 } as unknown as TrainEvent]);
    },
    "closing unused is allowed": async () => void await play([]),
    "closing twice is allowed": async () => await (await play(events)).close(),
    "a write after close is refused": async () => {
      const sink = await play(events);
      const taken = await Promise.resolve().then(() => sink.write(events[0]!)).then(() => true, () => false);
      must(!taken, "it took an event");
    },
  }, limitMs);
}

/** A run of four steps that stops and goes on, as its events. */
export function sampleEvents(): readonly TrainEvent[] {
  const step = (at: number): TrainEvent => ({
    kind: "step",
    step: at,
    steps: 4,
    metrics: { loss: 1 / at, learningRate: 1e-3, gradientNorm: 0.5, tokensPerSecond: 1200, memoryBytes: 2e8 },
  });
  const start = (at: number): TrainEvent => ({
    kind: "start",
    step: at,
    config: { learningRate: 1e-3, model: "tiny" },
    totals: { steps: 4, rows: 16 },
  });
  return [
    start(0),
    step(1),
    step(2),
    { kind: "checkpoint", step: 2, folder: "run/checkpoint-000002" },
    step(3),
    { kind: "end", step: 3, reason: "interrupted", summary: null },
    start(2),
    { kind: "notice", message: "Resumed at step 2" },
    step(3),
    step(4),
    { kind: "evaluation", step: 4, metrics: { loss: 0.3 } },
    { kind: "end", step: 4, reason: "done", summary: { loss: 0.25 } },
  ];
}
