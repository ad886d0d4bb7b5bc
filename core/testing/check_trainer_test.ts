import assert from "node:assert/strict";
import type { Trainer, TrainEvent, TrainJob } from "../trainer.ts";
import { checkTrainer, type CheckTrainerOptions } from "./check_trainer.ts";

/** A trainer that counts to three, and keeps its count by folder. */
class Counter implements Trainer {
  readonly name = "counter";
  readonly #kept: Map<string, number>;
  readonly #forgets: boolean;

  constructor(kept: Map<string, number>, forgets: boolean) {
    this.#kept = kept;
    this.#forgets = forgets;
  }

  async *train({ folder, resume, signal }: TrainJob): AsyncGenerator<TrainEvent> {
    let step = resume === true && !this.#forgets ? this.#kept.get(folder) ?? 0 : 0;
    yield { kind: "start", step, config: null, totals: {} };
    while (step < 3) {
      if (signal?.aborted === true) {
        this.#kept.set(folder, step);
        return yield { kind: "end", step, reason: "interrupted", summary: null };
      }
      step++;
      yield { kind: "step", step, steps: 3, metrics: { loss: 1 / step } };
    }
    this.#kept.set(folder, step);
    yield { kind: "end", step, reason: "done", summary: null };
  }
}

function options(kept: Map<string, number>): CheckTrainerOptions {
  let folders = 0;
  return { rows: [], folder: () => `${folders++}`, resultOf: (folder) => `${kept.get(folder)}` };
}

Deno.test("checkTrainer() accepts a trainer that goes on where it stopped", async () => {
  const kept = new Map<string, number>();
  const { checks } = await checkTrainer(() => new Counter(kept, false), options(kept));
  assert.deepEqual(checks.filter(({ status }) => status !== "passed"), []);
});

Deno.test("checkTrainer() finds a trainer that starts anew on resume", async () => {
  const kept = new Map<string, number>();
  const { checks } = await checkTrainer(() => new Counter(kept, true), options(kept));
  assert.deepEqual(checks.filter(({ status }) => status !== "passed").map(({ detail }) => detail), [
    'on resume: received {"kind":"start","step":0,"config":null,"totals":{}}',
  ]);
});
