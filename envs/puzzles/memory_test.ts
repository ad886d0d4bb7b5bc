import assert from "node:assert/strict";
import type { Env } from "../../core/env.ts";
import { policy } from "../../core/policy.ts";
import { rollout } from "../../core/rollout.ts";
import type { Task } from "../../core/trajectory.ts";
import { always, gym, played, returnOf, text } from "./_testing_test.ts";
import { memoryBuffer, type MemoryOptions } from "./memory.ts";
import type { MemoryInstance } from "./memory_instance.ts";
import { bm25, type Entry, readQuery, search, victimOf } from "./memory_store.ts";

const ID = "llm-gym/memory-buffer-v1";
const made = (options: MemoryOptions = {}): Promise<Env> => gym.make(memoryBuffer, options);

const fact = (value: string) => ({ entity: "Kim", attribute: "city", value, topic: "travel" });
const puzzle: MemoryInstance = {
  messages: [{ fact: fact("Oslo"), update: false }, { chat: "Nice weather" }, {
    fact: fact("Lima"),
    update: true,
  }],
  questions: [
    { kind: "latest", text: "What is Kim's city?", compact: "Kim city?", answer: "Lima", stale: ["Oslo"] },
    { kind: "count", text: "How many?", compact: "count travel?", answer: "2", stale: [] },
  ],
  capacity: 2,
  eviction: "lru",
  difficulty: 0.2,
  before: { entries: [], past: [], time: 0, episode: 0 },
};
const task: Task = { id: "kim", description: "", puzzle: JSON.parse(JSON.stringify(puzzle)) };

Deno.test("memory lets one message pass a call, then asks", async () => {
  await using env = await made();
  const first = await env.reset({ task });
  assert.match(
    first.observation,
    /^Message 1 of 3: Kim's city is Oslo \(topic travel\)\nMemory: 0 of 2 entries$/m,
  );
  const early = await env.step(text("ANSWER Oslo"));
  assert.match(early.observation, /^ERROR NO_QUESTION: no question was asked yet\. .*\nMessage 1 of 3/m);
  const stored = await env.step(text("store [topic: trips] [time: 9] Kim lives in Oslo"));
  assert.match(stored.observation, /\nSTORED 1\nMessage 2 of 3: Nice weather\n/);
  const missed = await env.step({ tool: "retrieve", params: { query: "weather" } });
  assert.match(
    missed.observation,
    /\nFOUND nothing\nMessage 3 of 3: Kim's city is now Lima \(topic travel\)\n/,
  );
  const found = await env.step({ tool: "retrieve", params: { query: "where does Kim live topic:trips" } });
  assert.match(
    found.observation,
    /\n#1 \[trips\] t=9: Kim lives in Oslo\nQuestion 1 of 2: What is Kim's city\?\n/,
  );
  assert.deepEqual([early.reward, stored.reward, missed.reward, found.reward], [-0.1, 0.02, 0, 0]);
});

Deno.test("memory pays by answer: right, wrong, out of date", async () => {
  await using env = await made({ compact: true });
  for (
    const [answers, rewards, success] of [
      [["lima.", "2"], [0.5, 0.5 + 0.1 * (1 - 5 / 15)], true],
      [["Oslo", "2"], [-0.35, 0.5], false],
      [["Lima Oslo", "two"], [-0.25, -0.25], false],
    ] as const
  ) {
    assert.equal((await env.reset({ task })).observation, "travel: Kim city Oslo");
    for (let pass = 0; pass < 3; pass++) await env.step(text("R pass"));
    const came = [await env.step(text(answers[0])), await env.step(text(answers[1]))];
    assert.deepEqual(came.map(({ reward }) => reward), rewards.map((reward) => Number(reward.toFixed(9))));
    assert.deepEqual([came[1]!.terminated, came[1]!.info.success], [true, success]);
  }
});

Deno.test("memory pays for new facts, and charges for small talk, repeats and many retrievals", async () => {
  await using env = await made({ compact: true });
  await env.reset({ task });
  const rewards: number[] = [];
  const say = async (said: string) => rewards.push((await env.step(text(said))).reward);
  for (const said of ["S Kim: Oslo", "S Nice weather", "S Kim: Oslo", "R Kim", "R Kim", "R Kim", "R Kim"]) {
    await say(said);
  }
  assert.deepEqual(rewards, [0.02, -0.02, -0.02, 0, 0, 0, -0.01]);
});

Deno.test("memory evicts by rule and says so", async () => {
  const entry = (id: number, uses: number, touched: number): Entry => ({
    id,
    topic: "",
    time: id,
    text: "x",
    episode: 0,
    uses,
    touched,
  });
  const entries = [entry(1, 2, 9), entry(2, 1, 8), entry(3, 0, 10)];
  assert.deepEqual((["lru", "fifo", "least_used"] as const).map((rule) => victimOf(entries, rule).id), [
    2,
    1,
    3,
  ]);
  await using env = await made();
  await env.reset({ task });
  await env.step(text("STORE one"));
  await env.step(text("STORE two"));
  await env.step(text("RETRIEVE one"));
  assert.match((await env.step(text("STORE three"))).observation, /\nEVICTED 2 STORED 3\n/);
});

Deno.test("bm25() gives the values of its formula", () => {
  const scores = bm25([["kim", "oslo"], ["lee", "lima", "lima", "rain"], []], ["lima", "kim"]);
  const idf = Math.log(1 + 2.5 / 1.5);
  const value = (tf: number, length: number) => idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length / 2));
  assert.deepEqual(scores, [value(1, 2), value(2, 4), 0]);
});

Deno.test("search() filters by topic and time, newest first among equals", () => {
  const entries = ["a", "b", "a", "a", "a"].map((topic, time): Entry => ({
    id: time + 1,
    topic,
    time,
    text: "Kim",
    episode: 0,
    uses: 0,
    touched: 0,
  }));
  const found = (query: string) => search(entries, readQuery(query), 3).map(({ time }) => time);
  assert.deepEqual(found("topic:a"), [4, 3, 2]);
  assert.deepEqual(found("topic:A before:3"), [2, 0]);
  assert.deepEqual(found("Kim's after:1 before:4 topic:a"), [3, 2]);
  assert.deepEqual(found("nobody"), []);
});

Deno.test("memory that persists answers questions about earlier episodes, and a task plays such an episode again", async () => {
  const options = { persist: true, difficulty: 1, memorySize: 10_000 };
  const all = await played(ID, options, "llm-gym/memory-solver-v1", 12);
  assert.ok(all.every(({ outcome }) => outcome.success === true));
  const kinds = all.flatMap(({ task }) =>
    (task["puzzle"] as unknown as MemoryInstance).questions.map(({ kind }) => kind)
  );
  assert.ok(kinds.includes("cross_episode"));
  assert.ok(kinds.includes("temporal") && kinds.includes("count") && kinds.includes("recall"));
  const at = all.findIndex(({ task }) =>
    (task["puzzle"] as unknown as MemoryInstance).questions.some(({ kind }) => kind === "cross_episode")
  );
  await using fresh = await made({ difficulty: 0 });
  const again = await rollout(fresh, await gym.make(policy, "llm-gym/memory-solver-v1"), {
    task: JSON.parse(JSON.stringify(all[at]!.task)),
  });
  assert.deepEqual(
    again.steps.map(({ result }) => result.output),
    all[at]!.steps.map(({ result }) => result.output),
  );
});

Deno.test("memory forgets between episodes unless told to persist, and when a task says so", async () => {
  for (
    const [persist, clearMemory, kept] of [[false, false, 0], [true, true, 0], [true, false, 1]] as const
  ) {
    await using env = await made({ persist });
    await env.reset({ seed: 1n });
    await env.step(text("STORE anything"));
    const { observation } = await env.reset({ seed: 2n, task: { id: "x", description: "", clearMemory } });
    assert.match(observation, new RegExp(`^Memory: ${kept} of 100 entries$`, "m"));
  }
});

Deno.test("memory pays nothing for hoarding", async () => {
  for (const one of await played(ID, {}, always(text("STORE everything Kim Lee Ann Oslo Lima rice")), 20)) {
    assert.deepEqual([one.outcome.success, one.outcome.reason], [false, "max_steps"]);
    assert.ok(returnOf(one) <= 0);
  }
});
