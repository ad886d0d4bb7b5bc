/**
 * Conformance of adapters: detection by structure, valid trajectories, the same ones every time.
 *
 * @module
 */
import type { Adapter, LogIssue, LogSource } from "../adapter.ts";
import { isGymError } from "../errors.ts";
import { sampleOf } from "../logs.ts";
import type { Trajectory } from "../trajectory.ts";
import { trajectoryId } from "../trajectory_id.ts";
import { parseTrajectory } from "../trajectory_schema.ts";
import { brief, must, mustBeJson, type Report, runChecks, same, Skip } from "./report.ts";
import { textSource } from "./samples.ts";

/** Options of {@linkcode checkAdapter}. */
export interface CheckAdapterOptions {
  /** Logs of the adapter's own format. */
  readonly samples: readonly LogSource[];
  /** Logs of other formats, which it must be less sure of than of its own. @default none */
  readonly foreign?: readonly LogSource[];
  /** Longest time of one check in milliseconds. @default 20000 */
  readonly limitMs?: number;
}

const GARBAGE: readonly LogSource[] = [
  textSource("empty", ""),
  textSource("blank", "\n\n  \n"),
  textSource("prose", "Once upon a time\nthere was a log"),
  textSource("half.json", '{"history": [{"action": "re'),
  textSource("null.json", "null"),
  textSource("number.json", "17"),
  textSource("text.json", '"a text"'),
  textSource("list.json", "[]"),
  textSource("lists.json", "[[[[]]]]"),
  textSource("object.json", "{}"),
  textSource("lines.jsonl", '{}\n[]\nnull\n7\n"x"\n'),
  textSource("wrong.json", '{"steps": 1, "history": null, "trajectory": "x", "schema": [], "info": 0}'),
  textSource("bytes", new Uint8Array([0, 255, 254, 0, 128, 10, 200])),
];

/** Checks an adapter on samples of its format and on garbage. */
export function checkAdapter(adapter: Adapter, options: CheckAdapterOptions): Promise<Report> {
  const { samples, foreign = [], limitMs = 20_000 } = options;
  const each = (check: (source: LogSource) => Promise<void>) => async () => {
    if (samples.length === 0) throw new Skip("no samples were given");
    for (const source of samples) await check(source);
  };
  const detect = async (source: LogSource): Promise<number> => {
    const sure = adapter.detect(await sampleOf(source));
    must(
      typeof sure === "number" && sure >= 0 && sure <= 1,
      `${source.name}: wanted a number in [0, 1]: received ${brief(sure)}`,
    );
    return sure;
  };
  return runChecks(`adapter "${adapter.name}"`, {
    "it has a short name": () => must(/^[a-z0-9-]+$/.test(adapter.name), `received ${brief(adapter.name)}`),
    "it recognises its own logs": each(async (source) => {
      must(await detect(source) > 0, `${source.name}: wanted more than 0: received 0`);
    }),
    "it is not misled by the file's name": each(async (source) => {
      const sample = await sampleOf(source);
      const renamed = adapter.detect({ ...sample, name: "renamed" });
      must(renamed === adapter.detect(sample), `${source.name}: received ${renamed} under another name`);
    }),
    "it is less sure of other formats": async () => {
      if (foreign.length === 0 || samples.length === 0) throw new Skip("no logs of other formats were given");
      const least = Math.min(...await Promise.all(samples.map(detect)));
      for (const source of foreign) {
        const sure = await detect(source);
        must(sure < least, `${source.name}: wanted less than ${least}: received ${sure}`);
      }
    },
    "detection survives garbage": async () => {
      for (const source of GARBAGE) await detect(source);
    },
    "garbage gives an error with a code or nothing, never a trajectory": async () => {
      for (const source of GARBAGE) await readGarbage(adapter, source);
    },
    "it reads valid trajectories": each(async (source) => {
      const { trajectories } = await readAll(adapter, source);
      must(trajectories.length > 0, `${source.name}: wanted a trajectory: received none`);
      trajectories.forEach((t, at) => checkTrajectory(t, `${source.name}, trajectory ${at}`));
    }),
    "reading twice gives the same": each(async (source) => {
      const [a, b] = [await readAll(adapter, source), await readAll(adapter, source)];
      must(same(a, b), `${source.name}: the second reading differs`);
    }),
  }, limitMs);
}

interface Reading {
  readonly trajectories: readonly Trajectory[];
  readonly issues: readonly LogIssue[];
}

async function readAll(adapter: Adapter, source: LogSource): Promise<Reading> {
  const issues: LogIssue[] = [];
  const trajectories: Trajectory[] = [];
  for await (const t of adapter.read(source, { onIssue: (issue) => issues.push(issue) })) {
    trajectories.push(t);
  }
  return { trajectories, issues };
}

async function readGarbage(adapter: Adapter, source: LogSource): Promise<void> {
  try {
    const { trajectories } = await readAll(adapter, source);
    must(trajectories.length === 0, `${source.name}: received ${brief(trajectories[0])}`);
  } catch (thrown) {
    if (thrown instanceof Error && thrown.message.startsWith(`${source.name}: received`)) throw thrown;
    must(isGymError(thrown), `${source.name}: wanted an error with a code: received ${String(thrown)}`);
  }
}

function checkTrajectory(t: Trajectory, what: string): void {
  mustBeJson(t, what);
  parseTrajectory(t);
  t.steps.forEach((step, at) => must(step.index === at, `${what}: step ${at} has index ${step.index}`));
  const { id, ...rest } = t;
  const wanted = trajectoryId(rest);
  must(id === wanted, `${what}: wanted id ${wanted}: received ${id}`);
  must(
    (t.outcome.success === null) === (t.outcome.source === null),
    `${what}: wanted a source exactly when success is known: received ${brief(t.outcome)}`,
  );
}
