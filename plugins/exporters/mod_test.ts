import assert from "node:assert/strict";
import { hasCode } from "../../core/errors.ts";
import { exporter } from "../../core/exporter.ts";
import { createKernel } from "../../core/kernel.ts";
import { collect } from "./_collect.ts";
import exporters from "./mod.ts";

const kernel = createKernel({ plugins: [exporters] });

Deno.test("every exporter gives no rows and a report for no trajectories", async () => {
  for (const { contribution } of kernel.list(exporter)) {
    assert.deepEqual(await collect(contribution.id, []), {
      rows: [],
      report: { read: 0, rows: 0, skipped: {} },
    }, contribution.id);
  }
});

Deno.test("every exporter has a short name of its own", async () => {
  const entries = kernel.list(exporter);
  const names = await Promise.all(
    entries.map(async ({ contribution }) => (await kernel.make(exporter, contribution.id)).name),
  );
  assert.deepEqual([...new Set(names)], names);
  assert.deepEqual(names, ["dpo", "grpo", "knowlyr-dpo", "knowlyr-grpo", "knowlyr", "knowlyr-sft", "sft"]);
});

Deno.test("an exporter refuses options it does not know", async () => {
  await assert.rejects(kernel.make(exporter, "knowlyr/dpo-v1", { minmargin: 0 }), (thrown: Error) => {
    assert.ok(hasCode(thrown, "INVALID_OPTIONS"));
    assert.equal(
      thrown.message,
      'Cannot use options of exporter "knowlyr/dpo-v1": minmargin: unknown field: did you mean "minMargin"?',
    );
    return true;
  });
});
