/**
 * Run as a process by `jsr_test.ts`: this copy of the library hosts a plugin that was built against another copy.
 */
import {
  builtins,
  createKernel,
  env,
  hasCode,
  loadPlugin,
  makeEnv,
  rollout,
  rubric,
  scoreTrajectory,
} from "../../mod.ts";
import { domainOf, policy } from "../../mod.ts";

const plugin = await loadPlugin("jsr:@acme/support-desk@^0.1", { cwd: Deno.cwd() });
const gym = createKernel({ plugins: [...builtins, plugin] });
const actions = [
  { tool: "read_ticket", params: { id: 1 } },
  { tool: "read_ticket", params: { id: 1 } },
  { tool: "route", params: { id: 1, team: "billing" } },
  { tool: "route", params: { id: 2, team: "billing" } },
];
await using queue = await makeEnv(gym, {
  id: "acme/support-desk-v1",
  options: { tickets: 2 },
  wrappers: [{ id: "knowlyr/max-steps-v1", options: { steps: 10 } }],
});
const actor = await gym.make(policy, "knowlyr/scripted-v1", { actions });
const trajectory = await rollout(queue, actor, { seed: 7n, now: () => 0 });
const scored = await scoreTrajectory(trajectory, {
  rubrics: [await gym.make(rubric, "acme/decisive"), await gym.make(rubric, "knowlyr/non-redundancy")],
  domain: await domainOf(gym, trajectory),
});

let code = "";
try {
  await queue.step(actions[0]!);
} catch (thrown) {
  code = hasCode(thrown, "ENV_STATE") ? "ENV_STATE" : String(thrown);
}
let options = "";
try {
  await gym.make(env, "acme/support-desk-v1", { tickets: "two" });
} catch (thrown) {
  options = String((thrown as Error).message);
}
console.log(JSON.stringify({
  domain: scored.domain,
  steps: scored.steps.length,
  decisive: scored.steps.map((step) =>
    step.scores.find((score) => score.rubric === "acme/decisive-v1")?.value
  ),
  refersTo: scored.steps[1]?.scores[0]?.refersTo,
  terminated: scored.outcome.terminated,
  code,
  options,
}));
