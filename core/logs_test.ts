import { deepEqual, equal, rejects } from "node:assert/strict";
import { type Adapter, adapter, type LogIssue, type LogSource } from "./adapter.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { detectAdapter, readLogs, sampleOf } from "./logs.ts";
import { definePlugin } from "./plugin.ts";
import { noOptions } from "./schema.ts";
import type { Trajectory } from "./trajectory.ts";

/** An adapter that reads one "trajectory", its source's name, from what starts with `mark`. */
const marked = (name: string, mark: string, own: Partial<Adapter> = {}) =>
  adapter(`test/${name}-v1`, {
    description: name,
    options: noOptions,
    create: (): Adapter => ({
      name,
      detect: ({ head }) => (head.startsWith(mark) ? 0.5 : 0),
      async *read(source) {
        yield await Promise.resolve({ agent: name, domain: source.name } as Trajectory);
      },
      ...own,
    }),
  });

const kernelOf = (...provides: ReturnType<typeof marked>[]): Kernel =>
  createKernel({ plugins: [definePlugin({ name: "test/logs", version: "0.1.0", provides })] });
const file = (name: string, text: string): LogSource => ({
  name,
  files: null,
  size: text.length,
  open: () => ReadableStream.from([new TextEncoder().encode(text)]),
});
const folder = (name: string, ...files: LogSource[]): LogSource => ({ ...file(name, ""), files });
const kernel = kernelOf(marked("alpha", "A"), marked("beta", "B"));
const read = async (source: LogSource, options = {}): Promise<string[]> =>
  (await Array.fromAsync(readLogs(kernel, [source], options))).map((t) => `${t.agent} ${t.domain}`);

Deno.test("sampleOf() takes 64 KiB of a file, and the first JSON file of a folder", async () => {
  const long = await sampleOf(file("a", "x".repeat(70_000)));
  deepEqual([long.head.length, long.complete, long.files], [65_536, false, null]);
  const inside = await sampleOf(folder("f", file("f/a.txt", "text"), file("f/b.json", "{}")));
  deepEqual(inside, { name: "f", head: "{}", complete: true, files: ["f/a.txt", "f/b.json"] });
});

Deno.test("detectAdapter() takes the surest, or the one that is named", async () => {
  const sure = kernelOf(marked("alpha", "A"), marked("beta", "A", { detect: () => 0.9 }));
  const sample = await sampleOf(file("a", "A"));
  equal((await detectAdapter(sure, sample)).name, "beta");
  equal((await detectAdapter(sure, sample, "alpha")).name, "alpha");
  equal((await detectAdapter(sure, sample, "test/alpha-v1")).name, "alpha");
});

const REFUSED: readonly (readonly [string, string | undefined, string])[] = [
  ["?", undefined, 'Cannot read log "a": no adapter recognises it: known are alpha, beta'],
  [" ", undefined, 'Cannot read log "a": it is empty: known are alpha, beta'],
  ["A", "alpa", 'Cannot read log "a" as "alpa": no such format: did you mean "alpha"?'],
  ["A", "nothing", 'Cannot read log "a" as "nothing": no such format: known are alpha, beta'],
];

for (const [text, format, message] of REFUSED) {
  Deno.test(`detectAdapter() says: ${message}`, async () => {
    const sample = await sampleOf(file("a", text));
    await rejects(detectAdapter(kernel, sample, format), { code: "UNKNOWN_FORMAT", message });
  });
}

Deno.test("readLogs() reads a folder as one log if an adapter takes it, else file by file", async () => {
  deepEqual(await read(folder("f", file("f/a.json", "A"), file("f/b.json", "B"))), ["alpha f"]);
  const issues: LogIssue[] = [];
  const mixed = folder("f", file("f/1.json", "?"), file("f/b.txt", "B"), file("f/a.txt", "A"));
  deepEqual(await read(mixed, { onIssue: (one: LogIssue) => issues.push(one) }), [
    "beta f/b.txt",
    "alpha f/a.txt",
  ]);
  deepEqual(issues.map(({ what, file }) => [what, file]), [["unrecognised file", "f/1.json"]]);
});

Deno.test("readLogs() refuses a folder in which nothing is recognised", async () => {
  await rejects(read(folder("f", file("f/1.json", "?"))), {
    code: "UNKNOWN_FORMAT",
    message: 'Cannot read log "f/1.json": no adapter recognises it: known are alpha, beta',
  });
});

Deno.test("readLogs() attributes what an adapter throws", async () => {
  const fail = (): never => {
    throw new Error("oops");
  };
  for (const method of ["detect", "read"]) {
    const broken = kernelOf(marked("alpha", "A", { [method]: fail }));
    await rejects(Array.fromAsync(readLogs(broken, [file("a", "A")])), {
      code: "PLUGIN_FAILED",
      message: `Cannot ${method} adapter "test/alpha-v1" of plugin "test/logs": oops`,
    });
  }
});

Deno.test("readLogs() stops when it is aborted", async () => {
  const reason = new Error("enough");
  await rejects(read(file("a", "A"), { signal: AbortSignal.abort(reason) }), reason);
});
