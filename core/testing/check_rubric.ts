/**
 * Conformance of rubrics: range, determinism, and that a step's score depends on nothing that comes later.
 *
 * @module
 */
import { createDomain, type Domain } from "../domain.ts";
import type { Awaitable } from "../env.ts";
import type { Rubric, RubricContext, Scorer, Verdict } from "../rubric.ts";
import type { Step, Trajectory } from "../trajectory.ts";
import { brief, must, type Report, runChecks, same, Skip, within } from "./report.ts";
import { sampleTrajectories } from "./samples.ts";

/** Options of {@linkcode checkRubric}. */
export interface CheckRubricOptions {
  /** Episodes to score. @default a few made-up ones with loops, failures and repeats */
  readonly trajectories?: readonly Trajectory[];
  /** Domain of the episodes. @default one with the tools of the made-up episodes */
  readonly domain?: Domain;
  /** Longest time of one check in milliseconds. @default 20000 */
  readonly limitMs?: number;
}

interface Scored {
  readonly steps: readonly (Verdict | null)[];
  readonly whole: Verdict | null;
}

/** Checks a rubric. Every check starts scorers of its own. */
export function checkRubric(rubric: Rubric, options: CheckRubricOptions = {}): Promise<Report> {
  const { trajectories = sampleTrajectories(), domain = sampleDomain, limitMs = 20_000 } = options;
  const each = (check: (t: Trajectory) => Promise<void>) => async () => {
    for (const trajectory of trajectories) await check(trajectory);
  };
  const open = (t: Trajectory): Scorer => rubric.start(contextOf(t, domain));
  const score = (t: Trajectory): Promise<Scored> => scoreAll(open(t), t, limitMs / 4);

  return runChecks(`rubric "${rubric.id}"`, {
    "it has an id, a name, a description and a source": () => {
      for (const field of ["id", "name", "description"] as const) {
        must(
          typeof rubric[field] === "string" && rubric[field] !== "",
          `${field}: received ${brief(rubric[field])}`,
        );
      }
      must(["rule", "model", "human"].includes(rubric.source), `source: received ${brief(rubric.source)}`);
    },
    "values lie in [0, 1] and refer to earlier steps": each(async (t) => {
      const { steps, whole } = await score(t);
      steps.forEach((verdict, at) => checkVerdict(verdict, at, `step ${at}`));
      checkVerdict(whole, t.steps.length, "the episode");
    }),
    "it evaluates something": async () => {
      for (const t of trajectories) {
        const { steps, whole } = await score(t);
        if (whole !== null || steps.some((verdict) => verdict !== null)) return;
      }
      throw new Skip("it evaluated none of the episodes");
    },
    "the same episode gets the same scores": each(async (t) => {
      const [a, b] = [await score(t), await score(t)];
      must(same(a, b), `wanted ${brief(a)}: received ${brief(b)}`);
    }),
    "a step's score does not change with later steps": each(async (t) => {
      const full = await score(t);
      for (let length = 1; length < t.steps.length; length++) {
        const prefix = await score({ ...t, steps: t.steps.slice(0, length) });
        const wanted = full.steps.slice(0, length);
        must(
          same(prefix.steps, wanted),
          `scores of the first ${length} steps change with what follows: ${brief(prefix.steps)} alone, ${
            brief(wanted)
          } in the whole`,
        );
      }
    }),
    "episodes scored at the same time do not disturb each other": async () => {
      const scorers = trajectories.map((t) => ({ t, scorer: open(t), steps: [] as (Verdict | null)[] }));
      const longest = Math.max(0, ...trajectories.map(({ steps }) => steps.length));
      for (let at = 0; at < longest; at++) {
        for (const { t, scorer, steps } of scorers) {
          const step = t.steps[at];
          if (step !== undefined) steps.push(await stepOn(scorer, step));
        }
      }
      for (const { t, steps } of scorers) {
        const alone = (await score(t)).steps;
        must(same(alone, steps), `alone ${brief(alone)}: interleaved ${brief(steps)}`);
      }
    },
    "an episode without steps is scored or left out": each(async (t) => {
      const { whole } = await score({ ...t, steps: [] });
      checkVerdict(whole, 0, "the empty episode");
    }),
    "what it scores is not changed": each(async (t) => {
      const before = JSON.stringify(t);
      await score(t);
      must(JSON.stringify(t) === before, "the trajectory was changed");
    }),
  }, limitMs);
}

const sampleDomain: Domain = createDomain({
  name: "sample",
  title: "Sample",
  description: "Tools of the made-up episodes",
  tools: [
    { name: "read_file", category: "read", key: ["path"] },
    { name: "write_file", category: "write", key: ["path"] },
    { name: "bash", category: "execute", key: ["command"] },
    { name: "submit", category: "submit", terminal: true },
  ],
  outcome: ["score", "tests", "success"],
  taskFields: {},
  rubricWeights: {},
});

function contextOf(t: Trajectory, domain: Domain): RubricContext {
  return { task: t.task, domain, tools: t.tools, resetObservation: t.reset.observation };
}

async function stepOn(scorer: Scorer, step: Step): Promise<Verdict | null> {
  return await scorer.step?.(step) ?? null;
}

async function scoreAll(scorer: Scorer, t: Trajectory, limitMs: number): Promise<Scored> {
  const live: (Verdict | null)[] = [];
  const then: string[] = [];
  for (const step of t.steps) {
    const verdict = await timely(stepOn(scorer, step), limitMs, `the score of step ${step.index}`);
    live.push(verdict);
    then.push(JSON.stringify(verdict));
  }
  const whole = await timely(scorer.finish?.(t) ?? null, limitMs, "the score of the episode");
  live.forEach((verdict, at) =>
    must(JSON.stringify(verdict) === then[at], `the score of step ${at} was changed after later steps`)
  );
  return { steps: live, whole };
}

async function timely<T>(value: Awaitable<T>, limitMs: number, what: string): Promise<T> {
  if (!(value instanceof Promise)) return value;
  try {
    return await within(limitMs, value);
  } catch (thrown) {
    throw new Error(`${what}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

function checkVerdict(verdict: Verdict | null, before: number, what: string): void {
  if (verdict === null) return;
  const { value, reason, refersTo } = verdict;
  must(
    typeof value === "number" && value >= 0 && value <= 1,
    `${what}: wanted a value in [0, 1]: received ${brief(value)}`,
  );
  must(typeof reason === "string" && reason !== "", `${what}: wanted a reason: received ${brief(reason)}`);
  must(
    refersTo === null || (Number.isInteger(refersTo) && refersTo >= 0 && refersTo < before),
    `${what}: refersTo: wanted an earlier step or null: received ${brief(refersTo)}`,
  );
}
