/**
 * Scoring: rubrics and the weights of a domain → scores and rewards of an episode, step by step.
 *
 * The reward of a step is the weighted mean of the rubrics that were evaluated on it; what was not evaluated is absent
 * and its weight is shared out among the others. Weights go by the rubric's name and come from the domain, the
 * caller's first. Rubrics of one name share its weight. A rubric whose name has no weight is recorded and counts for
 * nothing, unless no rubric has a weight: then all weigh the same.
 *
 * The reward of an episode is outcome, process and efficiency, renormalised over those that are known. Process is the
 * mean of the step rewards, together with the verdicts on the whole episode of rubrics other than `outcome` and
 * `efficiency`, each by its weight.
 *
 * @module
 */
import type { Domain } from "./domain.ts";
import type { Awaitable } from "./env.ts";
import { GymError, hasCode, PluginError } from "./errors.ts";
import type { Rubric, RubricContext, Scorer, Verdict } from "./rubric.ts";
import type { Json } from "./schema.ts";
import type { Score, Step, Trajectory } from "./trajectory.ts";

/** How much each part of an episode counts, and each rubric. */
export interface ScoringWeights {
  /** Weight of rubrics by name; what it does not name weighs what the domain says. */
  readonly weights?: Readonly<Record<string, number>>;
  /** Weight of the episode's outcome. @default 0.4 */
  readonly outcomeWeight?: number;
  /** Weight of the way there. @default 0.5 */
  readonly processWeight?: number;
  /** Weight of its length. @default 0.1 */
  readonly efficiencyWeight?: number;
}

/** What {@linkcode startScoring} takes. */
export interface ScoringOptions extends ScoringWeights, RubricContext {
  /** Rubrics in the order their scores are recorded; each id once. */
  readonly rubrics: readonly Rubric[];
}

/** Scores of one step. */
export interface StepScoring {
  /** One score a rubric that was evaluated. */
  readonly scores: readonly Score[];
  /** Their weighted mean, or null when none that counts was evaluated. */
  readonly reward: number | null;
}

/** Scores one episode as it goes. */
export interface EpisodeScoring {
  /** Scores the next step. Wait for it before the one after. */
  step(step: Step): Awaitable<StepScoring>;
  /**
   * The trajectory with the scores of its steps and of the whole, and its reward. Steps not seen yet are scored first.
   * Scores of rubrics that take no part stay. What was counted stands in `metadata.scoring`.
   */
  finish(trajectory: Trajectory): Awaitable<Trajectory>;
}

/** Starts to score an episode. @throws {GymError} `INVALID_OPTIONS` on a weight that is negative or not finite, or an id that occurs twice. */
export function startScoring(options: ScoringOptions): EpisodeScoring {
  return new RunningScoring(options);
}

/**
 * Scores a finished episode.
 *
 * @throws {GymError} As {@linkcode startScoring}; `INVALID_DATA` when a rubric gives no number in [0, 1];
 * {@linkcode PluginError} when one throws.
 */
export async function scoreTrajectory(
  trajectory: Trajectory,
  options: ScoringWeights & { readonly rubrics: readonly Rubric[]; readonly domain: Domain },
): Promise<Trajectory> {
  const { task, tools, reset } = trajectory;
  const scoring = startScoring({ ...options, task, tools, resetObservation: reset.observation });
  return await scoring.finish(trajectory);
}

interface Judge {
  readonly rubric: Rubric;
  readonly scorer: Scorer;
  readonly weight: number;
  /** Whether it scored a step. */
  used: boolean;
}

class RunningScoring implements EpisodeScoring {
  readonly #judges: readonly Judge[];
  readonly #domain: string;
  readonly #parts: { readonly outcome: number; readonly process: number; readonly efficiency: number };
  readonly #seen: StepScoring[] = [];
  /** Verdicts on the step at hand, one a judge; read before the next step is asked about. */
  readonly #verdicts: Awaitable<Verdict | null>[] = [];

  constructor(options: ScoringOptions) {
    const { outcomeWeight = 0.4, processWeight = 0.5, efficiencyWeight = 0.1 } = options;
    this.#parts = { outcome: outcomeWeight, process: processWeight, efficiency: efficiencyWeight };
    checkWeights({ outcomeWeight, processWeight, efficiencyWeight, ...options.weights });
    this.#judges = judgesOf(options);
    this.#domain = options.domain.profile.name;
  }

  step(step: Step): Awaitable<StepScoring> {
    const verdicts = this.#verdicts;
    let waits = false;
    for (let i = 0; i < this.#judges.length; i++) {
      const { rubric, scorer } = this.#judges[i]!;
      // Spelled out rather than through `ask`: this is the hot path, and a closure a rubric a step is dear.
      try {
        const verdict = scorer.step?.(step) ?? null;
        if (verdict instanceof Promise) waits = true;
        verdicts[i] = verdict instanceof Promise
          ? verdict.catch((thrown) => blame(rubric, "step", thrown))
          : verdict;
      } catch (thrown) {
        blame(rubric, "step", thrown);
      }
    }
    if (waits) return Promise.all(verdicts).then((all) => this.#combine(all, step.index));
    // Sound: none of them is a promise.
    return this.#combine(verdicts as (Verdict | null)[], step.index);
  }

  #combine(verdicts: readonly (Verdict | null)[], index: number): StepScoring {
    const scores: Score[] = [];
    let sum = 0;
    let total = 0;
    for (let i = 0; i < verdicts.length; i++) {
      const verdict = verdicts[i]!;
      if (verdict === null) continue;
      const judge = this.#judges[i]!;
      scores.push(scoreOf(judge.rubric, verdict, index));
      if (judge.weight === 0) continue;
      judge.used = true;
      sum += judge.weight * verdict.value;
      total += judge.weight;
    }
    const scored = { scores, reward: total === 0 ? null : sum / total };
    this.#seen.push(scored);
    return scored;
  }

  async finish(trajectory: Trajectory): Promise<Trajectory> {
    for (const step of trajectory.steps.slice(this.#seen.length)) await this.step(step);
    const episode: { judge: Judge; score: Score }[] = [];
    for (const judge of this.#judges) {
      const verdict = await ask(judge.rubric, "finish", () => judge.scorer.finish?.(trajectory) ?? null);
      if (verdict !== null) episode.push({ judge, score: scoreOf(judge.rubric, verdict, "the episode") });
    }
    const valueOf = (name: string): number | null =>
      episode.find(({ judge }) => judge.rubric.name === name)?.score.value ?? null;
    const parts = {
      outcome: { weight: this.#parts.outcome, value: valueOf("outcome") },
      process: { weight: this.#parts.process, value: this.#process(episode) },
      efficiency: { weight: this.#parts.efficiency, value: valueOf("efficiency") },
    };
    const own = new Set(this.#judges.map(({ rubric }) => rubric.id));
    const others = (scores: readonly Score[]): Score[] => scores.filter(({ rubric }) => !own.has(rubric));
    return {
      ...trajectory,
      steps: trajectory.steps.map((step, index) => {
        const { scores, reward } = this.#seen[index]!;
        return { ...step, scores: [...others(step.scores), ...scores], reward: reward ?? step.reward };
      }),
      scores: [...others(trajectory.scores), ...episode.map(({ score }) => score)],
      reward: mean(Object.values(parts)),
      metadata: { ...trajectory.metadata, scoring: this.#account(parts) },
    };
  }

  #process(episode: readonly { readonly judge: Judge; readonly score: Score }[]): number | null {
    const steps = mean(this.#seen.map(({ reward }) => ({ weight: 1, value: reward })));
    const stepWeight = this.#judges.reduce((sum, { used, weight }) => used ? sum + weight : sum, 0);
    const whole = episode.filter(({ judge }) => !EPISODE_PARTS.has(judge.rubric.name));
    return mean([
      { weight: stepWeight, value: steps },
      ...whole.map(({ judge, score }) => ({ weight: judge.weight, value: score.value })),
    ]);
  }

  #account(
    parts: { readonly [part: string]: { readonly weight: number; readonly value: number | null } },
  ): Json {
    const weights = this.#judges.filter(({ rubric }) => !EPISODE_PARTS.has(rubric.name))
      .map(({ rubric, weight }) => [rubric.id, weight]);
    return { domain: this.#domain, weights: Object.fromEntries(weights), parts };
  }
}

/** Names of the rubrics that are parts of an episode's reward rather than of its process. */
const EPISODE_PARTS: ReadonlySet<string> = new Set(["outcome", "efficiency"]);

function judgesOf(options: ScoringOptions): readonly Judge[] {
  const { rubrics, domain, task, tools, resetObservation, weights = {} } = options;
  const context: RubricContext = { task, domain, tools, resetObservation };
  const byName = new Map<string, number>();
  const ids = new Set<string>();
  for (const { id, name } of rubrics) {
    if (ids.has(id)) throw wrongOptions(`rubrics: wanted each rubric once: received "${id}" twice`);
    ids.add(id);
    byName.set(name, (byName.get(name) ?? 0) + 1);
  }
  const own = (table: Readonly<Record<string, number>>, name: string): number | undefined =>
    Object.hasOwn(table, name) ? table[name] : undefined;
  const weightOf = ({ name }: Rubric): number =>
    EPISODE_PARTS.has(name)
      ? 0
      : (own(weights, name) ?? own(domain.profile.rubricWeights, name) ?? 0) / byName.get(name)!;
  const counted = rubrics.some((rubric) => weightOf(rubric) > 0);
  return rubrics.map((rubric) => ({
    rubric,
    scorer: ask(rubric, "start", () => rubric.start(context)),
    weight: counted || EPISODE_PARTS.has(rubric.name) ? weightOf(rubric) : 1,
    used: false,
  }));
}

/** Calls a rubric and names it when it throws or rejects. */
function ask<T>(rubric: Rubric, method: string, call: () => T): T {
  try {
    const value = call();
    if (!(value instanceof Promise)) return value;
    // Sound: a promise with a rejection handler that never returns has the same type.
    return value.catch((thrown) => blame(rubric, method, thrown)) as T;
  } catch (thrown) {
    return blame(rubric, method, thrown);
  }
}

function blame({ id }: Rubric, method: string, thrown: unknown): never {
  if (hasCode(thrown, "PLUGIN_FAILED")) throw thrown;
  throw new PluginError({ plugin: "(none)", kind: "rubric", id, method }, thrown);
}

function scoreOf({ id, source }: Rubric, { value, reason, refersTo }: Verdict, at: number | string): Score {
  if (!(value >= 0 && value <= 1)) {
    const where = typeof at === "number" ? `step ${at}` : at;
    throw new GymError(
      "INVALID_DATA",
      `Cannot use score of rubric "${id}" on ${where}: wanted a number in [0, 1]: received ${String(value)}`,
      { rubric: id, at },
    );
  }
  return { rubric: id, value, source, reason, refersTo };
}

function mean(parts: readonly { readonly weight: number; readonly value: number | null }[]): number | null {
  let sum = 0;
  let total = 0;
  for (const { weight, value } of parts) {
    if (value === null) continue;
    sum += weight * value;
    total += weight;
  }
  return total === 0 ? null : sum / total;
}

function checkWeights(weights: Readonly<Record<string, number>>): void {
  for (const [name, weight] of Object.entries(weights)) {
    if (Number.isFinite(weight) && weight >= 0) continue;
    throw wrongOptions(`${name}: wanted a number of at least 0: received ${String(weight)}`);
  }
}

function wrongOptions(problem: string): GymError {
  return new GymError("INVALID_OPTIONS", `Cannot start scoring: ${problem}`, { problem });
}
