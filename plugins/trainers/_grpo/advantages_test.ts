import assert from "node:assert/strict";
import fc from "fast-check";
import { ADVANTAGE_SCALES, type AdvantageScale, groupAdvantages, meanOf } from "./advantages.ts";

const golden = new URL("../../../tests/golden/", import.meta.url);

async function read<T>(name: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(new URL(`${name}.json`, golden)));
}

function assertClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  assert.equal(actual.length, expected.length);
  for (const [at, value] of actual.entries()) {
    assert.ok(
      Math.abs(value - expected[at]!) <= tolerance,
      `${at}: wanted ${expected[at]}: received ${value}`,
    );
  }
}

Deno.test("groupAdvantages() gives those of TRL", async () => {
  interface Case extends Record<"group" | "batch" | "none", number[]> {
    rewards: number[];
    group_size: number;
  }
  const { advantage_cases } = await read<{ advantage_cases: Case[] }>("models/grpo-given");
  for (const expected of advantage_cases) {
    const { rewards, group_size: size } = expected;
    const groups = Array.from(
      { length: rewards.length / size },
      (_, at) => rewards.slice(at * size, (at + 1) * size),
    );
    for (const scale of ["group", "batch", "none"] as const) {
      const { advantages } = groupAdvantages(groups, { scale });
      assertClose(advantages.flatMap((group) => group!), expected[scale], 1e-6);
    }
  }
});

Deno.test("groupAdvantages() gives recorded ones, large rewards included", async () => {
  for (const name of ["01", "02", "04", "05"]) {
    const { input, expected } = await read<{ input: { rewards: number[] }; expected: number[] }>(
      `numerics/group-advantages-${name}`,
    );
    assertClose(groupAdvantages([input.rewards], { epsilon: 1e-8 }).advantages[0]!, expected, 1e-12);
  }
});

Deno.test("groupAdvantages() takes the deviation of a whole population without ε", () => {
  assert.deepEqual(groupAdvantages([[1, 3]], { scale: "population" }).advantages, [[-1, 1]]);
});

Deno.test("groupAdvantages() compares each reward with the others when one is left out", () => {
  const rewards = [1, 0, 0.25, 0.75];
  const expected = rewards.map((reward, at) => reward - meanOf(rewards.filter((_, other) => other !== at)));
  assertClose(groupAdvantages([rewards], { scale: "leave_one_out" }).advantages[0]!, expected, 1e-12);
});

Deno.test("groupAdvantages() gives equal rewards zero, rounding included, in every scale", () => {
  for (const scale of ADVANTAGE_SCALES) {
    const groups = [[0.3, 0.1 + 0.2, 0.3], [1e9, 1e9 + 1], [0, 1]];
    const { advantages, equal, zeroVariance } = groupAdvantages(groups, { scale });
    assert.deepEqual(advantages.slice(0, 2), [[0, 0, 0], [0, 0]]);
    assert.deepEqual(equal, [true, true, false]);
    assert.equal(zeroVariance, 2);
  }
});

Deno.test("groupAdvantages() refuses groups of one and counts them", () => {
  const { advantages, refused, zeroVariance } = groupAdvantages([[1], [0, 1], [2]]);
  assert.deepEqual(advantages.map((group) => group === null), [true, false, true]);
  assert.deepEqual([refused, zeroVariance], [2, 0]);
});

Deno.test("groupAdvantages() refuses rewards that are not finite", () => {
  assert.throws(
    () => groupAdvantages([[1, NaN]]),
    new RangeError("Cannot compare rewards: wanted finite numbers: received NaN"),
  );
});

Deno.test("groupAdvantages() sum to zero, keep the order of rewards and ignore a shift", () => {
  const reward = fc.integer({ min: -8, max: 8 }).map((eighths) => eighths / 8);
  const groups = fc.array(fc.array(reward, { minLength: 2, maxLength: 6 }), { minLength: 1, maxLength: 4 });
  fc.assert(fc.property(groups, fc.constantFrom(...ADVANTAGE_SCALES), (groups, scale: AdvantageScale) => {
    const { advantages } = groupAdvantages(groups, { scale });
    const shifted = groupAdvantages(groups.map((group) => group.map((r) => r + 4)), { scale }).advantages;
    for (const [at, rewards] of groups.entries()) {
      const own = advantages[at]!;
      assert.ok(Math.abs(own.reduce((sum, a) => sum + a, 0)) < 1e-9);
      assertClose(own, shifted[at]!, 1e-9);
      for (const [i, a] of own.entries()) {
        for (const [j, b] of own.entries()) {
          if (rewards[i]! > rewards[j]!) assert.ok(a > b);
        }
      }
    }
  }));
});
