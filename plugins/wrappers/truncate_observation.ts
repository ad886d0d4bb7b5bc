/**
 * Cuts long observations.
 *
 * @module
 */
import { z } from "zod";
import type { Awaitable, Env, ResetOptions, StepOptions, TimeStep } from "../../core/env.ts";
import type { Contribution } from "../../core/kind.ts";
import { parseOptions } from "../../core/schema.ts";
import type { Action } from "../../core/trajectory.ts";
import { EnvWrapper, whenReady, type Wrapper, wrapper } from "../../core/wrapper.ts";

const ID = "knowlyr/truncate-observation-v1";

/** Options of {@linkcode truncateObservation}. */
export interface TruncateObservationOptions {
  /** Code points that are kept, at least 1. @default 8000 */
  readonly maxChars?: number | undefined;
  /** Put after what was kept. @default "...[truncated]" */
  readonly suffix?: string | undefined;
}

interface Limit {
  readonly maxChars: number;
  readonly suffix: string;
}

const schema: z.ZodType<Limit, TruncateObservationOptions> = z.strictObject({
  maxChars: z.number().int().min(1).default(8000).describe("Code points that are kept"),
  suffix: z.string().default("...[truncated]").describe("Put after what was kept"),
});

/**
 * Cuts observations of reset and step after `maxChars` code points, never inside one, and says so in
 * `info.observationTruncated` and `info.result.truncated`. The recorded output is cut with it: it is what the agent
 * saw.
 *
 * @throws {GymError} `INVALID_OPTIONS`.
 */
export function truncateObservation(options: TruncateObservationOptions = {}): Wrapper {
  const limit = parseOptions(schema, options, `wrapper "${ID}"`);
  return (inner) => new TruncateObservation(inner, limit);
}

/** {@linkcode truncateObservation} for a kernel. */
export const truncateObservationWrapper: Contribution<Wrapper, TruncateObservationOptions> = wrapper(ID, {
  description: "Cuts observations that are longer than a limit",
  options: schema,
  create: (options) => truncateObservation(options),
});

class TruncateObservation extends EnvWrapper {
  readonly #limit: Limit;

  constructor(inner: Env, limit: Limit) {
    const { maxChars, suffix } = limit;
    super(inner, { id: ID, options: { maxChars, suffix } }, (other) => new TruncateObservation(other, limit));
    this.#limit = limit;
  }

  override reset(options?: ResetOptions): Awaitable<TimeStep> {
    return whenReady(this.inner.reset(options), this.#cut);
  }

  override step(action: Action, options?: StepOptions): Awaitable<TimeStep> {
    return whenReady(this.inner.step(action, options), this.#cut);
  }

  readonly #cut = (came: TimeStep): TimeStep => {
    const observation = cut(came.observation, this.#limit);
    const output = came.info.result?.output;
    const shown = output === undefined ? undefined : cut(output, this.#limit);
    if (observation === came.observation && shown === output) return came;
    const result = {
      ...came.info.result,
      ...(shown === undefined ? {} : { output: shown }),
      truncated: true,
    };
    return { ...came, observation, info: { ...came.info, result, observationTruncated: true } };
  };
}

function cut(text: string, { maxChars, suffix }: Limit): string {
  if (text.length <= maxChars) return text; // code points are never more than code units
  let end = 0;
  for (let kept = 0; kept < maxChars && end < text.length; kept++) {
    end += text.codePointAt(end)! > 0xffff ? 2 : 1;
  }
  return end >= text.length ? text : text.slice(0, end) + suffix;
}
