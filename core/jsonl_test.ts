import { deepEqual, equal, rejects } from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "./errors.ts";
import { parseJson, readJsonl, readLines } from "./jsonl.ts";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const stream = (...chunks: Uint8Array<ArrayBuffer>[]): ReadableStream<Uint8Array<ArrayBuffer>> =>
  ReadableStream.from(chunks);
const texts = async (source: ReadableStream<Uint8Array>, maxLineBytes?: number): Promise<string[]> => {
  const options = maxLineBytes === undefined ? { file: "a.jsonl" } : { file: "a.jsonl", maxLineBytes };
  return (await Array.fromAsync(readLines(source, options))).map(({ text }) => text);
};

function cut(whole: Uint8Array<ArrayBuffer>, cuts: readonly number[]): Uint8Array<ArrayBuffer>[] {
  const at = [...new Set([0, ...cuts.map((x) => x % (whole.length + 1)), whole.length])].sort((a, b) =>
    a - b
  );
  return at.slice(1).map((end, index) => whole.slice(at[index], end));
}

Deno.test("readLines() gives the same lines wherever the chunks are cut", async () => {
  const line = fc.string({ unit: "binary" }).map((text) => text.replaceAll(/[\n\r\0\uFEFF]/g, "."));
  await fc.assert(
    fc.asyncProperty(
      fc.array(line),
      fc.constantFrom("\n", "\r\n"),
      fc.array(fc.nat()),
      async (lines, end, cuts) => {
        const whole = bytes(lines.map((text) => text + end).join(""));
        deepEqual(await texts(stream(...cut(whole, cuts))), lines);
      },
    ),
  );
});

Deno.test("readLines() numbers lines, drops a byte order mark and tells an unended last line", async () => {
  const lines = await Array.fromAsync(readLines(stream(bytes("\uFEFFa\n\nb")), { file: "a" }));
  deepEqual(lines, [
    { line: 1, text: "a", ended: true },
    { line: 2, text: "", ended: true },
    { line: 3, text: "b", ended: false },
  ]);
});

Deno.test("readLines() keeps a byte order mark that is not at the start", async () => {
  deepEqual(await texts(stream(bytes("a\n\uFEFFb\n"))), ["a", "\uFEFFb"]);
});

Deno.test("readLines() stops at a line of 200 MB without holding it", async () => {
  const chunk = new Uint8Array(1 << 20).fill(0x61);
  let given = 0;
  const huge = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => given++ < 200 ? controller.enqueue(chunk) : controller.close(),
  });
  await rejects(texts(huge), {
    code: "LIMIT_EXCEEDED",
    message: "Cannot read a.jsonl:1: wanted a line of at most 67108864 bytes: received a longer one",
  });
  equal(given <= 66, true);
});

Deno.test("readLines() takes a line of exactly the limit and refuses one byte more", async () => {
  deepEqual(await texts(stream(bytes("abc\n")), 3), ["abc"]);
  await rejects(texts(stream(bytes("x\nabcd\n")), 3), {
    message: "Cannot read a.jsonl:2: wanted a line of at most 3 bytes: received a longer one",
  });
});

Deno.test("readLines() refuses binary data", async () => {
  await rejects(texts(stream(bytes("ok\n"), new Uint8Array([0x50, 0x4b, 3, 4, 0, 0]))), {
    code: "INVALID_DATA",
    message: "Cannot read a.jsonl:2: wanted UTF-8 text: received binary data (a zero byte)",
  });
  await rejects(texts(stream(new Uint8Array([0x89, 0x50, 0xff, 0x0a]))), {
    message: "Cannot read a.jsonl:1: wanted UTF-8 text: received bytes that are not UTF-8",
  });
});

Deno.test("readLines() keeps a replacement character that the file holds", async () => {
  deepEqual(await texts(stream(bytes("a\uFFFDb\n"))), ["a\uFFFDb"]);
});

Deno.test("readLines() gives the lines before a bad one in the same chunk", async () => {
  const seen: string[] = [];
  const read = async (): Promise<void> => {
    for await (const { text } of readLines(stream(bytes("a\nb\n\0\n")), { file: "a" })) seen.push(text);
  };
  await rejects(read(), {
    message: "Cannot read a:3: wanted UTF-8 text: received binary data (a zero byte)",
  });
  deepEqual(seen, ["a", "b"]);
});

Deno.test("readLines() cancels the stream when the caller stops", async () => {
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => controller.enqueue(bytes("line\n")),
    cancel: () => void (cancelled = true),
  });
  for await (const _ of readLines(endless, { file: "a" })) break;
  equal(cancelled, true);
});

Deno.test("readJsonl() round-trips values and skips blank lines", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), async (values) => {
      const text = values.map((value) => `${JSON.stringify(value)}\n \n`).join("");
      const read = await Array.fromAsync(readJsonl(stream(bytes(text)), { file: "a" }));
      deepEqual(read.map(({ value }) => JSON.stringify(value)), values.map((value) => JSON.stringify(value)));
      deepEqual(read.map(({ line }) => line), values.map((_, index) => 2 * index + 1));
    }),
  );
});

Deno.test("readJsonl() names file and line of a line that is not JSON", async () => {
  const read = Array.fromAsync(readJsonl(stream(bytes('{"a":1}\n{"a":tru\n')), { file: "runs/a.jsonl" }));
  await rejects(read, (error: Error) => {
    equal(hasCode(error, "INVALID_DATA"), true);
    equal(
      error.message,
      'Cannot read runs/a.jsonl:2: wanted JSON: received "{\\"a\\":tru": Unexpected end of JSON input',
    );
    return true;
  });
});

Deno.test("parseJson() names the line inside a text of several lines", () => {
  try {
    parseJson('{\n "a": 1,\n b}', { file: "a.json", line: 10 });
    throw new Error("parsed");
  } catch (thrown) {
    deepEqual((thrown as { data?: unknown }).data, { file: "a.json", line: 12 });
  }
});
