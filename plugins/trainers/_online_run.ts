/**
 * The work of {@linkcode onlineTrainer}; apart, so that the runtime loads only when something is trained.
 *
 * @module
 */
import { join } from "node:path";
import { env } from "../../core/env.ts";
import type { Kernel } from "../../core/kernel.ts";
import { fullId } from "../../core/names.ts";
import { rubric } from "../../core/rubric.ts";
import type { Json } from "../../core/schema.ts";
import type { TrainEvent, TrainJob } from "../../core/trainer.ts";
import { configHash } from "./_config_hash.ts";
import { refuseBeyondContext } from "./_context.ts";
import { codecOf } from "./_dataset.ts";
import { referenceScorer } from "./_grpo/score.ts";
import { actingTrainee } from "./_online/acting.ts";
import { Collector } from "./_online/collect.ts";
import { Journal } from "./_online/journal.ts";
import { OnlineLearner, type OnlineStep } from "./_online/learner.ts";
import { checkWorld } from "./_online/world.ts";
import { runSteps } from "./_run.ts";
import { Trainee } from "./_trainee.ts";
import type { OnlineOptions } from "./online.ts";

/** Acts and trains. */
export async function* trainOnline(
  parsed: OnlineOptions,
  kernel: Kernel,
  job: TrainJob,
): AsyncGenerator<TrainEvent> {
  const [log, found]: [string[], string[]] = [[], []];
  const arena = { ...parsed, env: fullId(kernel, env, parsed.env), kernel };
  const options = { ...parsed, rubrics: parsed.rubrics.map((name) => fullId(kernel, rubric, name)) };
  await checkWorld(kernel, options);
  const { iterations, beta, maxLength, adapter, evalEvery, saveEvery } = options;
  await using trainee = await Trainee.create(options, (message) => void log.push(message));
  refuseBeyondContext(trainee.folder, maxLength);
  const model = await actingTrainee(trainee, await codecOf(trainee.folder), options);
  await using _generator = model.generator;
  const config: Record<string, Json> = JSON.parse(JSON.stringify(parsed));
  await using journal = new OpenedOnce(() =>
    Journal.open(job.folder, { config: configHash(config), resume: job.resume === true })
  );
  const learner = new OnlineLearner({
    options,
    trainee,
    collector: new Collector(options, arena, model, { signal: job.signal, found }),
    reference: beta > 0 ? referenceScorer(trainee, maxLength, adapter !== undefined) : null,
    journal: () => journal.get(),
    signal: job.signal,
  });
  const updates = OnlineLearner.updatesOf(options);
  const judge = learner.judge.bind(learner);
  const evaluated = options.evalEpisodes > 0;
  const events = runSteps({ ...options, evalEvery: evalEvery * updates, saveEvery: saveEvery * updates }, {
    trainee,
    steps: plannedSteps(options),
    config,
    dataHash: "",
    totals: { steps: iterations * updates, iterations, parameters: trainee.parameters },
    notices: log,
    found,
    accumulate: (step) => learner.accumulate(step),
    evaluate: evaluated ? (step) => learner.evaluate(step) : null,
    ...(evaluated ? { judge } : {}),
  }, job);
  for await (const event of events) {
    if (event.kind !== "end") yield event;
    else {
      await learner.draw();
      const idleness = await learner.idleness();
      if (idleness !== null) yield { kind: "notice", message: idleness };
      yield { ...event, summary: { ...event.summary as object, curve: join(job.folder, "curve.svg") } };
    }
  }
}

function plannedSteps(options: OnlineOptions): readonly OnlineStep[] {
  const updates = OnlineLearner.updatesOf(options);
  const empty = { microBatches: [], totalWeight: 0, tokens: 0, trainedTokens: 0 };
  return Array.from({ length: options.iterations * updates }, (_, at) => ({
    ...empty,
    epoch: Math.floor(at / updates),
    update: at % updates,
  }));
}

/** Something that is opened when it is first asked for. */
class OpenedOnce<T extends AsyncDisposable> implements AsyncDisposable {
  readonly #open: () => Promise<T>;
  #opened: Promise<T> | null = null;

  constructor(open: () => Promise<T>) {
    this.#open = open;
  }

  get(): Promise<T> {
    return this.#opened ??= this.#open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#opened?.catch(() => null))?.[Symbol.asyncDispose](); // whoever asked was told of a failure
  }
}
