/**
 * Conformance of trainers: the order of their events, and that a run that was stopped ends as one that was not.
 *
 * @module
 */
import type { Awaitable } from "../env.ts";
import type { ExportRow } from "../exporter.ts";
import type { Trainer, TrainEvent, TrainJob } from "../trainer.ts";
import { brief, must, mustBeJson, type Report, runChecks } from "./report.ts";

/** What a trainer is checked on. */
export interface CheckTrainerOptions {
  /** Rows that make at least three steps. */
  readonly rows: readonly ExportRow[];
  /** A new empty folder, each call another one. */
  readonly folder: () => Awaitable<string>;
  /** What was trained into a folder, as text to compare: a digest of its bytes. */
  readonly resultOf: (folder: string) => Awaitable<string>;
  /** Longest time of one check in milliseconds. @default 60000 */
  readonly limitMs?: number;
}

/**
 * Checks a trainer.
 *
 * @param make Makes a trainer; each call a new one with the same options.
 */
export async function checkTrainer(
  make: () => Awaitable<Trainer>,
  options: CheckTrainerOptions,
): Promise<Report> {
  const { rows, resultOf, limitMs = 60_000 } = options;
  const { name } = await make();
  const run = async (job: Partial<TrainJob>, seen: (event: TrainEvent) => void = () => {}): Promise<Run> => {
    const folder = job.folder ?? await options.folder();
    const events: TrainEvent[] = [];
    for await (const event of (await make()).train({ rows: () => each(rows), ...job, folder })) {
      events.push(event);
      seen(event);
    }
    return { folder, events };
  };
  let first: Promise<Run> | undefined;
  const whole = (): Promise<Run> => first ??= run({});

  return await runChecks(`trainer "${name}"`, {
    "its name is one word": () => must(/^[a-z][a-z0-9-]*$/.test(name), `received ${brief(name)}`),
    "its events begin with start and end with end": async () => {
      const kinds = (await whole()).events.map(({ kind }) => kind);
      must(kinds[0] === "start" && kinds.indexOf("start", 1) < 0, `received ${brief(kinds)}`);
      must(kinds.indexOf("end") === kinds.length - 1, `received ${brief(kinds)}`);
    },
    "its events are JSON": async () => mustBeJson(withoutAbsent((await whole()).events), "events"),
    "its steps count up to the end": async () => {
      const { events } = await whole();
      const steps = stepsOf(events);
      must(steps.length >= 3, `wanted at least three steps to check: received ${steps.length}`);
      for (const [at, { step, steps: all }] of steps.entries()) {
        must(
          step === at + 1 && all === steps.length,
          `step ${at + 1} of ${steps.length}: received ${step} of ${all}`,
        );
      }
      const end = events.at(-1)!;
      must(
        end.kind === "end" && end.reason === "done" && end.step === steps.length,
        `received ${brief(end)}`,
      );
    },
    "each step has a finite loss": async () => {
      for (const { metrics } of stepsOf((await whole()).events)) {
        must(Number.isFinite(metrics["loss"]), `received ${brief(metrics)}`);
      }
    },
    "the same rows and options give the same result": async () => {
      const [a, b] = [await whole(), await run({})];
      must(await resultOf(a.folder) === await resultOf(b.folder), "results differ");
    },
    "a run that is aborted says so, goes on where it stopped, and ends with the same result": async () => {
      const controller = new AbortController();
      const stopped = await run({ signal: controller.signal }, ({ kind }) => {
        if (kind === "step") controller.abort();
      });
      const end = stopped.events.at(-1)!;
      must(end.kind === "end" && end.reason === "interrupted", `after an abort: received ${brief(end)}`);
      const { folder } = stopped;
      const resumed = await run({ folder, resume: true });
      const start = resumed.events[0]!;
      must(start.kind === "start" && start.step === end.step, `on resume: received ${brief(start)}`);
      must(stepsOf(resumed.events)[0]?.step === end.step + 1, "steps do not go on where they stopped");
      must(await resultOf(folder) === await resultOf((await whole()).folder), "results differ");
    },
    "a run that is aborted before it begins can be gone on with": async () => {
      const { folder, events } = await run({ signal: AbortSignal.abort() });
      const end = events.at(-1);
      must(end?.kind === "end" && end.reason === "interrupted" && end.step === 0, `received ${brief(end)}`);
      await run({ folder, resume: true });
      must(await resultOf(folder) === await resultOf((await whole()).folder), "results differ");
    },
  }, limitMs);
}

interface Run {
  readonly folder: string;
  readonly events: readonly TrainEvent[];
}

function stepsOf(events: readonly TrainEvent[]): readonly Extract<TrainEvent, { kind: "step" }>[] {
  return events.filter((event) => event.kind === "step");
}

async function* each(rows: readonly ExportRow[]): AsyncGenerator<ExportRow> {
  yield* rows;
}

/** Fields that are undefined are as good as absent. */
function withoutAbsent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAbsent);
  if (typeof value !== "object" || value === null) return value;
  const held = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(held.map(([key, field]) => [key, withoutAbsent(field)]));
}
