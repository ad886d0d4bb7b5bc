import assert from "node:assert/strict";
import fc from "fast-check";
import { type Trajectory, unknownOutcome } from "../../core/trajectory.ts";
import { sampleStep, sampleTrajectory } from "../chat/_sample.ts";
import { collect } from "./_collect.ts";

/** An episode that reads these paths. */
function episode(
  id: string,
  reward: number | null,
  paths: readonly string[],
  given: Partial<Trajectory> = {},
) {
  const steps = paths.map((path, index) =>
    sampleStep(index, {
      thought: "",
      action: { tool: "read_file", params: { path }, callId: `${id}-${index}` },
      result: { ...sampleStep(index).result, output: `text of ${path}` },
    })
  );
  return sampleTrajectory({ id, reward, steps, system: null, tools: null, ...given });
}

const pairIds = async (trajectories: readonly Trajectory[], options: unknown = {}) =>
  (await collect("knowlyr/dpo", trajectories, options)).rows.map((row) =>
    `${row["chosen_id"]}>${row["rejected_id"]}`
  );

const read = (index: number, path: string) => [
  {
    role: "assistant",
    content: "",
    tool_calls: [{
      id: `call0000${index}`,
      type: "function",
      function: { name: "read_file", arguments: { path } },
    }],
  },
  { role: "tool", content: `text of ${path}`, name: "read_file", tool_call_id: `call0000${index}` },
];

Deno.test("dpo begins chosen and rejected where they part", async () => {
  const trajectories = [
    episode("bad", 0.25, ["a", "b", "c"], {
      outcome: { ...unknownOutcome, success: false, source: "tests" },
    }),
    episode("good", 1, ["a", "d"], { outcome: { ...unknownOutcome, success: true, source: "tests" } }),
  ];
  assert.deepEqual(await collect("knowlyr/dpo", trajectories), {
    rows: [{
      prompt: [{ role: "user", content: "Fix the sort" }, ...read(0, "a")],
      chosen: read(1, "d"),
      rejected: [...read(1, "b"), ...read(2, "c")],
      tools: null,
      task_id: "t1",
      chosen_id: "good",
      rejected_id: "bad",
      chosen_reward: 1,
      rejected_reward: 0.25,
      margin: 0.75,
      divergence_turn: 1,
      rationale: "reward 1.000 over 0.250, margin 0.750; 1 fewer step; success over failure",
    }],
    report: { read: 2, rows: 1, skipped: {} },
  });
});

Deno.test("dpo leaves both sides a turn when one episode is the beginning of the other", async () => {
  const { rows } = await collect("knowlyr/dpo", [episode("long", 0, ["a", "b"]), episode("short", 1, ["a"])]);
  assert.deepEqual(rows[0]!["prompt"], [{ role: "user", content: "Fix the sort" }]);
  assert.deepEqual(rows[0]!["chosen"], read(0, "a"));
  assert.deepEqual(rows[0]!["rejected"], [...read(0, "a"), ...read(1, "b")]);
  assert.equal(rows[0]!["divergence_turn"], 0);
});

Deno.test("dpo begins with the call when only its observation differs", async () => {
  const other = episode("b", 0, ["a", "b"]);
  const steps = [
    { ...other.steps[0]!, result: { ...other.steps[0]!.result, output: "changed" } },
    other.steps[1]!,
  ];
  const { rows } = await collect("knowlyr/dpo", [episode("a", 1, ["a", "b"]), { ...other, steps }]);
  assert.equal(rows[0]!["divergence_turn"], 0);
});

Deno.test("dpo chooses pairs as the strategy says", async () => {
  const group = [
    episode("c", 0.5, ["c"]),
    episode("a", 1, ["a"]),
    episode("d", 0.2, ["d"]),
    episode("b", 0.8, ["b"]),
  ];
  const cases = {
    outside_in: ["a>d", "b>c"],
    best_vs_rest: ["a>b", "a>c", "a>d"],
    all_pairs: ["a>b", "a>c", "a>d", "b>c", "b>d", "c>d"],
    adjacent: ["a>b", "b>c", "c>d"],
  };
  for (const [strategy, wanted] of Object.entries(cases)) {
    assert.deepEqual(await pairIds(group, { strategy }), wanted, strategy);
  }
});

Deno.test("dpo keeps a margin of exactly minMargin, whatever the rounding", async () => {
  assert.deepEqual(await pairIds([episode("a", 0.15, ["a"]), episode("b", 0.1, ["b"])]), ["a>b"]);
  assert.deepEqual(await pairIds([episode("a", 0.55, ["a"]), episode("b", 0.5, ["b"])]), ["a>b"]);
  assert.deepEqual(await pairIds([episode("a", 0.5, ["a"]), episode("b", 0.5, ["b"])], { minMargin: 0 }), []);
});

Deno.test("dpo compares inside one task, prompt and tools, tasks in the order they came", async () => {
  const of = (id: string, reward: number, task: string, given: Partial<Trajectory> = {}) =>
    episode(id, reward, [id], { task: { id: task, description: "Do it" }, ...given });
  const trajectories = [
    of("a", 0, "late"),
    of("b", 0, "t"),
    of("c", 1, "t"),
    of("d", 1, "late"),
    of("e", 1, "t", { system: "Be brief." }),
  ];
  assert.deepEqual(await pairIds(trajectories), ["d>a", "c>b"]);
});

Deno.test("dpo counts what it skips by reason", async () => {
  const outcome = (success: boolean) => ({
    outcome: { ...unknownOutcome, success, source: "tests" as const },
  });
  const task = (id: string) => ({ task: { id, description: "" } });
  const trajectories = [
    episode("empty", 1, []),
    episode("nameless", 1, ["a"], task("")),
    episode("unscored", null, ["a"]),
    episode("alone", 1, ["a"], task("1")),
    episode("close", 0.5, ["a"], task("2")),
    episode("closer", 0.51, ["b"], task("2")),
    episode("lucky", 1, ["a"], { ...task("3"), ...outcome(false) }),
    episode("unlucky", 0, ["b"], { ...task("3"), ...outcome(true) }),
    episode("first", 1, ["a"], task("4")),
    episode("again", 0, ["a"], task("4")),
    episode("high", 1, ["a"], task("5")),
    episode("middle", 0.5, ["b"], task("5")),
    episode("low", 0, ["c"], task("5")),
  ];
  assert.deepEqual((await collect("knowlyr/dpo", trajectories)).report, {
    read: 13,
    rows: 1,
    skipped: {
      "no steps": 1,
      "no task": 1,
      "no reward": 1,
      "only one episode of its task": 1,
      "margin too small": 2,
      "reward contradicts outcome": 2,
      "duplicate of another episode": 1,
      "no partner left": 2,
    },
  });
});

Deno.test("dpo never prefers less reward or failure over success, and accounts for every episode", async () => {
  const draft = fc.record({
    reward: fc.option(fc.constantFrom(0, 0.1, 0.15, 0.5, 1)),
    success: fc.constantFrom(null, true, false),
    task: fc.constantFrom("x", "y"),
    paths: fc.array(fc.constantFrom("a", "b"), { maxLength: 3 }),
  });
  const strategy = fc.constantFrom("outside_in", "best_vs_rest", "all_pairs", "adjacent");
  await fc.assert(fc.asyncProperty(fc.array(draft, { maxLength: 8 }), strategy, async (drafts, strategy) => {
    const trajectories = drafts.map(({ reward, success, task, paths }, index) =>
      episode(`e${index}`, reward, paths, {
        task: { id: task, description: "Do it" },
        outcome: { ...unknownOutcome, success, source: success === null ? null : "tests" },
      })
    );
    const { rows, report } = await collect("knowlyr/dpo", trajectories, { strategy });
    const success = new Map(trajectories.map(({ id, outcome }) => [id, outcome.success]));
    for (const row of rows) {
      assert.ok(Number(row["chosen_reward"]) - Number(row["rejected_reward"]) > 0.049);
      const [chosen, rejected] = [
        success.get(String(row["chosen_id"])),
        success.get(String(row["rejected_id"])),
      ];
      assert.ok(!(chosen === false && rejected === true));
      for (const side of ["chosen", "rejected"]) {
        assert.equal((row[side] as readonly { role: string }[])[0]?.role, "assistant");
      }
      assert.notDeepEqual(row["chosen"], row["rejected"]);
    }
    const inPairs = new Set(rows.flatMap((row) => [row["chosen_id"], row["rejected_id"]]));
    const skipped = Object.values(report.skipped).reduce((sum, count) => sum + count, 0);
    assert.equal(inPairs.size + skipped, trajectories.length);
  }));
});
