/**
 * Rewards every step by rubrics, as it happens.
 *
 * @module
 */
import { z } from "zod";
import { type Domain, domainOf, findDomain } from "../../core/domain.ts";
import type { Awaitable, Env, ResetOptions, StepOptions, TimeStep } from "../../core/env.ts";
import type { Contribution } from "../../core/kind.ts";
import { type Rubric, rubric } from "../../core/rubric.ts";
import { type EpisodeScoring, startScoring, type StepScoring } from "../../core/scoring.ts";
import type { Json } from "../../core/schema.ts";
import type { Action, Step, Task } from "../../core/trajectory.ts";
import { whenReady, type Wrapper, wrapper } from "../../core/wrapper.ts";
import { outOfOrder, StatefulWrapper } from "./_stateful_wrapper.ts";

const ID = "knowlyr/reward-v1";

/** Ids of the rules, without those that score whole episodes. */
const RULES = [
  "knowlyr/non-redundancy-v1",
  "knowlyr/regression-v1",
  "knowlyr/info-utilization-v1",
  "knowlyr/loops-v1",
  "knowlyr/repeated-failure-v1",
  "knowlyr/param-correctness-v1",
];

/** What becomes of the environment's own reward: nothing, or the rubrics' reward comes on top of it. */
export type RewardMode = "replace" | "add";

/** Options of {@linkcode reward}. */
export interface RewardOptions {
  /** Rubrics that score each step. */
  readonly rubrics: readonly Rubric[];
  /** Says what calls mean and how much rubrics weigh. */
  readonly domain: Domain;
  /** Weights by name of the rubric, before the domain's. */
  readonly weights?: Readonly<Record<string, number>>;
  /** What becomes of the reward of the environment. @default "replace" */
  readonly mode?: RewardMode;
}

/** Options of {@linkcode rewardWrapper}. */
export interface RewardWrapperOptions {
  /** Ids of rubrics. @default the built-in rules for steps */
  readonly rubrics?: readonly string[] | undefined;
  /** What becomes of the reward of the environment. @default "replace" */
  readonly mode?: RewardMode | undefined;
  /** Name or id of the domain. @default the environment's own */
  readonly domain?: string | undefined;
  /** Weights by name of the rubric, before the domain's. */
  readonly weights?: Readonly<Record<string, number>> | undefined;
}

/**
 * Scores every step and leaves the scores in `info.scores`. The reward of a step on which no rubric that counts was
 * evaluated is 0 in mode `replace`. Scoring goes on where it was in forks and restored snapshots.
 */
export function reward({ rubrics, domain, weights = {}, mode = "replace" }: RewardOptions): Wrapper {
  const options = { rubrics: rubrics.map(({ id }) => id), mode, domain: domain.profile.name, weights };
  return (inner) => new Reward(inner, { rubrics, weights, mode, domain: () => domain, options });
}

/** {@linkcode reward} for a kernel, which it asks for the rubrics and the domain. */
export const rewardWrapper: Contribution<Wrapper, RewardWrapperOptions> = wrapper(ID, {
  description: "Rewards every step by rubrics",
  options: z.strictObject({
    rubrics: z.array(z.string()).readonly().optional().describe("Ids of rubrics"),
    mode: z.enum(["replace", "add"]).optional().describe("Whether the environment's own reward stays"),
    domain: z.string().optional().describe("Name or id of the domain"),
    weights: z.record(z.string(), z.number().min(0)).readonly().optional().describe(
      "Weights by name of the rubric",
    ),
  }),
  create: async ({ rubrics: ids = RULES, mode = "replace", domain, weights = {} }, kernel) => {
    const rubrics = await Promise.all(ids.map((id) => kernel.make(rubric, id)));
    const chosen = domain === undefined ? null : await findDomain(kernel, domain);
    const options = { rubrics: [...ids], mode, weights, ...(domain === undefined ? {} : { domain }) };
    const find = (inner: Env): Awaitable<Domain> => chosen ?? domainOf(kernel, inner);
    return (inner) => new Reward(inner, { rubrics, weights, mode, domain: find, options });
  },
});

interface Setup extends Required<Omit<RewardOptions, "domain">> {
  readonly domain: (inner: Env) => Awaitable<Domain>;
  readonly options: Json;
}

/** An episode as far as it went: enough to score on from there. */
interface Episode {
  readonly task: Task;
  readonly resetObservation: string;
  readonly steps: Step[];
}

class Reward extends StatefulWrapper {
  readonly #setup: Setup;
  #episode: Episode | null = null;
  /** Null before the first step and after a restore: made, and brought up to date, when it is needed. */
  #scoring: EpisodeScoring | null = null;

  constructor(inner: Env, setup: Setup) {
    super(inner, { id: ID, options: setup.options }, (other) => new Reward(other, setup));
    this.#setup = setup;
  }

  override reset(options: ResetOptions = {}): Awaitable<TimeStep> {
    this.#episode = null;
    this.#scoring = null;
    return whenReady(this.inner.reset(options), (first) => {
      const task = first.info.task ?? options.task ?? { id: "", description: "" };
      this.#episode = { task, resetObservation: first.observation, steps: [] };
      return first;
    });
  }

  override step(action: Action, options?: StepOptions): Awaitable<TimeStep> {
    const episode = this.#episode;
    if (episode === null) throw outOfOrder("step", this.spec.id, "wanted a reset first: received a step");
    return flat(this.inner.step(action, options), (came) => {
      const step = stepOf(action, came, episode.steps.length);
      return flat(
        this.#scoring ?? this.#catchUp(episode),
        (scoring) =>
          whenReady(scoring.step(step), (scored) => {
            episode.steps.push(step);
            return this.#rewarded(came, scored);
          }),
      );
    });
  }

  /** Without a promise when the domain is at hand and there is nothing to catch up with. */
  #catchUp({ task, resetObservation, steps }: Episode): Awaitable<EpisodeScoring> {
    const { rubrics, weights, domain: find } = this.#setup;
    const { tools } = this.inner;
    return flat(find(this.inner), (domain) => {
      const scoring = startScoring({ rubrics, weights, domain, task, tools, resetObservation });
      const ready = steps.length === 0 ? scoring : replay(scoring, [...steps]);
      return whenReady(ready, (made) => this.#scoring = made);
    });
  }

  #rewarded(came: TimeStep, { reward, scores }: StepScoring): TimeStep {
    const own = this.#setup.mode === "add" ? came.reward : 0;
    return { ...came, reward: own + (reward ?? 0), info: { ...came.info, scores } };
  }

  protected state(): Json {
    // Sound: an episode is made of data. The copy keeps later steps out of the snapshot.
    return this.#episode === null
      ? null
      : { ...this.#episode, steps: [...this.#episode.steps] } as unknown as Json;
  }

  protected setState(state: Json): void {
    const episode = state as unknown as Episode | null;
    this.#episode = episode === null ? null : { ...episode, steps: [...episode.steps] };
    this.#scoring = null;
  }
}

function flat<T, U>(value: Awaitable<T>, use: (value: T) => Awaitable<U>): Awaitable<U> {
  return value instanceof Promise ? value.then(use) : use(value);
}

async function replay(scoring: EpisodeScoring, steps: readonly Step[]): Promise<EpisodeScoring> {
  for (const step of steps) await scoring.step(step);
  return scoring;
}

function stepOf(
  action: Action,
  { observation, reward, info: { result = {} } }: TimeStep,
  index: number,
): Step {
  return {
    index,
    thought: "",
    action,
    result: {
      output: result.output ?? observation,
      exitCode: result.exitCode ?? null,
      error: result.error ?? null,
      durationMs: result.durationMs ?? null,
      truncated: result.truncated ?? false,
    },
    reward,
    scores: [],
    timestamp: null,
    tokens: null,
  };
}
