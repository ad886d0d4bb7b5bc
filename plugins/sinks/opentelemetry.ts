/**
 * Metrics and one span a run through the OpenTelemetry API. Where they go is the process's business: Deno sends them
 * out when `OTEL_DENO=true` is set, and without a provider every call does nothing.
 *
 * OpenTelemetry has no semantic conventions for training, so names are our own, under `knowlyr.`.
 *
 * @module
 */
import type { Attributes, Counter, Gauge, Meter, Span, Tracer } from "@opentelemetry/api";
import { z } from "zod";
import type { Contribution } from "../../core/kind.ts";
import { type Sink, sink } from "../../core/sink.ts";
import type { TrainEvent } from "../../core/trainer.ts";
import { wantOpen } from "./_open.ts";

/** Name of the meter and the tracer. */
const SCOPE = "@knowlyr/gym";

/** `SpanStatusCode.ERROR` of the API, which is loaded only when the sink is made. */
const ERROR = 2;

/** Options of {@linkcode opentelemetrySink}. */
export interface OpentelemetrySinkOptions {
  /** Name of the run: attribute `knowlyr.run` of every value and of the span. */
  readonly run?: string | undefined;
}

/** What {@linkcode OpentelemetrySink} is made of. */
export interface OpentelemetrySinkParts extends OpentelemetrySinkOptions {
  /** Makes the instruments. */
  readonly meter: Meter;
  /** Makes the span. */
  readonly tracer: Tracer;
}

/**
 * Gauges `knowlyr.train.<metric>` and `knowlyr.eval.<metric>`, a counter `knowlyr.train.steps`, and a span
 * `knowlyr.train` from the first event to `end` with evaluations, checkpoints and notices as its events. A run that is
 * closed without an `end` event leaves its span with an error.
 */
export class OpentelemetrySink implements Sink {
  readonly #meter: Meter;
  readonly #tracer: Tracer;
  readonly #attributes: Attributes;
  readonly #gauges = new Map<string, Gauge>();
  readonly #steps: Counter;
  #span: Span | null = null;
  #done = 0;
  #closed = false;

  /** Makes the counter; gauges are made as metrics come. */
  constructor({ meter, tracer, run }: OpentelemetrySinkParts) {
    this.#meter = meter;
    this.#tracer = tracer;
    this.#attributes = run === undefined ? {} : { "knowlyr.run": run };
    this.#steps = meter.createCounter("knowlyr.train.steps", { unit: "{step}", description: "Steps done" });
  }

  /** Records one event. */
  write(event: TrainEvent): void {
    wantOpen(this.#closed, "OpenTelemetry");
    if (event.kind === "start") this.#fail();
    const span = this.#span ??= this.#tracer.startSpan("knowlyr.train", { attributes: this.#attributes });
    this.#handlers[event.kind]?.(event as never, span); // sound: the key is the event's own kind
  }

  /** Ends the span. */
  close(): void {
    this.#closed = true;
    this.#fail();
  }

  readonly #handlers: {
    readonly [K in TrainEvent["kind"]]: (event: Extract<TrainEvent, { kind: K }>, span: Span) => void;
  } = {
    start: ({ step = 0, config, totals }, span) => {
      this.#done = step;
      span.setAttributes({
        "knowlyr.start_step": step,
        ...scalars("knowlyr.config", config),
        ...scalars("knowlyr.total", totals),
      });
    },
    step: ({ step, metrics }) => {
      if (step > this.#done) this.#steps.add(step - this.#done, this.#attributes);
      this.#done = step;
      this.#record("train", metrics);
    },
    evaluation: ({ step, metrics }, span) => {
      this.#record("eval", metrics);
      span.addEvent("evaluation", { "knowlyr.step": step, ...metrics });
    },
    checkpoint: ({ step, folder }, span) => {
      span.addEvent("checkpoint", { "knowlyr.step": step, "knowlyr.folder": folder });
    },
    notice: ({ message }, span) => {
      span.addEvent("notice", { message });
    },
    end: ({ step, reason, summary }, span) => {
      span.setAttributes({
        "knowlyr.step": step,
        "knowlyr.reason": reason,
        ...scalars("knowlyr.summary", summary),
      });
      span.end();
      this.#span = null;
    },
  };

  #record(group: string, metrics: Readonly<Record<string, number>>): void {
    for (const [metric, value] of Object.entries(metrics)) {
      const name = `knowlyr.${group}.${metric}`;
      const gauge = this.#gauges.get(name) ?? this.#meter.createGauge(name);
      this.#gauges.set(name, gauge);
      gauge.record(value, this.#attributes);
    }
  }

  #fail(): void {
    this.#span?.setStatus({ code: ERROR, message: "The run stopped without an end event" });
    this.#span?.end();
    this.#span = null;
  }
}

/** {@linkcode OpentelemetrySink} for a kernel, on the process's own provider. */
export const opentelemetrySink: Contribution<Sink, OpentelemetrySinkOptions> = sink(
  "knowlyr/opentelemetry-v1",
  {
    description: "Metrics and a span a run through OpenTelemetry; does nothing unless OTEL_DENO=true is set",
    options: z.strictObject({ run: z.string().optional().describe("Name of the run, an attribute") }),
    create: async ({ run }) => {
      const { metrics, trace } = await import("@opentelemetry/api");
      return new OpentelemetrySink({ meter: metrics.getMeter(SCOPE), tracer: trace.getTracer(SCOPE), run });
    },
  },
);

/** Fields of an object that are texts, numbers or booleans, one level deep. */
function scalars(prefix: string, value: unknown): Attributes {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => ["string", "number", "boolean"].includes(typeof field))
      .map(([key, field]) => [`${prefix}.${key}`, field]),
  );
}
