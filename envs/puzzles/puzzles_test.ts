/** What must be true of every puzzle: contract, floor and ceiling, and that nothing but solving it succeeds. */
import assert from "node:assert/strict";
import { env } from "../../core/env.ts";
import { rollout } from "../../core/rollout.ts";
import { assertConforms, checkEnv } from "../../core/testing/mod.ts";
import { parseTrajectory } from "../../core/trajectory_schema.ts";
import type { Action } from "../../core/trajectory.ts";
import exporters from "../../plugins/exporters/mod.ts";
import { exporter } from "../../core/exporter.ts";
import { createKernel } from "../../core/kernel.ts";
import { always, gym, played, returnOf, successOf, text } from "./_testing_test.ts";

interface Case {
  readonly id: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly solver: string;
  readonly guesser: string;
  /** Mean success of the guesser lies below; by far more than chance lets 50 seeds stray. */
  readonly floor: number;
  /** Text that has the right form and is as good as never right. */
  readonly wrong: string;
  /** Text that is understood and ends nothing. */
  readonly mild: string;
}

const both = (one: Omit<Case, "options">, options: Readonly<Record<string, unknown>> = {}): Case[] =>
  [false, true].map((compact) => ({ ...one, options: { ...options, compact } }));

const CASES: readonly Case[] = [
  ...both({
    id: "knowlyr/lookup-v1",
    solver: "knowlyr/lookup-solver-v1",
    guesser: "knowlyr/lookup-guesser-v1",
    floor: 0.1,
    wrong: "answer no",
    mild: "answer 7",
  }),
  ...both({
    id: "knowlyr/lookup-v1",
    solver: "knowlyr/lookup-solver-v1",
    guesser: "knowlyr/lookup-guesser-v1",
    floor: 0.1,
    wrong: "answer no",
    mild: "", // one turn is the whole episode
  }, { together: true, questions: 6, valueLength: 2 }),
  ...[0, 0.3, 1].flatMap((difficulty) =>
    both({
      id: "llm-gym/logic-puzzle-v1",
      solver: "llm-gym/logic-solver-v1",
      guesser: "llm-gym/logic-guesser-v1",
      floor: difficulty === 0 ? 0.45 : 0.25, // two variables at difficulty 0: a quarter of all guesses
      wrong: "solve nothing",
      mild: "query premises",
    }, { difficulty })
  ),
  ...both({
    id: "llm-gym/logic-puzzle-v1",
    solver: "llm-gym/logic-solver-v1",
    guesser: "llm-gym/logic-guesser-v1",
    floor: 0.75, // half of all guesses
    wrong: "solve nothing",
    mild: "query premises",
  }, { ask: "one", difficulty: 0.6 }),
  ...[0.2, 1].flatMap((difficulty) =>
    both({
      id: "llm-gym/memory-buffer-v1",
      solver: "llm-gym/memory-solver-v1",
      guesser: "llm-gym/memory-guesser-v1",
      floor: 0.1,
      wrong: "answer nothing",
      mild: "store nothing",
    }, { difficulty })
  ),
  ...[0, 0.3, 1].flatMap((difficulty) =>
    both({
      id: "llm-gym/meta-reasoning-v1",
      solver: "llm-gym/meta-reasoning-solver-v1",
      guesser: "llm-gym/meta-reasoning-guesser-v1",
      floor: 0.4, // half of the guesses at a fifth of the problems, and some luck
      wrong: "answer perhaps",
      mild: "think again",
    }, { difficulty })
  ),
];

for (const { id, options, solver, guesser, floor, wrong, mild } of CASES) {
  const name = `${id} ${JSON.stringify(options)}`;

  Deno.test(`${name} conforms to the contract of environments`, async () => {
    const actions = (mild === "" ? ["", "", ""] : [mild, "", mild, "", "", ""]).map(text);
    const report = await checkEnv(() => gym.make(env, id, options), { actions });
    assertConforms(report);
    const skipped = report.checks.filter(({ status }) => status === "skipped");
    assert.deepEqual(skipped.map(({ name }) => name), ["an aborted step rejects with the signal's reason"]);
  });

  Deno.test(`${name} is solved by its solver on every seed, within its step limit`, async () => {
    const all = await played(id, options, solver);
    for (const { outcome, env: place } of all) {
      assert.deepEqual([place?.seed, outcome.error, outcome.success, outcome.source, outcome.score], [
        place?.seed,
        null,
        true,
        "env",
        1,
      ]);
    }
    assert.ok(all.every(({ outcome }) => outcome.terminated === true && outcome.truncated === false));
    assert.ok(new Set(all.map(({ task }) => task.id)).size > 20, "seeds give different instances");
    assert.deepEqual(parseTrajectory(JSON.parse(JSON.stringify(all[0]!))), all[0]!);
  });

  Deno.test(`${name} is not solved by guessing`, async () => {
    const success = successOf(await played(id, options, guesser));
    assert.ok(success < floor, `success ${success}`);
  });

  const probes: Readonly<Record<string, Action | ((step: number) => Action)>> = {
    "does nothing": text(""),
    "calls nothing": { tool: "", params: {} },
    "answers at once": text(wrong),
    "floods": text("7 ".repeat(512 * 1024)),
    "floods a tool": { tool: "answer", params: { value: "x".repeat(1024 * 1024) } },
    "babbles": (step) =>
      text(["help", "undefined", "{}", "\u0000", "😀".repeat(40), "answer", "()"][step % 7]!),
    "asks for the prototype": { tool: "__proto__", params: JSON.parse('{"__proto__": "x"}') },
  };
  for (const [probe, action] of Object.entries(probes)) {
    Deno.test(`${name} gives no success to an agent that ${probe}, and ends`, async () => {
      for (const { outcome, steps, task } of await played(id, options, always(action), 10)) {
        assert.deepEqual([outcome.error, outcome.success], [null, false], task.id);
        assert.ok(outcome.terminated !== outcome.truncated && steps.length < 200);
      }
    });
  }

  Deno.test(`${name} pays at most 0.3 to an agent that never answers right`, async () => {
    for (const action of [text(wrong), text(""), { tool: "store", params: { content: "x" } }]) {
      for (const one of await played(id, options, always(action), 10)) {
        assert.ok(returnOf(one) <= 0.3, `${one.task.id}: ${returnOf(one)}`);
      }
    }
  });

  Deno.test(`${name} plays an episode again from its task, whatever the seed`, async () => {
    const [first] = await played(id, options, solver, 1);
    await using place = await gym.make(env, id, options);
    const again = await rollout(place, always((step) => first!.steps[step]!.action), {
      seed: 99n,
      task: JSON.parse(JSON.stringify(first!.task)),
      now: () => 0,
    });
    assert.deepEqual(
      again.steps.map(({ result }) => result.output),
      first!.steps.map(({ result }) => result.output),
    );
    assert.deepEqual([again.outcome, again.task], [first!.outcome, first!.task]);
  });

  Deno.test(`${name} gives conversations for sft`, async () => {
    const sft = await createKernel({ plugins: [exporters] }).make(exporter, "knowlyr/sft", {
      success: "success",
    });
    const all = await played(id, options, solver, 5);
    const rows = await Array.fromAsync(sft.export(async function* () {
      yield* all;
    }()));
    assert.equal(rows.length, 5);
    for (const [at, row] of rows.entries()) {
      const messages = row["messages"] as unknown as { role: string; content: string; train: boolean }[];
      assert.equal(messages[0]!.content, all[at]!.reset.observation);
      const trained = messages.filter(({ train }) => train);
      assert.ok(trained.length > 0);
      if (!options["compact"]) continue;
      const said = messages.filter(({ role }) => role === "assistant").map(({ content }) => content);
      assert.deepEqual(said, all[at]!.steps.map(({ action }) => action.raw));
      assert.ok(messages.every(({ content }) => content.length < 400));
    }
  });
}
