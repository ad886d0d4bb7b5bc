/**
 * Two ends of a scale for `llm-gym/meta-reasoning-v1`: one policy that knows the solution, one that guesses.
 *
 * @module
 */
import type { Contribution } from "../../core/kind.ts";
import { type Policy, policy } from "../../core/policy.ts";
import { below } from "../../core/prng.ts";
import { noOptions } from "../../core/schema.ts";
import { saying } from "./acting.ts";
import { DAYS, metaInstance } from "./meta_families.ts";

/**
 * Notes the steps that the task carries, then gives its answer. It reads no prose: it shows what a good episode
 * looks like and that every problem can be answered.
 */
export const metaSolver: Contribution<Policy, Record<string, never>> = policy(
  "llm-gym/meta-reasoning-solver-v1",
  {
    description: "Plays the steps and the answer that a task of llm-gym/meta-reasoning-v1 carries",
    options: noOptions,
    create: (): Policy => ({
      name: "meta-reasoning-solver",
      model: null,
      act: (view) => {
        const { steps, answer } = metaInstance.parse(view.task["puzzle"]);
        const notes = steps.slice(0, 5);
        const note = notes[view.history.length];
        return note === undefined ? saying(view, "answer", answer) : saying(view, "think", note);
      },
    }),
  },
);

/** Answers at once: a number of the problem, yes or no, or a day, whatever the problem seems to ask for. */
export const metaGuesser: Contribution<Policy, Record<string, never>> = policy(
  "llm-gym/meta-reasoning-guesser-v1",
  {
    description: "Answers llm-gym/meta-reasoning-v1 with a plausible guess",
    options: noOptions,
    create: (): Policy => ({
      name: "meta-reasoning-guesser",
      model: null,
      act: (view) => {
        const problem = /^Problem: (.+)$/m.exec(view.resetObservation)?.[1] ?? view.resetObservation;
        const guesses = /yes or no|: .* are /.test(problem)
          ? ["yes", "no"]
          : /day of the week|^[A-Z][a-z]{2}\+/.test(problem)
          ? DAYS
          : problem.match(/\d+/g) ?? ["unknown"];
        return saying(view, "answer", guesses[below(view.prng, guesses.length)]!);
      },
    }),
  },
);
