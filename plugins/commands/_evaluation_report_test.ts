import assert from "node:assert/strict";
import { join } from "node:path";
import { readEvaluationReport } from "./_evaluation_report.ts";

async function read(contents: string): Promise<Record<string, boolean>> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(folder, "report.json"), contents);
    return Object.fromEntries(await readEvaluationReport("report.json", folder));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("readEvaluationReport() reads a summary: what was run and not resolved failed", async () => {
  const report = { resolved_ids: ["a"], submitted_ids: ["a", "b"], error_ids: ["c"], total_instances: 3 };
  assert.deepEqual(await read(JSON.stringify(report)), { a: true, b: false, c: false });
});

Deno.test("readEvaluationReport() reads ids with verdicts, plain or as records", async () => {
  assert.deepEqual(await read('{"a": true, "b": {"resolved": false, "tests": 3}}'), { a: true, b: false });
});

Deno.test("readEvaluationReport() refuses what is no report", async () => {
  await assert.rejects(read('{"a": "yes"}'), {
    code: "INVALID_DATA",
    message:
      'Cannot read evaluation report report.json: wanted resolved_ids, or ids with true or false: a: expected true, false or a record with resolved: received "yes"',
  });
  await assert.rejects(read("no"), { code: "INVALID_DATA" });
  await assert.rejects(readEvaluationReport("missing.json", "/"), {
    code: "FILE_ACCESS",
    message: 'Cannot read "missing.json": no such file or folder',
  });
});
