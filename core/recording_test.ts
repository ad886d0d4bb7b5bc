import assert from "node:assert/strict";
import { EpisodeRecorder } from "./recording.ts";
import { roll, say, stop, ToyEnv, toyTask } from "./testing/_toy_env.ts";

const env = new ToyEnv();
const recorderAt = (ms: number): EpisodeRecorder =>
  new EpisodeRecorder({ agent: "a", model: "m", now: () => ms });

Deno.test("EpisodeRecorder numbers steps and keeps scores and invalid calls", () => {
  const recorder = recorderAt(5);
  recorder.reset(env, say("go"), { task: toyTask }, 0);
  const score = { rubric: "a/b-v1", value: 1, source: "rule", reason: "r", refersTo: null } as const;
  recorder.step(roll, say("1", { info: { scores: [score] } }), 0);
  assert.equal(recorder.history.length, 1);
  recorder.step(stop, say("?", { terminated: true, info: { invalid: true } }), 0);
  const t = recorder.finish();
  assert.deepEqual(t.steps.map(({ index }) => index), [0, 1]);
  assert.deepEqual(t.steps[0]!.scores, [score]);
  assert.deepEqual(t.steps[1]!.extra, { invalid: true });
  assert.equal(t.steps[0]!.result.durationMs, 5);
  assert.equal(t.steps[0]!.timestamp, "1970-01-01T00:00:00.000Z");
  assert.ok(!recorder.open);
});

Deno.test("EpisodeRecorder takes the task that reset chose before the one it was given", () => {
  const recorder = recorderAt(0);
  recorder.reset(env, say("go", { info: { task: { id: "chosen", description: "" } } }), { task: toyTask }, 0);
  assert.equal(recorder.finish().task.id, "chosen");
});

Deno.test("EpisodeRecorder goes on from its state, also after JSON", () => {
  const record = (recorder: EpisodeRecorder): string => {
    recorder.step(stop, say("end", { terminated: true }), 0);
    return JSON.stringify(recorder.finish());
  };
  const first = recorderAt(0);
  first.reset(env, say("go"), { seed: 9n }, 0);
  first.step(roll, say("1"), 0);
  const second = recorderAt(0);
  second.resume(JSON.parse(JSON.stringify(first.state())));
  assert.equal(record(second), record(first));
});

Deno.test("EpisodeRecorder refuses to finish what was not started", () => {
  assert.throws(() => recorderAt(0).finish(), {
    name: "TypeError",
    message: "Cannot finish a recording: wanted an episode that was started: received none",
  });
});
