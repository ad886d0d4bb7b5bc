/**
 * Plays the task's own solution badly, in the ways agents do: for logs with something to find in them.
 *
 * @module
 */
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Decision, type Policy, policy, type PolicyView } from "../../core/policy.ts";
import { below } from "../../core/prng.ts";
import type { Step } from "../../core/trajectory.ts";
import { entryOf, handIn, solutionOf } from "./_script.ts";

/** Options of {@linkcode clumsyPolicy}. */
export interface ClumsyOptions {
  /** Chance of a slip before each step of the solution, in [0, 1]. @default 0.4 */
  readonly slips?: number | undefined;
  /** Chance that the work is handed in before it is done, at each step, in [0, 1]. @default 0.05 */
  readonly earlySubmit?: number | undefined;
}

interface Chances {
  readonly slips: number;
  readonly earlySubmit: number;
}

const chance = z.number().min(0).max(1);

const schema: z.ZodType<Chances, ClumsyOptions> = z.strictObject({
  slips: chance.default(0.4).describe("Chance of a slip before each step of the solution"),
  earlySubmit: chance.default(0.05).describe("Chance of handing in too early, at each step"),
});

/** A wasted call that this state of the episode allows, or undefined. */
type Slip = (view: PolicyView) => Decision | undefined;

const READS = /(^|_)(read|cat|view|open|list|ls|search|grep|find|query|look)/i;

const SLIPS: readonly Slip[] = [
  ({ history, prng }) => {
    const reads = history.filter(({ action, result }) => READS.test(action.tool) && !failed(result));
    const again = reads[below(prng, reads.length)];
    return again && { action: again.action, thought: "Let me look at that again" };
  },
  ({ history }) => {
    const last = history.at(-1);
    return last !== undefined && failed(last.result)
      ? { action: last.action, thought: "Maybe it works this time" }
      : undefined;
  },
  ({ tools, prng }) => {
    const tool = tools[below(prng, tools.length)];
    return tool && {
      action: { tool: `${tool.name}_all`, params: {} },
      thought: "There should be a tool for all of it",
    };
  },
];

/**
 * Plays `task.solution` and slips on the way: reads again what it has read, repeats a call that just failed, calls a
 * tool that does not exist, hands in too early. At most two slips follow each other, so it comes to an end. All
 * of it comes from the episode's seed.
 */
export const clumsyPolicy: Contribution<Policy, ClumsyOptions> = policy("knowlyr/clumsy-v1", {
  description: "Plays the solution that the task carries, with slips",
  options: schema,
  create: (chances): Policy => new Clumsy(chances),
});

class Clumsy implements Policy {
  readonly name = "clumsy";
  readonly model = null;
  readonly #chances: Chances;
  #done = 0;
  #inRow = 0;

  constructor(chances: Chances) {
    this.#chances = chances;
  }

  reset(): void {
    this.#done = 0;
    this.#inRow = 0;
  }

  act(view: PolicyView): Decision {
    const script = solutionOf(view.task);
    const early = handIn(view.tools);
    const midway = this.#done > 0 && this.#done < script.length;
    if (early !== undefined && midway && view.prng() < this.#chances.earlySubmit) {
      this.#done = script.length;
      return { action: { tool: early.tool, params: {} }, thought: "This should do" };
    }
    if (this.#inRow < 2 && view.prng() < this.#chances.slips) {
      const slip = SLIPS[below(view.prng, SLIPS.length)]!(view);
      if (slip !== undefined) {
        this.#inRow++;
        return slip;
      }
    }
    this.#inRow = 0;
    return entryOf(script, this.#done++, view.tools);
  }
}

function failed({ exitCode, error }: Step["result"]): boolean {
  return error !== null || (exitCode !== null && exitCode !== 0);
}
