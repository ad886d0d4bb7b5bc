import assert from "node:assert/strict";
import fc from "fast-check";
import { inOrder } from "./ordered.ts";

Deno.test("inOrder() gives results in the order of the items, whatever finishes first", async () => {
  const concurrency = fc.integer({ min: 1, max: 8 });
  await fc.assert(fc.asyncProperty(fc.array(fc.nat(5)), concurrency, async (turns, width) => {
    let [running, most] = [0, 0];
    const work = async (turn: number): Promise<number> => {
      most = Math.max(most, ++running);
      for (let i = 0; i < turn; i++) await Promise.resolve();
      running--;
      return turn;
    };
    assert.deepEqual(await Array.fromAsync(inOrder(turns, width, work)), turns);
    assert.ok(most <= width);
    assert.equal(most, Math.min(most, turns.length));
  }));
});

Deno.test("inOrder() works on as many items at once as it may", async () => {
  const gate = Promise.withResolvers<void>();
  let running = 0;
  const work = async (item: number): Promise<number> => {
    if (++running === 3) gate.resolve();
    await gate.promise; // opens only when three are under way at once
    return item;
  };
  assert.deepEqual(await Array.fromAsync(inOrder([1, 2, 3], 3, work)), [1, 2, 3]);
});

Deno.test("inOrder() gives what came before a failure, throws it, and starts nothing further", async () => {
  const started: number[] = [];
  const work = (item: number): Promise<number> => {
    started.push(item);
    return item === 2 ? Promise.reject(new Error("two")) : Promise.resolve(item);
  };
  const came: number[] = [];
  await assert.rejects(async () => {
    for await (const value of inOrder([0, 1, 2, 3, 4, 5], 1, work)) came.push(value);
  }, { message: "two" });
  assert.deepEqual(came, [0, 1]);
  assert.deepEqual(started, [0, 1, 2]);
});

Deno.test("inOrder() throws a failure of a later item than the one it waits for", async () => {
  const work = async (item: number): Promise<number> => {
    if (item === 1) throw new Error("one");
    for (let i = 0; i < 20; i++) await Promise.resolve();
    return item;
  };
  const came: number[] = [];
  await assert.rejects(async () => {
    for await (const value of inOrder([0, 1, 2, 3], 2, work)) came.push(value);
  }, { message: "one" });
  assert.deepEqual(came, [0]);
});
