import assert from "node:assert/strict";
import fc from "fast-check";
import type { Env } from "../../core/env.ts";
import { always, gym, played, returnOf, successOf, text } from "./_testing_test.ts";
import { lookup, type LookupOptions } from "./lookup.ts";

const task = {
  id: "t",
  description: "",
  puzzle: { pairs: [["a", "1"], ["b", "2"]], questions: [1, 0], passShare: 1 },
};

const made = (options: LookupOptions): Promise<Env> => gym.make(lookup, options);

Deno.test("lookup shows pairs and one question after another", async () => {
  await using readable = await made({});
  assert.equal(
    (await readable.reset({ task })).observation,
    "[lookup] step 0/6\nValues by key: a 1, b 2\nQuestion 1 of 2: what is the value of b?\nActions: ANSWER <value>",
  );
  await using compact = await made({ compact: true });
  assert.equal((await compact.reset({ task })).observation, "a1b2 b");
  const [second, last] = [await compact.step(text("2")), await compact.step(text("a1"))];
  assert.deepEqual([second.observation, second.reward, second.terminated], ["a", 0.5, false]);
  assert.deepEqual([last.observation, last.reward, last.terminated, last.info.success, last.info.reason], [
    "",
    0.5,
    true,
    true,
    "answered",
  ]);
});

Deno.test("lookup counts as success what reaches passShare", async () => {
  await using env = await made({});
  for (const [passShare, success] of [[1, false], [0.5, true]] as const) {
    await env.reset({ task: { ...task, puzzle: { ...task.puzzle, passShare } } });
    await env.step(text("ANSWER 2"));
    const { info } = await env.step({ tool: "answer", params: { value: 7 } });
    assert.deepEqual([info.success, info.score, info.submission], [success, 0.5, "7"]);
  }
});

Deno.test("lookup asks for all keys in one turn and counts what is right place by place", async () => {
  const together = { ...task, puzzle: { ...task.puzzle, questions: [1, 0, 1], together: true } };
  await using readable = await made({});
  assert.equal(
    (await readable.reset({ task: together })).observation.split("\n")[2],
    "Question: what are the values of b a b, in a row?",
  );
  await using env = await made({ compact: true });
  const cases = [
    ["212", 1],
    ["2 1 2", 1],
    ["b2a1b2", 1],
    ["b2a1", 2 / 3],
    ["21", 2 / 3],
    ["222", 2 / 3],
    [
      "2121",
      0,
    ],
    ["b2a1b2b", 0],
    ["111", 1 / 3],
  ] as const;
  for (const [said, score] of cases) {
    assert.equal((await env.reset({ task: together })).observation, "a1b2 bab");
    const { reward, info, terminated } = await env.step(text(said));
    assert.deepEqual([terminated, info.score, reward], [true, score, Number(score.toFixed(9))], said);
  }
});

Deno.test("lookup charges for what it cannot read and gives up after three in a row", async () => {
  await using env = await made({});
  await env.reset({ task });
  const came = [
    await env.step(text("")),
    await env.step(text("answer")),
    await env.step({ tool: "say", params: {} }),
  ];
  assert.deepEqual(
    came.map(({ reward, truncated, info }) => [reward, truncated, info.invalid, info.reason]),
    [
      [-0.1, false, true, undefined],
      [-0.1, false, true, undefined],
      [-0.1, true, true, "invalid_actions"],
    ],
  );
  assert.match(
    came[0]!.observation,
    /^\[lookup\] step 1\/6\nERROR UNKNOWN_VERB: received ""\. Allowed: ANSWER <value>\n/,
  );
  assert.equal(came[2]!.observation, 'ERROR UNKNOWN_VERB: received "say". Allowed: ANSWER <value>');
});

Deno.test("lookup keeps a whole compact episode under 200 bytes", async () => {
  for (
    const { reset, steps } of await played(
      "knowlyr/lookup-v1",
      { compact: true, pairs: 8, questions: 8 },
      "knowlyr/lookup-solver-v1",
    )
  ) {
    const said = steps.map(({ action, result }) => `${action.raw}${result.output}`).join("");
    assert.ok(reset.observation.length + said.length < 200);
  }
});

Deno.test("lookup is as hard to guess as its options say, and random calls hardly answer it", async () => {
  const options = { pairs: 2, questions: 2, alphabet: "01" };
  assert.ok(successOf(await played("knowlyr/lookup-v1", options, "knowlyr/lookup-guesser-v1", 200)) > 0.2);
  const random = await played("knowlyr/lookup-v1", {}, "knowlyr/random-v1", 200);
  assert.ok(successOf(random) < 0.05);
  const share = random.reduce((sum, { outcome }) => sum + outcome.score!, 0) / 200;
  assert.ok(share > 0.05 && share < 0.15, `${share}`); // 800 draws at 0.1: 0.05 is 4.7 deviations
});

Deno.test("lookup asks for keys of the context only, each once before one comes again", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 26 }),
      fc.integer({ min: 1, max: 60 }),
      fc.bigInt({ min: 0n, max: 99n }),
      async (pairs, questions, seed) => {
        await using env = await made({ pairs, questions, valueLength: 2 });
        const { info } = await env.reset({ seed });
        const puzzle = info.task!["puzzle"] as { pairs: [string, string][]; questions: number[] };
        assert.equal(new Set(puzzle.pairs.map(([key]) => key)).size, pairs);
        assert.ok(puzzle.pairs.every(([, value]) => /^\d\d$/.test(value)));
        assert.equal(puzzle.questions.length, questions);
        assert.equal(new Set(puzzle.questions.slice(0, pairs)).size, Math.min(pairs, questions));
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("lookup rewards each right answer by its share", async () => {
  const [one] = await played(
    "knowlyr/lookup-v1",
    { alphabet: "78", questions: 8 },
    always(text("ANSWER 7")),
    1,
  );
  assert.ok(Math.abs(returnOf(one!) - one!.outcome.score!) < 1e-9);
});

Deno.test("lookup refuses options that cannot be met", async () => {
  const wrong = async (options: LookupOptions, message: string) =>
    await assert.rejects(made(options), { code: "INVALID_OPTIONS", message });
  const what = 'Cannot use options of env "knowlyr/lookup-v1": ';
  await wrong({ keys: "ab", pairs: 3 }, `${what}keys: wanted a key for each pair: received "ab"`);
  await wrong(
    { keys: "ab0", pairs: 2 },
    `${what}keys: wanted no character that values have too: received "ab0"`,
  );
  await wrong({ alphabet: "00" }, `${what}alphabet: wanted each character once: received "00"`);
});

Deno.test("lookup refuses a task whose puzzle is another's", async () => {
  await using env = await made({});
  assert.throws(
    () => env.reset({ task: { id: "t", description: "", puzzle: { ...task.puzzle, questions: [2] } } }),
    {
      code: "INVALID_DATA",
      message:
        'Cannot use puzzle of task "t" for env "knowlyr/lookup-v1": questions: wanted indexes of pairs: received [2]',
    },
  );
});

Deno.test("the careless guesser names the first value, whatever was asked", async () => {
  const options = { pairs: 2, questions: 2, compact: true, valueLength: 2 };
  const careless = { pick: "first" } as const;
  for (
    const { reset, steps } of await played(
      "knowlyr/lookup-v1",
      options,
      "knowlyr/lookup-guesser-v1",
      20,
      careless,
    )
  ) {
    const first = reset.observation.slice(1, 3);
    assert.deepEqual(steps.map(({ action }) => action.raw), [first, first]);
  }
});
