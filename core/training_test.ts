import assert from "node:assert/strict";
import type { TrainEvent } from "./trainer.ts";
import { sampleEvents } from "./testing/check_sink.ts";
import { runTraining, trainingHistory } from "./training.ts";

const job = { rows: () => [] as never, folder: "run" };

Deno.test("trainingHistory() takes what a resumed run did anew in the place of what it had done", async () => {
  const { steps, losses, evaluations, end } = await trainingHistory(sampleEvents());
  assert.deepEqual([steps, evaluations, end?.reason], [4, [{ step: 4, metrics: { loss: 0.3 } }], "done"]);
  assert.deepEqual(losses.map(({ step }) => step), [1, 2, 3, 4]);
});

Deno.test("trainingHistory() has no end while a run goes on, and leaves out a loss that is no number", async () => {
  const metrics = { loss: "NaN" } as unknown as Record<string, number>; // as a file keeps it
  const events: TrainEvent[] = [...sampleEvents().slice(0, 8), { kind: "step", step: 3, steps: 4, metrics }];
  const { losses, end } = await trainingHistory(events);
  assert.deepEqual([losses.length, end], [2, null]);
});

Deno.test("runTraining() gives every event to every sink, closes them, and returns the end", async () => {
  const seen: string[] = [];
  const sink = (name: string) => ({
    write: (event: TrainEvent) => void seen.push(`${name} ${event.kind}`),
    close: () => void seen.push(`${name} closed`),
  });
  const events: TrainEvent[] = [
    { kind: "start", config: null, totals: {} },
    { kind: "end", step: 0, reason: "done", summary: 7 },
  ];
  const trainer = {
    name: "toy",
    async *train() {
      yield* events;
    },
  };
  assert.deepEqual(await runTraining(trainer, job, [sink("a"), sink("b")]), events[1]);
  assert.deepEqual(seen, ["a start", "b start", "a end", "b end", "a closed", "b closed"]);
});

Deno.test("runTraining() closes its sinks when a trainer fails, and refuses a stream without an end", async () => {
  let closed = 0;
  const sink = { write: () => {}, close: () => void closed++ };
  const broken = {
    name: "toy",
    // deno-lint-ignore require-yield
    async *train(): AsyncGenerator<TrainEvent> {
      throw new Error("out of luck");
    },
  };
  await assert.rejects(runTraining(broken, job, [sink]), new Error("out of luck"));
  const mute = { name: "toy", async *train(): AsyncGenerator<TrainEvent> {} };
  await assert.rejects(
    runTraining(mute, job, [sink]),
    new TypeError('Cannot train with "toy": wanted an end event: the stream stopped without'),
  );
  assert.equal(closed, 2);
});
