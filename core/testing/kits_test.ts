import assert from "node:assert/strict";
import type { Adapter } from "../adapter.ts";
import type { Env, ResetOptions, StepOptions, TimeStep } from "../env.ts";
import { env } from "../env.ts";
import { GymError } from "../errors.ts";
import type { Exporter } from "../exporter.ts";
import type { Plugin } from "../plugin.ts";
import type { SeededPrng } from "../prng.ts";
import type { Rubric, Scorer, Verdict } from "../rubric.ts";
import { type Json, noOptions } from "../schema.ts";
import type { Sink } from "../sink.ts";
import type { TrainEvent } from "../trainer.ts";
import type { Action, Spec, Step, Trajectory } from "../trajectory.ts";
import { EnvWrapper, type Wrapper } from "../wrapper.ts";
import { z } from "zod";
import { idle, roll, say, stop, ToyEnv, wait } from "./_toy_env.ts";
import {
  assertConforms,
  checkAdapter,
  checkEnv,
  checkExporter,
  checkPlugin,
  checkRubric,
  checkSink,
  checkWrapper,
  type Report,
  sampleTrajectories,
  textSource,
} from "./mod.ts";

function failed(report: Report): string[] {
  return report.checks.filter(({ status }) => status === "failed").map(({ name }) => name);
}

/** The kit must find the fault; other checks may fail in its wake. */
function mustFind(report: Report, check: string): void {
  assert.ok(report.checks.some(({ name }) => name === check), `no check "${check}"`);
  assert.ok(
    failed(report).includes(check),
    `not found: ${check}; failed: ${failed(report).join(", ") || "none"}`,
  );
}

const dice = { actions: [roll, roll, roll, stop], slowAction: idle, limitMs: 1000 };

Deno.test("checkEnv() accepts a correct environment and skips nothing of it", async () => {
  const report = await checkEnv(() => new ToyEnv(), dice);
  assertConforms(report);
  assert.deepEqual(report.checks.filter(({ status }) => status !== "passed"), []);
});

Deno.test("checkEnv() plays random calls when it is given none", async () => {
  assertConforms(await checkEnv(() => new ToyEnv2()));
});

/** Without the tool that waits for ever. */
class ToyEnv2 extends ToyEnv {
  override readonly tools = new ToyEnv().tools.filter(({ name }) => name !== "wait");
  override fork(): Env {
    const copy = new ToyEnv2();
    copy.restore(this.snapshot());
    return copy;
  }
}

let calls = 0;
const brokenEnvs: Readonly<Record<string, () => Env>> = {
  "the same seed gives the same episode": () =>
    new class extends ToyEnv {
      protected override roll = (): TimeStep => say(String(calls++));
    }(),
  "a second reset gives the same episode again": () =>
    new class extends ToyEnv {
      #rolls = 0;
      protected override roll = (): TimeStep => say(String(this.#rolls++));
    }(),
  "every seed of 64 bits is accepted": () =>
    new class extends ToyEnv {
      override reset(options: ResetOptions = {}) {
        if ((options.seed ?? 0n) > 0xffff_ffffn) throw new RangeError("seed too large");
        return super.reset(options);
      }
    }(),
  "a step before reset is refused": () =>
    new class extends ToyEnv {
      override step = (action: Action): TimeStep => say(action.tool);
    }(),
  "a step after the end is refused": () =>
    new class extends ToyEnv {
      protected override answer = ({ tool }: Action): TimeStep => say("x", { terminated: tool === "stop" });
    }(),
  "a step after disposal is refused": () =>
    new class extends ToyEnv {
      override [Symbol.asyncDispose] = () => Promise.resolve();
    }(),
  "disposing twice is allowed": () =>
    new class extends ToyEnv {
      override [Symbol.asyncDispose](): Promise<void> {
        if (this.disposed) throw new Error("already disposed");
        return super[Symbol.asyncDispose]();
      }
    }(),
  "an unknown tool is an observation": () =>
    new class extends ToyEnv {
      protected override answer(action: Action, prng: SeededPrng, options: StepOptions) {
        if (!this.tools.some(({ name }) => name === action.tool)) throw new Error("unknown tool");
        return super.answer(action, prng, options);
      }
    }(),
  "malformed parameters are an observation": () =>
    new class extends ToyEnv {
      protected override roll(sides: unknown): TimeStep {
        return say((sides as number).toFixed(1));
      }
    }(),
  "steps have a text, a finite reward and two booleans": () =>
    new class extends ToyEnv {
      protected override roll = (): TimeStep => say("", { reward: NaN });
    }(),
  "reset starts an episode": () =>
    new class extends ToyEnv {
      override reset = (): TimeStep => say("go", { reward: 1 });
    }(),
  "its tools have unique names, descriptions and object schemas": () =>
    new class extends ToyEnv {
      override readonly tools = [{ name: "roll", description: "", parameters: { type: "object" } }];
    }(),
  "its spec is JSON": () =>
    new class extends ToyEnv {
      override readonly spec = { id: "testing/dice-v1", options: { now: NaN }, wrappers: [] };
    }(),
  "an aborted step rejects with the signal's reason": () =>
    new class extends ToyEnv {
      protected override answer(action: Action, prng: SeededPrng, { signal }: StepOptions) {
        if (action.tool !== "wait") return super.answer(action, prng, {});
        return wait(signal).catch(() => say("stopped"));
      }
    }(),
  "a snapshot restores the state": () =>
    new class extends ToyEnv {
      override restore(_: Json): void {}
    }(),
  "a fork stands at the same step and is independent": () =>
    new class extends ToyEnv {
      override fork(): Env {
        const shared = this.prng!;
        return new class extends ToyEnv {
          override step = (action: Action): TimeStep | Promise<TimeStep> => this.answer(action, shared, {});
        }();
      }
    }(),
};
for (const [check, make] of Object.entries(brokenEnvs)) {
  Deno.test(`checkEnv() finds what breaks "${check}"`, async () => {
    mustFind(await checkEnv(make, dice), check);
  });
}

Deno.test("checkEnv() finds tools that change with reset", async () => {
  const make = (): Env => {
    const toy = new ToyEnv();
    let resets = 0;
    return new Proxy(toy, {
      get: (target, key) => {
        if (key === "reset") resets++;
        if (key === "tools") return target.tools.slice(Math.min(resets, 1));
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  };
  mustFind(await checkEnv(make, dice), "its tools stay the same over a reset");
});

Deno.test("checkEnv() finds a step that hangs", async () => {
  const make = () =>
    new class extends ToyEnv {
      protected override answer = (): Promise<TimeStep> => new Promise(() => {});
    }();
  const report = await checkEnv(make, { ...dice, limitMs: 30 });
  const hung = report.checks.find(({ name }) => name === "an unknown tool is an observation");
  assert.deepEqual([hung?.status, hung?.detail], ["failed", "it did not end within 30 ms"]);
});

Deno.test("assertConforms() names every check that failed", () => {
  const report: Report = {
    name: `env "a/b-v1"`,
    checks: [
      { name: "one", status: "failed", detail: "because" },
      { name: "two", status: "passed", detail: "" },
      { name: "three", status: "skipped", detail: "no" },
    ],
  };
  assert.throws(() => assertConforms(report), {
    message: `Cannot accept env "a/b-v1": 1 of 3 checks failed\n  one: because`,
  });
});

const self: Spec = { id: "testing/wrap-v1", options: {} };
const plain: Wrapper = (inner) => new EnvWrapper(inner, self, plain);
class Bad extends EnvWrapper {
  constructor(inner: Env, spec: Spec = self) {
    super(inner, spec, (other) => new EnvWrapper(other, spec, plain));
  }
}
Deno.test("checkWrapper() accepts a wrapper that changes nothing", async () => {
  const report = await checkWrapper(() => plain, { rebuild: () => plain });
  assertConforms(report);
  assert.deepEqual(report.checks.filter(({ status }) => status !== "passed"), []);
});

const brokenWrappers: Readonly<Record<string, Wrapper>> = {
  "it adds itself to the spec, as JSON": (inner) => inner,
  "it keeps the domain": (inner) =>
    new class extends Bad {
      override get domain() {
        return "other";
      }
    }(inner),
  "it passes seed and task on": (inner) =>
    new class extends Bad {
      override reset = () => this.inner.reset();
    }(inner),
  "an abort reaches the environment inside": (inner) =>
    new class extends Bad {
      override step = (action: Action) => this.inner.step(action);
    }(inner),
  "what the environment throws comes out": (inner) =>
    new class extends Bad {
      override async step(action: Action, options?: StepOptions) {
        try {
          return await this.inner.step(action, options);
        } catch {
          return say("never mind");
        }
      }
    }(inner),
  "a second episode starts afresh": (inner) => {
    let steps = 0;
    return new class extends Bad {
      override async step(action: Action, options?: StepOptions) {
        return { ...await this.inner.step(action, options), truncated: ++steps > 2 };
      }
    }(inner);
  },
  "disposing it disposes the environment inside, and twice is allowed": (inner) =>
    new class extends Bad {
      override [Symbol.asyncDispose] = () => Promise.resolve();
    }(inner),
  "every time step of an episode is well formed": (inner) =>
    new class extends Bad {
      override async step(action: Action, options?: StepOptions) {
        return { ...await this.inner.step(action, options), reward: Infinity };
      }
    }(inner),
  "a step after the end is refused": (inner) =>
    new class extends Bad {
      override async step(action: Action, options?: StepOptions) {
        return { ...await this.inner.step(action, options), truncated: true };
      }
    }(inner),
  "a fork stands at the same step inside the same wrapper": (inner) =>
    new class extends Bad {
      override fork = () => inner.fork!();
    }(inner),
};
for (const [check, wrap] of Object.entries(brokenWrappers)) {
  Deno.test(`checkWrapper() finds what breaks "${check}"`, async () => {
    mustFind(await checkWrapper(() => wrap, { limitMs: 500 }), check);
  });
}
Deno.test("checkWrapper() finds a spec from which another wrapper is made", async () => {
  const other: Wrapper = (inner) => new EnvWrapper(inner, { id: "testing/other-v1", options: {} }, other);
  mustFind(await checkWrapper(() => plain, { rebuild: () => other }), "it can be made again from its spec");
});

function rubricOf(start: () => Scorer): Rubric {
  return { id: "testing/r-v1", name: "r", description: "R", source: "rule", start };
}
const verdict = (value: number, refersTo: number | null = null): Verdict => ({
  value,
  reason: "because",
  refersTo,
});

Deno.test("checkRubric() accepts a correct rubric", async () => {
  const seen = rubricOf(() => {
    const first = new Map<string, number>();
    return {
      step: ({ action, index }) => {
        const before = first.get(JSON.stringify(action));
        if (before !== undefined) return verdict(0, before);
        first.set(JSON.stringify(action), index);
        return verdict(1);
      },
      finish: ({ steps }) => steps.length === 0 ? null : verdict(1, 0),
    };
  });
  const report = await checkRubric(seen);
  assertConforms(report);
  assert.deepEqual(report.checks.filter(({ status }) => status !== "passed"), []);
});

let tick = 0;
const shared: Step[] = [];
const brokenRubrics: Readonly<Record<string, () => Scorer>> = {
  "values lie in [0, 1] and refer to earlier steps": () => ({ step: () => verdict(1.01) }),
  "the same episode gets the same scores": () => ({ step: () => verdict((tick++ % 7) / 7) }),
  "a step's score does not change with later steps": () => {
    let last = { ...verdict(1) };
    return {
      step: () => {
        Object.assign(last, { value: 0.5 }); // looks ahead: the next step changes the score of this one
        return last = { ...verdict(1) };
      },
    };
  },
  "episodes scored at the same time do not disturb each other": () => {
    shared.length = 0;
    return {
      step: (step) => {
        shared.push(step);
        return verdict(1 / shared.length);
      },
    };
  },
  "an episode without steps is scored or left out": () => ({
    finish: ({ steps }) => verdict(steps.filter(({ thought }) => thought !== "").length / steps.length),
  }),
  "what it scores is not changed": () => ({
    step: (step) => {
      (step.action as { tool: string }).tool += "!";
      return verdict(1);
    },
  }),
};
for (const [check, start] of Object.entries(brokenRubrics)) {
  Deno.test(`checkRubric() finds what breaks "${check}"`, async () => {
    mustFind(await checkRubric(rubricOf(start)), check);
  });
}
Deno.test("checkRubric() finds a score that waits for later steps, and references to the future", async () => {
  const waiting = rubricOf(() => {
    let release = (_: Verdict): void => {};
    return {
      step: () => {
        release(verdict(1));
        return new Promise<Verdict>((resolve) => release = resolve);
      },
    };
  });
  mustFind(await checkRubric(waiting, { limitMs: 80 }), "a step's score does not change with later steps");
  const prophet = rubricOf(() => ({ step: ({ index }) => verdict(1, index) }));
  mustFind(await checkRubric(prophet), "values lie in [0, 1] and refer to earlier steps");
});

const [sample] = sampleTrajectories();
const log = textSource("own.toy", `TOY ${JSON.stringify(sample)}`);
const toyAdapter: Adapter = {
  name: "toy",
  detect: ({ head }) => head.startsWith("TOY ") ? 1 : 0,
  async *read(source) {
    const text = await new Response(source.open()).text();
    if (!text.startsWith("TOY ")) throw new GymError("INVALID_DATA", `Cannot read ${source.name}: not a toy`);
    yield JSON.parse(text.slice(4)) as Trajectory;
  },
};
const foreign = [textSource("foreign", "CAR {}")];

Deno.test("checkAdapter() accepts a correct adapter", async () => {
  const report = await checkAdapter(toyAdapter, { samples: [log], foreign });
  assertConforms(report);
  assert.deepEqual(report.checks.filter(({ status }) => status !== "passed"), []);
});
let reads = 0;
async function* changed(change: (t: Trajectory) => Trajectory): AsyncIterable<Trajectory> {
  for await (const t of toyAdapter.read(log)) yield change(t);
}
const brokenAdapters: Readonly<Record<string, Partial<Adapter>>> = {
  "it recognises its own logs": { detect: () => 0 },
  "it is not misled by the file's name": { detect: ({ name }) => name.endsWith(".toy") ? 1 : 0.5 },
  "it is less sure of other formats": { detect: () => 1 },
  "detection survives garbage": {
    detect: ({ head }) => head.startsWith("TOY") ? 1 : JSON.parse(head).sure ?? 0,
  },
  "garbage gives an error with a code or nothing, never a trajectory": { read: () => changed((t) => t) },
  "it reads valid trajectories": { read: () => changed((t) => ({ ...t, id: `sha256:${"0".repeat(64)}` })) },
  "reading twice gives the same": { read: () => changed((t) => ({ ...t, metadata: { reads: reads++ } })) },
};
for (const [check, part] of Object.entries(brokenAdapters)) {
  Deno.test(`checkAdapter() finds what breaks "${check}"`, async () => {
    mustFind(await checkAdapter({ ...toyAdapter, ...part }, { samples: [log], foreign }), check);
  });
}

function exporterOf(row: (t: Trajectory) => Record<string, Json>, off = 0): Exporter {
  return {
    name: "toy",
    async *export(trajectories, { onReport } = {}) {
      let read = 0;
      for await (const t of trajectories) {
        read++;
        yield row(t);
      }
      onReport?.({ read, rows: read + off, skipped: {} });
    },
  };
}
Deno.test("checkExporter() accepts a correct exporter", async () => {
  const report = await checkExporter(exporterOf(({ id }) => ({ id })));
  assertConforms(report);
  assert.deepEqual(report.checks.filter(({ status }) => status !== "passed"), []);
});
let rows = 0;
const brokenExporters: Readonly<Record<string, Exporter>> = {
  "rows are JSON objects": exporterOf(() => ({ x: undefined as unknown as Json })),
  "the same trajectories give the same rows": exporterOf(() => ({ rows: rows++ })),
  "the report comes once and adds up": exporterOf(() => ({}), 1),
  "nothing in gives nothing out and a report": exporterOf(() => ({}), 1),
  "what it exports is not changed": exporterOf((t) => {
    (t as { agent: string }).agent += "!";
    return {};
  }),
};
for (const [check, broken] of Object.entries(brokenExporters)) {
  Deno.test(`checkExporter() finds what breaks "${check}"`, async () => {
    mustFind(await checkExporter(broken), check);
  });
}

/** Keeps events; `part` puts a fault into it. */
function sinkOf(
  part: (kept: readonly TrainEvent[], event: TrainEvent) => void,
  closeTwice = true,
): () => Sink {
  return () => {
    const kept: TrainEvent[] = [];
    let closed = false;
    return {
      write: (event) => {
        if (closed) throw new TypeError("closed");
        part(kept, event);
        kept.push(event);
      },
      close: () => {
        if (closed && !closeTwice) throw new Error("already closed");
        closed = true;
      },
    };
  };
}
Deno.test("checkSink() accepts a correct sink", async () => {
  const report = await checkSink(sinkOf(() => {}));
  assertConforms(report);
  assert.deepEqual(report.checks.filter(({ status }) => status !== "passed"), []);
});
const fail = (): never => {
  throw new Error("no");
};
const brokenSinks: Readonly<Record<string, () => Sink>> = {
  "it takes every kind of event": sinkOf((_, { kind }) => kind === "evaluation" && fail()),
  "events are not changed": sinkOf((_, event) => {
    if (event.kind === "notice") (event as { message: string }).message += "!";
  }),
  "it takes metrics that are not finite": sinkOf((_, event) => {
    if (event.kind === "step" && !Number.isFinite(event.metrics["loss"])) fail();
  }),
  "an event before start is taken": sinkOf((kept, { kind }) =>
    kept.length === 0 && kind !== "start" && fail()
  ),
  "a kind of event that it does not know is passed over": sinkOf((_, { kind }) =>
    (kind as string) === "testing" && fail()
  ),
  "closing unused is allowed": () => ({
    ...sinkOf(() => {})(),
    close: fail,
  }),
  "closing twice is allowed": sinkOf(() => {}, false),
  "a write after close is refused": () => ({ write: () => {}, close: () => {} }),
};
for (const [check, make] of Object.entries(brokenSinks)) {
  Deno.test(`checkSink() finds what breaks "${check}"`, async () => mustFind(await checkSink(make), check));
}

const item = env("testing/dice-v1", { description: "Dice", options: noOptions, create: () => new ToyEnv() });
const plugin: Plugin = { name: "testing/toys", version: "1.0.0", provides: [item] };
Deno.test("checkPlugin() accepts a correct plugin", async () => assertConforms(await checkPlugin(plugin)));
const brokenPlugins: Readonly<Record<string, Plugin>> = {
  "it has a name, a version and contributions": { ...plugin, provides: [item, item] },
  "its version is MAJOR.MINOR.PATCH": { ...plugin, version: "new" },
  "its ids carry a version": { ...plugin, provides: [{ ...item, id: "testing/dice" }] },
  "its contributions say what they do": { ...plugin, provides: [{ ...item, description: " " }] },
  "its options are described as JSON Schema": { ...plugin, provides: [{ ...item, options: z.string() }] },
  "its options are described field by field": {
    ...plugin,
    provides: [{ ...item, options: z.strictObject({ a: z.string() }) }],
  },
  "its options refuse unknown fields": { ...plugin, provides: [{ ...item, options: z.object({}) }] },
  "a kernel loads it": { ...plugin, provides: [item, { ...item, id: "testing/b-v1", contract: 2 }] },
};
for (const [check, broken] of Object.entries(brokenPlugins)) {
  Deno.test(`checkPlugin() finds what breaks "${check}"`, async () =>
    mustFind(await checkPlugin(broken), check));
}
