/**
 * The tries of an iteration: played, recorded, scored.
 *
 * @module
 */
import { domainOf } from "../../../core/domain.ts";
import { GymError } from "../../../core/errors.ts";
import { deriveSeed } from "../../../core/prng.ts";
import { type Rubric, rubric } from "../../../core/rubric.ts";
import { scoreTrajectory } from "../../../core/scoring.ts";
import type { Trajectory } from "../../../core/trajectory.ts";
import { allEqual } from "../_grpo/advantages.ts";
import type { ChatModel } from "../../models/generation/acting_model.ts";
import type { OnlineOptions } from "../online.ts";
import { type Arena, type EpisodeSeeds, playEpisodes } from "./episodes.ts";
import type { Journal } from "./journal.ts";
import { brokenText, outcomesOf } from "./outcomes.ts";

/** Plays the tries of iterations. */
export class Collector {
  readonly #options: OnlineOptions;
  readonly #arena: Arena;
  readonly #model: ChatModel;
  readonly #signal: AbortSignal | undefined;
  readonly #found: string[];
  #rubrics: Promise<readonly Rubric[]> | null = null;

  /** @param found Is told of episodes that ended by an error, once an iteration or evaluation. */
  constructor(
    options: OnlineOptions,
    arena: Arena,
    model: ChatModel,
    { signal, found }: { readonly signal: AbortSignal | undefined; readonly found: string[] },
  ) {
    this.#found = found;
    this.#options = options;
    this.#arena = arena;
    this.#model = model;
    this.#signal = signal;
  }

  /**
   * The tries of an iteration, a group for each task. As long as groups whose tries all earned the same are among them,
   * further tasks are played, `resample` at most.
   */
  async collect(iteration: number, journal: Journal): Promise<readonly (readonly Trajectory[])[]> {
    const { tasks, resample } = this.#options;
    const groups: (readonly Trajectory[])[] = [];
    for (let wave = 1, wanted = tasks; wanted > 0; wave++) {
      const stage = wave === 1 ? "collect" : `collect-${wave}`;
      const from = groups.length;
      const count = wanted;
      const played = await journal.episodes(
        iteration,
        stage,
        journal.iterationFile(iteration, `${stage}.jsonl`),
        () => this.#try(iteration, from, count),
        (episodes) => outcomesOf(episodes),
      );
      const scored = await this.#scored(iteration, stage, played, journal);
      groups.push(...inGroups(scored, this.#options.groupSize));
      const telling = groups.filter((group) => !allEqual(group.map(({ reward }) => reward ?? 0))).length;
      wanted = Math.min(tasks - telling, tasks + resample - groups.length);
    }
    this.#tell(groups.flat(), `tries of iteration ${iteration}`);
    return groups;
  }

  /** Greedy episodes on held-out tasks, the same each time. */
  async heldOut(iteration: number, journal: Journal): Promise<readonly Trajectory[]> {
    const { seed, evalEpisodes } = this.#options;
    const seeds = Array.from({ length: evalEpisodes }, (_, at): EpisodeSeeds => ({
      seed: deriveSeed(seed, "evaluation", at),
      policySeed: deriveSeed(seed, "evaluation policy", at),
    }));
    const file = journal.evaluationFile(iteration);
    const played = await journal.episodes(
      iteration,
      "evaluate",
      file,
      () => this.#play(seeds, 0),
      outcomesOf,
    );
    this.#tell(played, "held-out episodes");
    return played;
  }

  #tell(episodes: readonly Trajectory[], what: string): void {
    const text = brokenText(episodes, what);
    if (text !== null) this.#found.push(text);
  }

  #try(iteration: number, from: number, tasks: number): Promise<Trajectory[]> {
    const { seed, groupSize, temperature } = this.#options;
    const seeds = Array.from({ length: tasks * groupSize }, (_, i): EpisodeSeeds => {
      const at = from * groupSize + i;
      return {
        seed: deriveSeed(seed, "train", iteration - 1, Math.floor(at / groupSize)),
        policySeed: deriveSeed(seed, "policy", iteration - 1, at),
      };
    });
    return this.#play(seeds, temperature);
  }

  async #play(seeds: readonly EpisodeSeeds[], temperature: number): Promise<Trajectory[]> {
    const { system, tools, maxNewTokens } = this.#options;
    const drawing = { temperature, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
    const acting = { system, tools, maxNewTokens, stop: [], ...drawing };
    const episodes = await playEpisodes(this.#arena, this.#model, acting, seeds, this.#signal);
    const errors = episodes.flatMap(({ outcome }) => outcome.error === null ? [] : [outcome.error]);
    if (errors.length < episodes.length) return episodes;
    throw new GymError(
      "PLUGIN_FAILED",
      `Cannot learn in ${this.#arena.env}: wanted episodes: all ${episodes.length} ended by an error, the first by: ${
        errors[0]
      }`,
      { env: this.#arena.env, episodes: episodes.length },
    );
  }

  /** With rubrics, their scores reward the steps, and with `reward: "score"` the episode as well. */
  async #scored(
    iteration: number,
    stage: string,
    episodes: readonly Trajectory[],
    journal: Journal,
  ): Promise<readonly Trajectory[]> {
    const { rubrics, reward } = this.#options;
    if (rubrics.length === 0) return episodes;
    const { kernel } = this.#arena;
    this.#rubrics ??= Promise.all(rubrics.map((id) => kernel.make(rubric, id)));
    const judges = await this.#rubrics;
    const score = async (episode: Trajectory): Promise<Trajectory> => {
      const scored = await scoreTrajectory(episode, {
        rubrics: judges,
        domain: await domainOf(kernel, episode),
      });
      return reward === "score" ? scored : { ...scored, reward: episode.reward };
    };
    return await journal.episodes(
      iteration,
      stage.replace("collect", "score"),
      journal.iterationFile(iteration, `${stage.replace("collect", "score")}.jsonl`),
      async () => {
        const scored: Trajectory[] = [];
        for (const episode of episodes) scored.push(await score(episode));
        return scored;
      },
      outcomesOf,
    );
  }
}

function inGroups(episodes: readonly Trajectory[], size: number): readonly (readonly Trajectory[])[] {
  return Array.from(
    { length: episodes.length / size },
    (_, group) => episodes.slice(group * size, (group + 1) * size),
  );
}
