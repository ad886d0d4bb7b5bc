import assert from "node:assert/strict";
import { Budget, costOf } from "./_budget.ts";

const limits = { tokens: 100, costUsd: null, prices: null };
const of = (promptTokens: number, completionTokens: number) => ({ promptTokens, completionTokens });

Deno.test("Budget frees what a request reserved and did not spend", async () => {
  const budget = new Budget(limits);
  (await budget.reserve(of(50, 50)))(of(10, 5));
  (await budget.reserve(of(40, 45)))(null);
  (await budget.reserve(of(40, 45)))(of(40, 45));
  await assert.rejects(budget.reserve(of(1, 0)), {
    code: "LIMIT_EXCEEDED",
    message: "Cannot ask the model: wanted at most 100 tokens in all: received 100 spent and up to 1 more",
  });
});

Deno.test("Budget lets a request wait for room that others may give back", async () => {
  const budget = new Budget(limits);
  const settle = await budget.reserve(of(60, 0));
  let came = false;
  const second = budget.reserve(of(60, 0)).then((settle) => (came = true, settle));
  await Promise.resolve();
  assert.equal(came, false);
  settle(of(20, 0));
  (await second)(of(60, 0));
  const third = await budget.reserve(of(20, 0));
  const fourth = budget.reserve(of(1, 0));
  third(of(20, 0));
  await assert.rejects(fourth, { code: "LIMIT_EXCEEDED" });
});

Deno.test("Budget in money goes by the prices", async () => {
  const prices = { prompt: 2, completion: 10 };
  assert.equal(costOf(of(1_000_000, 100_000), prices), 3);
  assert.equal(costOf(of(1, 1), null), null);
  const budget = new Budget({ tokens: null, costUsd: 3, prices });
  (await budget.reserve(of(1_000_000, 100_000)))(of(1_000_000, 90_000));
  await assert.rejects(budget.reserve(of(0, 20_000)), {
    message: "Cannot ask the model: wanted at most $3 in all: received $2.9 spent and up to $0.2 more",
  });
});
