import { deepEqual, equal, rejects } from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import type { LogSource } from "../../core/adapter.ts";
import { fileError, JsonlAppender, naturalOrder, openSources, writeAtomic, writeJsonl } from "./mod.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "gym-files-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const namesIn = (folder: string): string[] => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const textOf = (source: LogSource): Promise<string> => new Response(source.open()).text();
const stdin = (text = ""): () => ReadableStream<Uint8Array<ArrayBuffer>> => () =>
  ReadableStream.from([new TextEncoder().encode(text)]);
const sources = (inputs: string[], cwd: string): Promise<LogSource[]> =>
  Array.fromAsync(openSources(inputs, { cwd, stdin: stdin() }));

Deno.test("naturalOrder() counts, and is a total order", () => {
  deepEqual(["e-10.json", "e-9.json", "e-1.json"].sort(naturalOrder), ["e-1.json", "e-9.json", "e-10.json"]);
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => {
    equal(Math.sign(naturalOrder(a, b)), -Math.sign(naturalOrder(b, a)) + 0 || 0);
    equal(naturalOrder(a, b) === 0, a === b);
  }));
});

Deno.test("openSources() finds files, folders and what a glob matches, in natural order", () =>
  inFolder(async (folder) => {
    for (const name of ["a10.jsonl", "a2.jsonl", "b.txt", "sub/deep/1.json", ".hidden", "a[1].json"]) {
      await writeAtomic(join(folder, name), name);
    }
    const found = async (...inputs: string[]): Promise<string[]> =>
      (await sources(inputs, folder)).map(({ name }) => name);
    deepEqual(await found("b.txt", "a2.jsonl"), ["b.txt", "a2.jsonl"]);
    deepEqual(await found("*.jsonl"), ["a2.jsonl", "a10.jsonl"]);
    deepEqual(await found("**/*.json"), ["a[1].json", "sub/deep/1.json"]);
    deepEqual(await found("a[1].json"), ["a[1].json"]);
    deepEqual(await found(join(folder, "a1*.jsonl")), [join(folder, "a10.jsonl")]);
    const [top, deep, ...more] = await sources(["."], folder);
    deepEqual(top!.files!.map(({ name }) => name), ["a[1].json", "a2.jsonl", "a10.jsonl", "b.txt"]);
    deepEqual([deep!.name, deep!.files!.map(({ name }) => name)], ["sub/deep", ["sub/deep/1.json"]]);
    equal(more.length, 0);
    equal(await textOf(deep!.files![0]!), "sub/deep/1.json");
    equal(deep!.files![0]!.size, 15);
  }));

Deno.test("openSources() names path and reason of what cannot be read", () =>
  inFolder(async (folder) => {
    await writeAtomic(join(folder, "file"), "x");
    const cases: readonly (readonly [string, string])[] = [
      ["none.jsonl", 'Cannot read "none.jsonl": no such file or folder'],
      ["file/x.jsonl", 'Cannot read "file/x.jsonl": a part of the path is a file, not a folder'],
      ["*.jsonl", 'Cannot read "*.jsonl": no file matches'],
    ];
    for (const [input, message] of cases) {
      await rejects(sources([input], folder), { code: "FILE_ACCESS", message });
    }
    const [source] = await sources(["."], folder);
    await rejects(async () => await textOf(source!), {
      code: "FILE_ACCESS",
      message: 'Cannot read ".": it is a folder',
    });
  }));

Deno.test("openSources() reads standard input twice while its start is kept, and says when it is not", async () => {
  const open = async (text: string): Promise<LogSource> =>
    (await Array.fromAsync(openSources(["-"], { cwd: "/", stdin: stdin(text) })))[0]!;
  const small = await open("abc");
  for await (const _ of small.open()) break; // looked at
  deepEqual([await textOf(small), await textOf(small), small.size], ["abc", "abc", null]);
  const large = await open("x".repeat(5 * 1024 * 1024));
  equal((await textOf(large)).length, 5 * 1024 * 1024);
  await rejects(textOf(large), { message: 'Cannot read "-": it was already read and cannot be read twice' });
});

Deno.test("fileError() names the permission flag that is missing", () => {
  const lacking = new Deno.errors.NotCapable(
    'Requires read access to "/x", run again with the --allow-read flag',
  );
  const { code, message } = fileError("read", "/x", lacking);
  deepEqual([code, message], ["PERMISSION", 'Cannot read "/x": wanted permission --allow-read=/x']);
});

Deno.test("writeAtomic() replaces a file, follows links and leaves no temporary file", () =>
  inFolder(async (folder) => {
    const path = join(folder, "new/a.txt");
    await writeAtomic(path, "one");
    await writeAtomic(path, new TextEncoder().encode("two"));
    await Deno.symlink(path, join(folder, "link"));
    await writeAtomic(join(folder, "link"), "three");
    equal(await Deno.readTextFile(path), "three");
    equal((await Deno.lstat(join(folder, "link"))).isSymlink, true);
    deepEqual(namesIn(join(folder, "new")), ["a.txt"]);
  }));

Deno.test("writeAtomic() writes to a device instead of replacing it", async () => {
  await writeAtomic("/dev/null", "gone");
  equal((await Deno.stat("/dev/null")).isCharDevice, true);
});

Deno.test("writeAtomic() names path and reason of what cannot be written", () =>
  inFolder(async (folder) => {
    const file = join(folder, "file");
    await writeAtomic(file, "x");
    await rejects(writeAtomic(folder, "x"), {
      code: "FILE_ACCESS",
      message: `Cannot write "${folder}": it is a folder`,
    });
    await rejects(writeAtomic(join(file, "below"), "x"), (error: { code?: string; message: string }) => {
      equal(error.code, "FILE_ACCESS");
      equal(error.message.startsWith(`Cannot write "${join(file, "below")}": `), true);
      return true;
    });
    await rejects(writeAtomic("/proc/none/x", "x"), { code: "FILE_ACCESS" });
  }));

Deno.test("writeJsonl() streams rows and counts them", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.jsonl");
    const rows = Array.from({ length: 20_000 }, (_, index) => ({ index, text: "äöü\n" }));
    equal(await writeJsonl(path, rows), 20_000);
    deepEqual((await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line)), rows);
    equal(await writeJsonl(path, []), 0);
    equal(await Deno.readTextFile(path), "");
  }));

Deno.test("writeJsonl() keeps the old file and removes the temporary one when a row cannot be had", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.jsonl");
    await writeAtomic(path, "old");
    const failure = new Error("no more rows");
    let seen: string[] = [];
    async function* failing(): AsyncGenerator<unknown> {
      yield { text: "x".repeat(300_000) }; // more than the buffer: on disk before the failure
      seen = await Promise.resolve(namesIn(folder));
      throw failure;
    }
    await rejects(writeJsonl(path, failing()), failure);
    equal(seen.length, 2);
    deepEqual(namesIn(folder), ["a.jsonl"]);
    equal(await Deno.readTextFile(path), "old");
    await rejects(writeJsonl(path, [undefined]), {
      name: "TypeError",
      message: "Cannot write a line of JSON: wanted a JSON value: received undefined",
    });
  }));

Deno.test("JsonlAppender puts a file right that was cut anywhere, and loses only the torn line", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.jsonl");
    const rows = [{ a: 1 }, { b: "ü\n{" }, { c: [1, 2] }];
    const bytes = new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    for (let cut = 0; cut <= bytes.length; cut++) {
      await Deno.writeFile(path, bytes.subarray(0, cut));
      const ends = [...bytes.subarray(0, cut)].filter((byte) => byte === 10).length;
      const whole = bytes[cut] === 10 ? 1 : 0; // only the line end is missing
      await using appender = await JsonlAppender.open(path);
      equal(appender.repaired, cut > 0 && bytes[cut - 1] !== 10);
      await appender.append({ last: true });
      const read = (await Deno.readTextFile(path)).trimEnd().split("\n").map((line) => JSON.parse(line));
      deepEqual(read, [...rows.slice(0, ends + whole), { last: true }]);
    }
  }));

Deno.test("JsonlAppender finds the start of a torn line longer than a block", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.jsonl");
    await Deno.writeTextFile(path, `{"a":1}\n{"b":"${"x".repeat(200_000)}`);
    await using appender = await JsonlAppender.open(path);
    equal(appender.repaired, true);
    equal(await Deno.readTextFile(path), '{"a":1}\n');
  }));

Deno.test("JsonlAppender keeps the order of overlapping calls, makes folders and refuses a closed file", () =>
  inFolder(async (folder) => {
    const path = join(folder, "deep/a.jsonl");
    const appender = await JsonlAppender.open(path);
    const rows = Array.from({ length: 200 }, (_, index) => ({ index }));
    await Promise.all(rows.map((row) => appender.append(row)));
    await appender.close();
    await appender.close();
    deepEqual((await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line)), rows);
    await rejects(appender.append({}), {
      name: "TypeError",
      message: `Cannot append to "${path}": wanted an open file: received a closed one`,
    });
  }));

Deno.test("JsonlAppender names path and reason of what cannot be opened", () =>
  inFolder(async (folder) => {
    await rejects(JsonlAppender.open(folder), {
      code: "FILE_ACCESS",
      message: `Cannot write "${folder}": it is a folder`,
    });
  }));
