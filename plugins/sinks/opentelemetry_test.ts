import assert from "node:assert/strict";
import { sampleEvents } from "../../core/testing/mod.ts";

/** OTLP/JSON as far as the test reads it. */
interface Attribute {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: number | string;
    readonly doubleValue?: number;
  };
}
interface Span {
  readonly name: string;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly attributes: readonly Attribute[];
  readonly events: readonly { readonly name: string; readonly attributes: readonly Attribute[] }[];
}
interface Point {
  readonly asDouble?: number;
  readonly asInt?: number | string;
  readonly attributes: readonly Attribute[];
}
interface Metric {
  readonly name: string;
  readonly gauge?: { readonly dataPoints: readonly Point[] };
  readonly sum?: { readonly dataPoints: readonly Point[] };
}
interface Sent {
  readonly resourceSpans?: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[];
  }[];
}

const plain = (attributes: readonly Attribute[]): Record<string, unknown> =>
  Object.fromEntries(
    attributes.map((
      { key, value },
    ) => [key, value.stringValue ?? value.doubleValue ?? Number(value.intValue)]),
  );

/** Runs the sink in a process of its own and gives what a collector received from it. */
async function collected(
  events: readonly unknown[],
  otel: boolean,
): Promise<{ spans: Span[]; metrics: Metric[] }> {
  const sent: Sent[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    sent.push(await request.json());
    return Response.json({});
  });
  const url = new URL("./opentelemetry.ts", import.meta.url).href;
  const code = `import { opentelemetrySink } from "${url}";
    const sink = await opentelemetrySink.create({ run: "r1" } as never, null as never);
    for (const event of ${JSON.stringify(events)}) await sink.write(event as never);
    await sink.close();`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--ext=ts", code],
    env: {
      OTEL_DENO: String(otel),
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
    },
    stdout: "null",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return {
    spans: sent.flatMap(({ resourceSpans = [] }) =>
      resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    ).filter(({ name }) => name === "knowlyr.train"),
    metrics: sent.flatMap(({ resourceMetrics = [] }) =>
      resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
    ).filter(({ name }) => name.startsWith("knowlyr.")),
  };
}

Deno.test("OpentelemetrySink sends metrics and a span a run to a collector", async () => {
  const { spans, metrics } = await collected(sampleEvents(), true);
  const valueOf = (name: string): unknown => {
    const { gauge, sum } = metrics.findLast((metric) => metric.name === name) ?? {};
    const { asDouble, asInt, attributes } = (gauge ?? sum)!.dataPoints.at(-1)!;
    assert.deepEqual(plain(attributes), { "knowlyr.run": "r1" });
    return asDouble ?? Number(asInt);
  };
  assert.equal(valueOf("knowlyr.train.loss"), 0.25);
  assert.equal(valueOf("knowlyr.train.tokensPerSecond"), 1200);
  assert.equal(valueOf("knowlyr.eval.loss"), 0.3);
  assert.equal(valueOf("knowlyr.train.steps"), 5); // three, then two of the resumed run
  assert.deepEqual(spans.map(({ attributes }) => plain(attributes)), [
    {
      "knowlyr.run": "r1",
      "knowlyr.start_step": 0,
      "knowlyr.config.learningRate": 0.001,
      "knowlyr.config.model": "tiny",
      "knowlyr.total.steps": 4,
      "knowlyr.total.rows": 16,
      "knowlyr.step": 3,
      "knowlyr.reason": "interrupted",
    },
    {
      "knowlyr.run": "r1",
      "knowlyr.start_step": 2,
      "knowlyr.config.learningRate": 0.001,
      "knowlyr.config.model": "tiny",
      "knowlyr.total.steps": 4,
      "knowlyr.total.rows": 16,
      "knowlyr.step": 4,
      "knowlyr.reason": "done",
      "knowlyr.summary.loss": 0.25,
    },
  ]);
  assert.deepEqual(spans.map(({ events }) => events.map(({ name }) => name)), [["checkpoint"], [
    "notice",
    "evaluation",
  ]]);
});

Deno.test("OpentelemetrySink leaves the span of a run that did not end with an error", async () => {
  const { spans } = await collected(sampleEvents().slice(0, 2), true);
  assert.deepEqual(spans.map(({ status }) => status), [
    { message: "The run stopped without an end event", code: 2 },
  ]);
});

Deno.test("OpentelemetrySink does nothing unless OTEL_DENO is on", async () => {
  assert.deepEqual(await collected(sampleEvents(), false), { spans: [], metrics: [] });
});
