import assert from "node:assert/strict";
import { seeded } from "../../core/prng.ts";
import { comparePaired, correctComparisons } from "./mod.ts";

/** Outcomes: `both` pairs of successes, then pairs that only a, only b and none solved. */
function outcomes(both: number, onlyA: number, onlyB: number, neither: number): [number[], number[]] {
  const repeat = (value: number, times: number) => new Array<number>(times).fill(value);
  return [
    [...repeat(1, both + onlyA), ...repeat(0, onlyB + neither)],
    [...repeat(1, both), ...repeat(0, onlyA), ...repeat(1, onlyB), ...repeat(0, neither)],
  ];
}

const SENTENCES: [what: string, pairs: [number[], number[]], decided: string, sentence: string][] = [
  [
    "a clear gain",
    outcomes(10, 2, 31, 7),
    "better",
    "B succeeded on 41 of 50 tasks and A on 12; the difference of 58 points (95 % interval 39 to 71) is not due to chance " +
    "(p < 0.001, McNemar's exact test).",
  ],
  [
    "a loss",
    outcomes(1, 7, 0, 2),
    "worse",
    "B succeeded on 1 of 10 tasks and A on 8; the difference of -70 points (95 % interval -87 to -27) is not due to " +
    "chance (p = 0.016, McNemar's exact test).",
  ],
  [
    "a gain that chance explains",
    outcomes(5, 1, 3, 1),
    "not decided",
    "B succeeded on 8 of 10 tasks and A on 6; the difference of 20 points (95 % interval -19 to 52) may be due to chance " +
    "(p = 0.63, McNemar's exact test).",
  ],
  [
    "too few tasks, all of them won",
    outcomes(0, 0, 5, 0),
    "not decided",
    "B succeeded on 5 of 5 tasks and A on 0; with 5 tasks nothing can be decided (p cannot fall below 0.0625, McNemar's " +
    "exact test).",
  ],
  [
    "one task",
    [[0.5], [0.75]],
    "not decided",
    "B has a mean reward of 0.75 over 1 task and A of 0.5; with 1 task nothing can be decided (p cannot fall below 1, " +
    "sign-flip permutation test).",
  ],
  [
    "rewards that all rise by the same",
    [[0, 0.25, 0.5, 0, 0.25, 0.5], [0.5, 0.75, 1, 0.5, 0.75, 1]],
    "better",
    "B has a mean reward of 0.75 over 6 tasks and A of 0.25; the difference of 0.5 (95 % interval 0.5 to 0.5) is not due " +
    "to chance (p = 0.031, sign-flip permutation test).",
  ],
];

for (const [what, [a, b], decided, sentence] of SENTENCES) {
  Deno.test(`comparePaired() says in plain English: ${what}`, () => {
    const comparison = comparePaired(a, b, { prng: seeded(1) });
    assert.equal(comparison.sentence, sentence);
    assert.equal(comparison.decided, decided);
  });
}

Deno.test("comparePaired() uses names, unit and measure, and gives the same bytes for the same seed", () => {
  const a = [0.1, 0.4, 0.2, 0.3, 0.5, 0.1, 0.2, 0.6];
  const b = [0.3, 0.5, 0.1, 0.6, 0.9, 0.2, 0.4, 0.7];
  const options = {
    names: ["clumsy", "expert"],
    unit: "episodes",
    measure: "mean score",
    alpha: 0.1,
  } as const;
  const [first, second] = [1, 1].map((seed) => comparePaired(a, b, { ...options, prng: seeded(seed) }));
  assert.deepEqual(first, second);
  assert.deepEqual(JSON.parse(JSON.stringify(first)), first);
  assert.match(
    first!.sentence,
    /^expert has a mean score of 0\.463 over 8 episodes and clumsy of 0\.3; the difference of 0\.162 \(90 % interval /,
  );
});

Deno.test("comparePaired() calls a fall better where lower is preferred", () => {
  const [a, b] = [[9, 8, 7, 9, 8, 6], [4, 5, 3, 2, 5, 4]];
  assert.equal(comparePaired(a, b, { prng: seeded(1), preferred: "lower" }).decided, "better");
  assert.equal(comparePaired(a, b, { prng: seeded(1) }).decided, "worse");
});

Deno.test("correctComparisons() decides anew: a gain may be chance among three, and six tasks are too few for three", () => {
  const gain = comparePaired(...outcomes(0, 0, 6, 4), { prng: seeded(1) });
  const none = comparePaired(...outcomes(5, 0, 0, 5), { prng: seeded(1) });
  assert.equal(gain.decided, "better");
  const [corrected] = correctComparisons([gain, none, none]);
  assert.deepEqual([corrected!.decided, corrected!.adjustedP, corrected!.p], ["not decided", 3 / 32, 1 / 32]);
  assert.equal(
    corrected!.sentence,
    "B succeeded on 6 of 10 tasks and A on 0; the difference of 60 points (95 % interval 20 to 83) may be due to " +
      "chance (p = 0.094 after Holm's correction for 3 comparisons, McNemar's exact test).",
  );
  const few = comparePaired(...outcomes(0, 0, 6, 0), { prng: seeded(1) });
  assert.equal(
    correctComparisons([few, few, few])[0]!.sentence,
    "B succeeded on 6 of 6 tasks and A on 0; with 6 tasks nothing can be decided (p cannot fall below 0.0938 after " +
      "Holm's correction for 3 comparisons, McNemar's exact test).",
  );
  assert.deepEqual(correctComparisons([gain]), [gain]);
});

Deno.test("comparePaired() refuses what cannot be compared", () => {
  const options = { prng: seeded(1) };
  const refusals: [() => unknown, string][] = [
    [() => comparePaired([1], [1, 0], options), "as many values of a as of b: received 1 and 2"],
    [() => comparePaired([], [], options), "at least one value: received 0"],
    [() => comparePaired([1, NaN], [1, 0], options), "finite numbers: received NaN at index 1"],
    [() => comparePaired([1], [0], { ...options, alpha: 5 }), "alpha between 0 and 1: received 5"],
  ];
  for (const [call, message] of refusals) {
    assert.throws(call, { name: "RangeError", message: `Cannot compare policies: ${message}` });
  }
});

Deno.test("comparePaired() says that policies are equal where every pair is, and only there", () => {
  const sentence = (a: readonly number[], b: readonly number[]) =>
    comparePaired(a, b, { prng: seeded(1) }).sentence;
  assert.equal(
    sentence([1, 0, 1], [1, 0, 1]),
    "B and A are equal on every one of 3 tasks: both succeeded on 2.",
  );
  assert.equal(
    sentence([0.5, 0.25], [0.5, 0.25]),
    "B and A are equal on every one of 2 tasks: both have a mean reward of 0.375.",
  );
  assert.equal(sentence([1], [1]), "B and A are equal on the one task: both succeeded on 1.");
  assert.match(
    sentence([1, 0], [0, 1]),
    /^B succeeded on 1 of 2 tasks and A on 1; with 2 tasks nothing can be decided /,
  );
});
