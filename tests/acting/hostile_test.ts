/** Policies that write rubbish, in every environment: each episode ends, in time, as a record that can be read. */
import assert from "node:assert/strict";
import { type Env, env } from "../../core/env.ts";
import { createKernel } from "../../core/kernel.ts";
import { jsonProblem } from "../../core/json_problem.ts";
import type { Policy } from "../../core/policy.ts";
import { rollout } from "../../core/rollout.ts";
import type { Action, Trajectory } from "../../core/trajectory.ts";
import { parseTrajectory } from "../../core/trajectory_schema.ts";
import envs from "../../envs/mod.ts";
import { type ChatCodec, loadChatCodec, TOOL_CALL_FORMS } from "../../plugins/chat/mod.ts";
import { ActingModel } from "../../plugins/models/generation/acting_model.ts";
import type { GenerateRequest, Generation, Generator } from "../../plugins/models/generation/generator.ts";
import { initModel } from "../../plugins/models/init.ts";
import runtimes from "../../plugins/runtimes/mod.ts";
import { ACTIONS, deepParams, TEXTS } from "./_hostile.ts";

const gym = createKernel({ plugins: [envs, runtimes] });
const STEPS = 4;

/** Every environment in each of its forms. */
const PLACES: readonly (readonly [id: string, options: Readonly<Record<string, unknown>>])[] = [
  ["knowlyr/sandbox-v1", { toolTimeoutMs: 5000 }],
  ...["knowlyr/lookup-v1", "llm-gym/logic-puzzle-v1", "llm-gym/memory-buffer-v1", "llm-gym/meta-reasoning-v1"]
    .flatMap((id) => [false, true].map((compact) => [id, { compact }] as const)),
];

let loading: Promise<ChatCodec> | undefined;

/** The codec of models that `initModel` makes: tokens are bytes. */
function codec(): Promise<ChatCodec> {
  return loading ??= (async () => {
    const folder = await Deno.makeTempDir();
    try {
      await initModel(folder, { seed: 1n });
      return await loadChatCodec(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  })();
}

/** A policy that acts as a local model does, whose model always writes `text`. */
async function writing(text: string): Promise<Policy> {
  const shared = await codec();
  const ids = shared.tokenizer.encode(text);
  const generate = ({ maxNewTokens, stopIds = [] }: GenerateRequest): Promise<Generation> => {
    const stop = ids.findIndex((id) => stopIds.includes(id));
    const made = ids.slice(0, Math.min(stop < 0 ? Infinity : stop + 1, maxNewTokens));
    const reason = stop >= 0 && made.length === stop + 1 ? "stop" : "length";
    const none = new Float32Array(made.length);
    return Promise.resolve({ ids: made, logProbabilities: none, drawnLogProbabilities: none, reason });
  };
  // Sound: this is all that acting needs of a generator.
  const generator = { maxLength: 2 ** 22, generate } as unknown as Generator;
  return new ActingModel({ codec: shared, generator }, {
    tools: true,
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    maxNewTokens: 2 ** 20,
    stop: [],
  }, "hostile");
}

function doing(action: Action): Policy {
  return { name: "hostile", model: null, act: () => ({ action }) };
}

/** One episode. It must end without an error, short, and as a record that is the same after it was written and read. */
async function bears(place: Env, policy: Policy, what: string): Promise<Trajectory> {
  const played = await rollout(place, policy, { maxSteps: STEPS, now: () => 0 });
  const { outcome, steps } = played;
  assert.equal(outcome.error, null, what);
  assert.notEqual(outcome.success, true, what);
  assert.ok(outcome.terminated === true || outcome.truncated === true, what);
  assert.ok(steps.length >= 1 && steps.length <= STEPS, what);
  const line = JSON.stringify(played);
  const read = parseTrajectory(JSON.parse(new TextDecoder().decode(new TextEncoder().encode(line))));
  assert.deepEqual(read, played, what);
  for (const { result } of steps) {
    assert.ok(result.output.length < 50_000, `${what}: shown ${result.output.length} characters`);
    assert.ok((result.error ?? "").length < 50_000, `${what}: said ${result.error?.length} characters`);
  }
  return played;
}

for (const [id, options] of PLACES) {
  const name = `${id} ${JSON.stringify(options)}`;
  const sandboxed = id === "knowlyr/sandbox-v1";

  Deno.test(`${name} bears every hostile text of a model`, async () => {
    await using place = await gym.make(env, id, options);
    for (const [what, text] of Object.entries(TEXTS)) {
      const { steps, outcome } = await bears(place, await writing(text), what);
      if (sandboxed) {
        assert.deepEqual([steps.length, outcome.reason], [STEPS, "max_steps"], what);
        for (const { result } of steps) {
          assert.match(result.output, /^Error: Cannot (?:call tool|go on)/, what);
        }
      }
    }
  });

  Deno.test(`${name} bears every hostile action`, async () => {
    await using place = await gym.make(env, id, options);
    for (const [what, action] of Object.entries(ACTIONS)) await bears(place, doing(action), what);
  });
}

/** Texts that begin something in each form and never end it, so that a parser might look at their rest again and again. */
const BEGINNINGS: readonly string[] = [
  '<tool_call>{"name": "f", "arguments": {"a": "',
  '[TOOL_CALLS] [{"name": "f"',
  "[TOOL_CALLS]f[ARGS]{",
  "<function=f><parameter=a>",
  "<function=f>",
  '<|python_tag|>{"name": "f", ',
  '{"name": "f", "parameters": ',
  "Action: f\nAction Input: {",
  "Action:\n",
  "<|channel|>commentary to=functions.f",
  "<|channel|>analysis<|message|>",
  "<|start|>assistant",
  "<think>\n",
  "to=a",
  " to=",
  '\\"',
  '"\\',
  "\n",
  " ",
];

for (const [name, form] of Object.entries(TOOL_CALL_FORMS)) {
  Deno.test(`the form ${name} reads every hostile text without throwing, into calls that a record can hold`, () => {
    const texts = [...Object.values(TEXTS), ...BEGINNINGS.map((beginning) => beginning.repeat(80_000))];
    const mixed = BEGINNINGS.flatMap((a) => BEGINNINGS.map((b) => (a + b).repeat(500)));
    for (const text of [...texts, ...mixed]) {
      const start = performance.now();
      const { calls, content, thought } = form.parse(text);
      // A tenth of a second where time is in proportion to the text, and a minute where it is to its square.
      assert.ok(performance.now() - start < 10_000, `too long for ${text.slice(0, 60)}`);
      for (const { name, arguments: given } of calls) {
        assert.equal(typeof name, "string");
        if (typeof given !== "string") assert.equal(jsonProblem(given, 100), null);
      }
      assert.ok(content.length + (thought?.length ?? 0) <= text.length + 10);
    }
  });
}

for (const depth of [300, 3_000, 300_000]) {
  Deno.test(`an action nested ${depth} deep ends the episode, and the record of it can be read`, async () => {
    for (const [id, options] of PLACES) {
      await using place = await gym.make(env, id, options);
      const deep = doing({ tool: "answer", params: deepParams(depth) });
      const played = await rollout(place, deep, { maxSteps: STEPS, now: () => 0 });
      assert.deepEqual(parseTrajectory(JSON.parse(JSON.stringify(played))), played, id);
    }
  });
}

/** What can be said again and again without an end, in both forms. */
const LOOPS: readonly (readonly [id: string, options: Readonly<Record<string, unknown>>, Action])[] = [
  ["knowlyr/sandbox-v1", {}, { tool: "list_dir", params: {} }],
  ["knowlyr/lookup-v1", { questions: 50 }, { tool: "answer", params: { value: "7" } }],
  ["llm-gym/logic-puzzle-v1", {}, { tool: "query", params: { question: "premises" } }],
  ["llm-gym/memory-buffer-v1", {}, { tool: "retrieve", params: { query: "what" } }],
  ["llm-gym/memory-buffer-v1", {}, { tool: "store", params: { content: "the same again" } }],
  ["llm-gym/meta-reasoning-v1", {}, { tool: "think", params: { reasoning: "once more" } }],
  ["llm-gym/logic-puzzle-v1", { compact: true }, { tool: "", params: {}, raw: "query premises" }],
  ["llm-gym/memory-buffer-v1", { compact: true }, { tool: "", params: {}, raw: "retrieve what" }],
  ["llm-gym/meta-reasoning-v1", { compact: true }, { tool: "", params: {}, raw: "think once more" }],
];
for (const [id, options, action] of LOOPS) {
  Deno.test(`${id} ${JSON.stringify(options)} ends for an agent that loops with ${JSON.stringify(action)}, and pays nothing for it`, async () => {
    await using place = await gym.make(env, id, options);
    const played = await rollout(place, doing(action), { maxSteps: 1000, now: () => 0 });
    const { outcome, steps } = played;
    assert.deepEqual([outcome.error, outcome.success === true], [null, false]);
    assert.ok(outcome.terminated === true || outcome.truncated === true);
    assert.ok(steps.length < 1000 || id === "knowlyr/sandbox-v1", `${steps.length} steps`);
    assert.ok(steps.length > 3, outcome.reason ?? "");
    assert.ok(steps.every(({ extra }) => extra?.["invalid"] !== true), "it loops with what is understood");
    assert.ok(steps.reduce((sum, { reward }) => sum + reward!, 0) <= 0.3);
  });
}
