import assert from "node:assert/strict";
import fc from "fast-check";
import { below, deriveSeed, restorePrng, seeded } from "./prng.ts";

Deno.test("seeded() gives the same numbers for the same seed and others for another", () => {
  const draw = (seed: bigint) => Array.from({ length: 4 }, seeded(seed));
  assert.deepEqual(draw(7n), draw(7n));
  assert.notDeepEqual(draw(7n), draw(8n));
  assert.notDeepEqual(draw(7n), draw(7n + (1n << 32n)));
});

Deno.test("seeded() is uniform: chi-square over 64 cells, false alarm below 1e-6", () => {
  const cells = new Array<number>(64).fill(0);
  const prng = seeded(42n);
  for (let i = 0; i < 64_000; i++) cells[below(prng, 64)]! += 1;
  const chi = cells.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
  assert.ok(chi < 130, `chi-square with 63 degrees of freedom is ${chi}`);
});

Deno.test("seeded() stays in [0, 1) for every seed", () => {
  fc.assert(fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n }), (seed) => {
    const x = seeded(seed)();
    assert.ok(x >= 0 && x < 1);
  }));
});

Deno.test("restorePrng() goes on where the state was taken", () => {
  const prng = seeded(3n);
  prng();
  const again = restorePrng(prng.state());
  assert.deepEqual([prng(), prng(), prng()], [again(), again(), again()]);
});

Deno.test("fork() depends on the label and the parent's state, and leaves the parent alone", () => {
  const prng = seeded(1n);
  const before = prng.state();
  assert.notEqual(prng.fork("a")(), prng.fork("b")());
  assert.equal(prng.fork("a")(), prng.fork("a")());
  assert.deepEqual(prng.state(), before);
});

Deno.test("deriveSeed() tells numbers from texts and paths apart", () => {
  const seeds = [
    deriveSeed(1n, 1),
    deriveSeed(1n, "1"),
    deriveSeed(1n, "a", "b"),
    deriveSeed(1n, "ab"),
    deriveSeed(2n, 1),
  ];
  assert.equal(new Set(seeds).size, seeds.length);
  assert.equal(deriveSeed(1n, "task", 3), deriveSeed(1, "task", 3));
});
