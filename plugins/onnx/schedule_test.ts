import assert from "node:assert/strict";
import fc from "fast-check";
import { learningRate, type Schedule, SCHEDULE_KINDS, type ScheduleKind, warmupStepsOf } from "./schedule.ts";

interface Golden {
  readonly input: {
    readonly name: ScheduleKind;
    readonly total_steps: number;
    readonly warmup_steps: number;
    readonly base_lr: number;
  };
  readonly expected: { readonly lr_at_step: readonly number[] };
}

const folder = new URL("../../tests/golden/numerics/", import.meta.url);
const goldens = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
  name.startsWith("lr-schedule-")
).sort();

for (const name of goldens) {
  Deno.test(`learningRate() agrees with transformers up to the end: ${name}`, () => {
    const { input, expected } = JSON.parse(Deno.readTextFileSync(new URL(name, folder))) as Golden;
    const schedule: Schedule = {
      kind: input.name,
      peak: input.base_lr,
      steps: input.total_steps,
      warmupSteps: input.name === "constant" ? 0 : input.warmup_steps, // transformers ignores it there
    };
    const end = learningRate(schedule, input.total_steps);
    for (const [step, wanted] of expected.lr_at_step.entries()) {
      const past = step > input.total_steps && input.name === "cosine";
      const [received, value] = [learningRate(schedule, step), past ? end : wanted];
      assert.ok(
        Math.abs(received - value) <= 1e-9 * value,
        `step ${step}: wanted ${value}: received ${received}`,
      );
    }
  });
}

Deno.test("the golden files of schedules are all there", () => assert.equal(goldens.length, 4));

const schedules: fc.Arbitrary<Schedule> = fc.record({
  kind: fc.constantFrom(...SCHEDULE_KINDS),
  peak: fc.double({ min: 1e-6, max: 1, noNaN: true }),
  steps: fc.integer({ min: 1, max: 300 }),
  warmup: fc.double({ min: 0, max: 1, noNaN: true }),
  floor: fc.double({ min: 0, max: 1, noNaN: true }),
  endsOnLastStep: fc.boolean(),
}).map(({ warmup, floor, ...rest }) => ({
  ...rest,
  warmupSteps: warmupStepsOf(warmup, rest.steps),
  final: rest.peak * floor,
}));

Deno.test("learningRate() rises to the peak, then never rises again, and ends at its end value", () => {
  fc.assert(fc.property(schedules, (schedule) => {
    const { kind, peak, steps, warmupSteps = 0, final = 0 } = schedule;
    const rates = Array.from({ length: steps + 10 }, (_, step) => learningRate(schedule, step));
    assert.ok(rates.every((rate) => rate >= 0 && rate <= peak));
    for (let s = 1; s < warmupSteps - 1; s++) assert.ok(rates[s]! > rates[s - 1]!);
    for (let s = warmupSteps + 1; s < rates.length; s++) assert.ok(rates[s]! <= rates[s - 1]! + 1e-12);
    assert.ok(rates.slice(steps).every((rate) => rate === (kind === "constant" ? peak : final)));
  }));
});

Deno.test("learningRate() has the end value on the last update when asked", () => {
  for (const kind of ["linear", "cosine"] as const) {
    const schedule: Schedule = {
      kind,
      peak: 1,
      steps: 11,
      warmupSteps: 2,
      final: 0.25,
      endsOnLastStep: true,
    };
    assert.equal(learningRate(schedule, 2), 1);
    assert.equal(learningRate(schedule, 6), 0.625);
    assert.equal(learningRate(schedule, 10), 0.25);
    assert.ok(learningRate({ ...schedule, endsOnLastStep: false }, 10) > 0.25);
  }
});

Deno.test("learningRate() warms a constant up", () => {
  const rates = [0, 1, 2, 3, 4].map((s) =>
    learningRate({ kind: "constant", peak: 1, steps: 4, warmupSteps: 2 }, s)
  );
  assert.deepEqual(rates, [0, 0.5, 1, 1, 1]);
});

Deno.test("warmupStepsOf() rounds up and stays inside the run", () => {
  assert.deepEqual([0, 0.03, 0.1, 1].map((ratio) => warmupStepsOf(ratio, 100)), [0, 3, 10, 100]);
  assert.equal(warmupStepsOf(0.01, 3), 1);
});

Deno.test("learningRate() refuses what is no schedule", () => {
  const base: Schedule = { kind: "cosine", peak: 1, steps: 10 };
  const cases: readonly (readonly [Partial<Schedule>, number, string])[] = [
    [{ peak: NaN }, 0, "learning rate: peak: wanted a finite number of at least 0: received NaN"],
    [{ final: -1 }, 0, "learning rate: final: wanted a finite number of at least 0: received -1"],
    [{ steps: 0 }, 0, "learning rate: steps: wanted a whole number of at least 1: received 0"],
    [
      { warmupSteps: 11 },
      0,
      "learning rate: warmupSteps: wanted at most the 10 steps of the run: received 11",
    ],
    [{}, -1, "learning rate: step: wanted a whole number of at least 0: received -1"],
  ];
  for (const [change, step, message] of cases) {
    assert.throws(() => learningRate({ ...base, ...change }, step), {
      name: "RangeError",
      message: `Cannot use ${message}`,
    });
  }
  assert.throws(() => warmupStepsOf(1.5, 10), {
    name: "RangeError",
    message: "Cannot use warm-up: ratio: wanted a number in [0, 1]: received 1.5",
  });
});
