import { createKernel, domain, env, rubric } from "@knowlyr/gym";
import { assertConforms, checkEnv, checkPlugin, checkRubric } from "@knowlyr/gym/testing";
import assert from "node:assert/strict";
import plugin, { decisive, supportDesk, supportDomain } from "./mod.ts";

const gym = createKernel({ plugins: [plugin] });

Deno.test("the plugin passes its kit", async () => {
  assertConforms(await checkPlugin(plugin));
});

Deno.test("the environment passes its kit", async () => {
  assertConforms(await checkEnv(() => gym.make(supportDesk, { tickets: 3 })));
});

Deno.test("the rubric passes its kit", async () => {
  assertConforms(await checkRubric(await gym.make(decisive, {})));
});

Deno.test("the domain knows which call ends an episode and what a call touches", async () => {
  const support = await gym.make(supportDomain, {});
  assert.equal(support.tool("close_shift")?.terminal, true);
  assert.equal(support.target({ tool: "open_ticket", params: { id: 4 } }), "4");
});

Deno.test("everything is found by id", async () => {
  assert.equal((await gym.make(rubric, "acme/decisive")).name, "decisive");
  assert.equal((await gym.make(domain, "acme/support-v1")).profile.name, "support");
  await using queue = await gym.make(env, "acme/support-desk");
  assert.equal(queue.domain, "support");
});
