import assert from "node:assert/strict";
import { join } from "node:path";
import { readTasks } from "./_tasks.ts";
import { inFolder } from "./_testing_test.ts";

const stdin = (): ReadableStream<Uint8Array<ArrayBuffer>> => new Blob([]).stream();

/** Ids or the message of reading one file. */
async function outcome(name: string, text: string): Promise<unknown> {
  let seen: unknown;
  await inFolder(async (cwd) => {
    await Deno.writeTextFile(join(cwd, name), text);
    seen = await readTasks([name], { cwd, stdin }).then(
      (tasks) => tasks.map(({ id }) => id),
      (thrown) => thrown.message,
    );
  });
  return seen;
}

const CASES: readonly (readonly [string, string, string, unknown])[] = [
  ["one task", "t.yaml", "id: a\ndescription: A\n", ["a"]],
  ["a list", "t.yml", "tasks:\n  - {id: a, description: A}\n  - {id: b, description: B}\n", ["a", "b"]],
  ["lines", "t.jsonl", '{"id":"a","description":"A"}\n\n{"id":"b","description":"B"}\n', ["a", "b"]],
  [
    "a wrong type",
    "t.yaml",
    "id: 7\ndescription: A\n",
    "Cannot read tasks: t.yaml:1:1: id: expected string: received 7",
  ],
  [
    "a missing field in a list",
    "t.yaml",
    "tasks:\n  - id: a\n    description: A\n  - id: b\n",
    "Cannot read tasks: t.yaml:4:5: tasks.1.description: expected string: received nothing",
  ],
  [
    "a wrong line",
    "t.jsonl",
    '{"id":"a","description":"A"}\n{"id":"b"}\n',
    "Cannot read tasks: t.jsonl:2: description: expected string: received nothing",
  ],
  [
    "an id twice",
    "t.jsonl",
    '{"id":"a","description":"A"}\n{"id":"a","description":"B"}\n',
    'Cannot read tasks of t.jsonl: wanted an id of its own for every task: received "a", which t.jsonl has too',
  ],
];

for (const [what, name, text, wanted] of CASES) {
  Deno.test(`readTasks() reads ${what}`, async () => assert.deepEqual(await outcome(name, text), wanted));
}

Deno.test("readTasks() says which file is not there", () =>
  inFolder(async (cwd) => {
    await assert.rejects(readTasks(["gone.yaml"], { cwd, stdin }), {
      code: "FILE_ACCESS",
      message: 'Cannot read "gone.yaml": no such file or folder',
    });
  }));
