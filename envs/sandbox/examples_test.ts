import assert from "node:assert/strict";
import { parse } from "yaml";
import { createKernel } from "../../core/kernel.ts";
import type { Action, Task } from "../../core/trajectory.ts";
import runtimes from "../../plugins/runtimes/mod.ts";
import { sandbox } from "./sandbox.ts";

const folder = new URL("../../examples/tasks/", import.meta.url);
const kernel = createKernel({ plugins: [runtimes] });
const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).filter((name) =>
  name.endsWith(".yaml")
).sort();

Deno.test("the examples are five tasks with distinct ids", () => {
  const ids = new Set(names.map((name) => (read(name)).id));
  assert.equal(names.length, 5);
  assert.equal(ids.size, 5);
});

for (const name of names) {
  Deno.test(`the expert solves ${name}, and doing nothing does not`, async () => {
    const task = read(name);
    await using env = await kernel.make(sandbox, {});
    await env.reset({ task });
    const idle = await env.step({ tool: "submit", params: {} });
    assert.equal(idle.info.success, false, idle.observation);
    assert.ok((idle.info.testsFailed ?? 0) > 0);
    await env.reset({ task });
    const actions = task["solution"] as unknown as readonly (Action & { thought: string })[];
    for (const [index, { tool, params, thought }] of actions.entries()) {
      assert.ok(thought.length > 0);
      const step = await env.step({ tool, params });
      assert.equal(step.info.invalid, undefined, step.observation);
      assert.equal(step.terminated, index === actions.length - 1);
      if (step.terminated) assert.equal(step.info.success, true, step.observation);
    }
  });
}

function read(name: string): Task {
  return parse(Deno.readTextFileSync(new URL(name, folder))) as Task;
}
