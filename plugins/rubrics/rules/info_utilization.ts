/**
 * Does a change, a command or an answer use what was seen before?
 *
 * Paths and identifiers of every output are indexed with the step that first showed them. A later write, command or
 * message is asked which of its own paths and identifiers are known: the value is the larger of their share and
 * 1 − ½^(k+1) for k known ones, so that new code around known names is not punished for being new. One that uses nothing seen scores 0.5.
 * Calls without such words are not evaluated, nor are the others.
 *
 * @module
 */
import type { Rubric, Verdict } from "../../../core/rubric.ts";
import type { Json } from "../../../core/schema.ts";
import { callOf } from "./_call.ts";
import { rareWords } from "./_words.ts";

/** Characters of one output that are indexed; what stands beyond was hardly read by the agent either. */
const MAX_CHARS = 20_000;
const MAX_WORDS = 2_000;
/** Step of words that the task or the reset observation supplied. */
const FROM_TASK = -1;

const JUDGED: ReadonlySet<string | null> = new Set(["write", "execute", "communicate"]);

/** See the module. */
export const infoUtilization: Rubric = {
  id: "knowlyr/info-utilization-v1",
  name: "info_utilization",
  description: "Whether the call uses paths and identifiers that were seen before",
  source: "rule",
  start: ({ domain, task, resetObservation }) => {
    const index = new Map<string, number>();
    const learn = (text: string, step: number): void => {
      rareWords(text, MAX_CHARS, MAX_WORDS, (word) => {
        if (!index.has(word)) index.set(word, step);
      });
    };
    learn(task.description, FROM_TASK);
    learn(resetObservation, FROM_TASK);
    return {
      step: (step) => {
        const verdict = JUDGED.has(callOf(step, domain).category) ? judge(step.action.params, index) : null;
        learn(step.result.output, step.index);
        return verdict;
      },
    };
  },
};

function judge(params: Readonly<Record<string, Json>>, index: ReadonlyMap<string, number>): Verdict | null {
  const asked = new Set<string>();
  eachText(params, (text) => rareWords(text, MAX_CHARS, MAX_WORDS, (word) => asked.add(word)));
  if (asked.size === 0) return null;
  let known = 0;
  let source = Infinity;
  for (const word of asked) {
    const step = index.get(word);
    if (step === undefined) continue;
    known++;
    if (step !== FROM_TASK && step < source) source = step;
  }
  return {
    value: Math.max(known / asked.size, 1 - 0.5 ** (known + 1)),
    reason: `Uses ${known} of its ${asked.size} paths and identifiers from what was seen before`,
    refersTo: source === Infinity ? null : source,
  };
}

function eachText(value: Json, use: (text: string) => void): void {
  if (typeof value === "string") return use(value);
  if (typeof value !== "object" || value === null) return;
  for (const item of Object.values(value)) eachText(item, use);
}
