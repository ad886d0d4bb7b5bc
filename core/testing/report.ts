/**
 * What a conformance kit found.
 *
 * @module
 */
import { messageOf } from "../errors.ts";

/** One thing that was checked. */
export interface Check {
  /** What must be true. */
  readonly name: string;
  /** Skipped: it does not apply; `detail` says why. */
  readonly status: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped; empty when it passed. */
  readonly detail: string;
}

/** Result of one kit on one thing. */
export interface Report {
  /** What was checked: `env "knowlyr/sandbox-v1"`. */
  readonly name: string;
  /** One entry a check, in the order they ran. */
  readonly checks: readonly Check[];
}

/**
 * Throws unless every check passed or was skipped.
 *
 * @throws {Error} Naming each check that failed, and why.
 */
export function assertConforms(report: Report): void {
  const failures = report.checks.filter(({ status }) => status === "failed");
  if (failures.length === 0) return;
  const lines = failures.map(({ name, detail }) => `  ${name}: ${detail}`);
  throw new Error([
    `Cannot accept ${report.name}: ${failures.length} of ${report.checks.length} checks failed`,
    ...lines,
  ].join("\n"));
}

/** Thrown by a check that does not apply. Used inside kits only. */
export class Skip extends Error {}

/** A check: throws when it fails, throws {@linkcode Skip} when it does not apply. */
export type CheckFunction = () => void | Promise<void>;

/** Runs checks one after another; one that does not end within `limitMs` has failed. */
export async function runChecks(
  name: string,
  checks: Readonly<Record<string, CheckFunction>>,
  limitMs: number,
): Promise<Report> {
  const done: Check[] = [];
  for (const [title, check] of Object.entries(checks)) {
    done.push({ name: title, ...await outcomeOf(check, limitMs) });
  }
  return { name, checks: done };
}

/** Throws an error with `problem` unless `fact`. */
export function must(fact: boolean, problem: string): asserts fact {
  if (!fact) throw new Error(problem);
}

/** A value as short text, for messages. */
export function brief(value: unknown): string {
  const text = typeof value === "number" ? String(value) : JSON.stringify(value) ?? typeof value;
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
}

/** Whether two values are the same JSON. */
export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

async function outcomeOf(check: CheckFunction, limitMs: number): Promise<Omit<Check, "name">> {
  try {
    await within(limitMs, Promise.resolve().then(check));
    return { status: "passed", detail: "" };
  } catch (thrown) {
    return { status: thrown instanceof Skip ? "skipped" : "failed", detail: messageOf(thrown) };
  }
}

/** The promise's outcome, or an error after `limitMs`. */
export async function within<T>(limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not end within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Throws unless `value` survives JSON. Undefined, NaN, functions and the like are lost in it without a word, so they
 * are looked for one by one.
 */
export function mustBeJson(value: unknown, where: string): void {
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number") {
    return must(Number.isFinite(value), `${where}: wanted a finite number: received ${value}`);
  }
  must(typeof value === "object", `${where}: wanted JSON: received ${typeof value}`);
  for (const [key, field] of Object.entries(value)) mustBeJson(field, `${where}.${key}`);
}
