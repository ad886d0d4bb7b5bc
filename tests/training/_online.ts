/** Runs of the trainer `online` in an environment of the tests. */
import { createKernel } from "../../core/kernel.ts";
import type { TrainEvent, TrainJob } from "../../core/trainer.ts";
import domains from "../../domains/mod.ts";
import trainers, { onlineTrainer, type OnlineTrainerOptions } from "../../plugins/trainers/mod.ts";
import parity from "./_parity_env.ts";

/** What such a run needs; the rest has values that make it short. */
export type OnlineGiven = Partial<OnlineTrainerOptions> & { readonly model: string };

/** The stream of a run. */
export async function* onlineStream(
  given: OnlineGiven,
  job: Omit<TrainJob, "rows">,
): AsyncGenerator<TrainEvent> {
  const kernel = createKernel({ plugins: [trainers, domains, parity] });
  const trainer = await kernel.make(onlineTrainer, {
    env: "tests/parity-v1",
    iterations: 4,
    tasks: 4,
    groupSize: 4,
    maxNewTokens: 2,
    maxLength: 64,
    evalEpisodes: 40,
    evalEvery: 2,
    learningRate: 1e-2,
    method: "full",
    provider: "cpu",
    threads: 1,
    ...given,
  });
  yield* trainer.train({ ...job, rows: async function* () {} });
}

/** All events of a run. */
export function online(given: OnlineGiven, job: Omit<TrainJob, "rows">): Promise<TrainEvent[]> {
  return Array.fromAsync(onlineStream(given, job));
}
