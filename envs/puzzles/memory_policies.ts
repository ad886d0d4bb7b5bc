/**
 * Two ends of a scale for `llm-gym/memory-buffer-v1`: one policy that stores every fact and looks it up again, one that guesses.
 *
 * @module
 */
import type { Contribution } from "../../core/kind.ts";
import { type Decision, type Policy, policy, type PolicyView } from "../../core/policy.ts";
import { below } from "../../core/prng.ts";
import { noOptions } from "../../core/schema.ts";
import { linesOf, saying } from "./acting.ts";

/** Stores each fact as `topic: entity attribute value`, retrieves for each question, answers from what it found. */
export const memorySolver: Contribution<Policy, Record<string, never>> = policy("llm-gym/memory-solver-v1", {
  description: "Solves llm-gym/memory-buffer-v1 by storing every fact and looking it up again",
  options: noOptions,
  create: () => new MemorySolver(),
});

/** Lets the messages pass and answers with a value it has seen. */
export const memoryGuesser: Contribution<Policy, Record<string, never>> = policy(
  "llm-gym/memory-guesser-v1",
  {
    description: "Answers llm-gym/memory-buffer-v1 with a random value of the messages",
    options: noOptions,
    create: (): Policy => ({
      name: "memory-guesser",
      model: null,
      act: (view) => {
        if (questionOf(view.observation) === null) return saying(view, "retrieve", "pass");
        const seen = [view.resetObservation, ...view.history.map(({ result }) => result.output)]
          .flatMap((text) => factOf(text)?.value ?? []);
        return saying(view, "answer", seen[below(view.prng, seen.length)] ?? "-");
      },
    }),
  },
);

interface Told {
  readonly topic: string;
  readonly key: string;
  readonly value: string;
}

interface Found extends Told {
  readonly time: number;
}

class MemorySolver implements Policy {
  readonly name = "memory-solver";
  readonly model = null;
  #asked = -1;
  #found: Found[] = [];

  reset(): void {
    this.#asked = -1;
  }

  act(view: PolicyView): Decision {
    const question = questionOf(view.observation);
    if (question === null) {
      const fact = factOf(view.observation);
      return fact === null
        ? saying(view, "retrieve", "pass")
        : saying(view, "store", `${fact.topic}: ${fact.key} ${fact.value}`);
    }
    const query = queryOf(question);
    const answered =
      view.history.filter(({ action: { tool, raw } }) =>
        tool === "answer" || (tool === "" && !/^[SR] /.test(raw ?? ""))
      ).length;
    if (answered !== this.#asked) {
      this.#asked = answered;
      this.#found = [];
      return saying(view, "retrieve", query);
    }
    const page = foundIn(view.observation);
    const matching = page.filter((one) => isWanted(one, question));
    this.#found.push(...matching);
    const oldest = Math.min(...page.map(({ time }) => time));
    const answer = answerOf(question, this.#found);
    const more = matching.length === 3 && (question.kind === "count" || answer === null);
    if (more) return saying(view, "retrieve", `${query} before:${oldest}`);
    return saying(view, "answer", answer ?? "unknown");
  }
}

interface Asking {
  readonly about: string;
  readonly kind: "now" | "before" | "count";
  /** The value whose forerunner is asked for. */
  readonly value?: string;
  /** Time from which on messages count. */
  readonly from?: string;
}

/** Forms of questions, readable and compact. */
const QUESTIONS: readonly (readonly [RegExp, Asking["kind"]])[] = [
  [/^How many messages (?:from t=(?<from>\d+) on )?were about (?<about>.+)\?$/, "count"],
  [/^What was (?<about>.+) before it was (?<value>.+)\?$/, "before"],
  [/^What is (?<about>.+)\?$/, "now"],
  [/^count (?<about>.+?)(?: from (?<from>\d+))?\?$/, "count"],
  [/^(?<about>.+) before (?<value>.+)\?$/, "before"],
  [/^(?<about>.+)\?$/, "now"],
];

function questionOf(observation: string): Asking | null {
  const lines = linesOf(observation);
  const readable = lines.map((line) => /^Question \d+ of \d+: (.+)$/.exec(line)?.[1]).find((text) => text);
  const text = readable ?? (observation.startsWith("[") ? "" : lines.at(-1) ?? "");
  for (const [form, kind] of QUESTIONS) {
    const { about, value, from } = form.exec(text)?.groups ?? {};
    if (about === undefined) continue;
    return { about: about.replace("'s ", " "), kind, ...(value && { value }), ...(from && { from }) };
  }
  return null;
}

function factOf(observation: string): Told | null {
  for (const line of linesOf(observation)) {
    const message = /^Message \d+ of \d+: (.+)'s (.+) is (?:now )?(.+) \(topic (.+)\)$/.exec(line);
    if (message !== null) {
      const [, entity, attribute, value, topic] = message;
      return { topic: topic!, key: `${entity} ${attribute}`, value: value! };
    }
  }
  return observation.startsWith("[") ? null : keptOf(linesOf(observation).at(-1) ?? "");
}

/** A fact as the solver stores it and as the compact form tells it. */
function keptOf(text: string): Told | null {
  const [, topic, key, value] = /^([^\s:]+): (\S+ \S+) (.+)$/.exec(text) ?? [];
  return topic === undefined ? null : { topic, key: key!, value: value! };
}

function foundIn(observation: string): Found[] {
  const compact = !observation.startsWith("[");
  const texts = compact ? (linesOf(observation)[0] ?? "").split("; ") : linesOf(observation);
  return texts.flatMap((text) => {
    const [, time, rest] = (compact ? /^(\d+) (.+)$/ : /^#\d+ \[.*?\] t=(\d+): (.+)$/).exec(text) ?? [];
    const fact = keptOf(rest ?? "");
    return fact === null ? [] : [{ ...fact, time: Number(time) }];
  });
}

function queryOf({ about, kind, from }: Asking): string {
  if (kind !== "count") return about;
  return from === undefined ? `topic:${about}` : `topic:${about} after:${Number(from) - 1}`;
}

function isWanted({ key, topic }: Found, { about, kind }: Asking): boolean {
  return kind === "count" ? topic === about : key === about;
}

function answerOf({ kind, value }: Asking, found: readonly Found[]): string | null {
  const newest = [...found].sort((a, b) => b.time - a.time);
  if (kind === "count") return String(found.length);
  if (kind === "now") return newest[0]?.value ?? null;
  const at = newest.findIndex((one) => one.value === value);
  return newest.slice(at + 1).find((one) => one.value !== value)?.value ?? null;
}
