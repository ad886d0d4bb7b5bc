import assert from "node:assert/strict";
import { join } from "node:path";
import { DataRows, findData } from "./_data_files.ts";

async function withFiles(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(folder, "set"));
    await Deno.writeTextFile(join(folder, "set/a.jsonl"), '\n{"n":0}\n{"n":1}\n\n\n{"n":2}\n');
    await Deno.writeTextFile(join(folder, "set/b.jsonl"), '{"n":3}\n');
    await Deno.writeTextFile(join(folder, "c.jsonl"), '\n{"n":4}');
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
const stdin = () => new Blob([]).stream();

Deno.test("DataRows reads files as one and knows where each row stands, blank lines counted", () =>
  withFiles(async (cwd) => {
    const files = await findData(["set", "c.jsonl"], { cwd, stdin });
    assert.deepEqual(files.map(({ name }) => name), ["set/a.jsonl", "set/b.jsonl", "c.jsonl"]);
    assert.ok(files.every(({ name, path }) => path === join(cwd, name)));
    const read = new DataRows(files);
    for (let pass = 0; pass < 2; pass++) {
      assert.deepEqual(await Array.fromAsync(read.rows()), [0, 1, 2, 3, 4].map((n) => ({ n })));
      assert.equal(read.count, 5);
    }
    assert.deepEqual([0, 1, 2, 3, 4].map((row) => Object.values(read.place(row)).join(":")), [
      "set/a.jsonl:2",
      "set/a.jsonl:3",
      "set/a.jsonl:6",
      "set/b.jsonl:1",
      "c.jsonl:2",
    ]);
  }));

Deno.test("DataRows knows the place of a row as soon as it is given out", () =>
  withFiles(async (cwd) => {
    const read = new DataRows(await findData(["set/*.jsonl"], { cwd, stdin }));
    const lines: number[] = [];
    let row = 0;
    for await (const _ of read.rows()) lines.push(read.place(row++).line);
    assert.deepEqual(lines, [2, 3, 6, 1]);
  }));

Deno.test("findData() refuses standard input and what is not there", () =>
  withFiles(async (cwd) => {
    await assert.rejects(findData(["c.jsonl", "-"], { cwd, stdin }), {
      code: "INVALID_OPTIONS",
      message:
        "Cannot read data from standard input: wanted files: data are read more than once, and again on resume",
    });
    await assert.rejects(findData(["d.jsonl"], { cwd, stdin }), {
      code: "FILE_ACCESS",
      message: 'Cannot read "d.jsonl": no such file or folder',
    });
  }));
