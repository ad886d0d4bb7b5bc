import assert from "node:assert/strict";
import type { z } from "zod";
import type { grpoOptions, GrpoTrainerOptions } from "./grpo.ts";
import { onlineOptions, type OnlineTrainerOptions } from "./online.ts";
import type { sftOptions, SftTrainerOptions } from "./sft.ts";

type Accepted = z.input<typeof sftOptions>;

/** Fields of one type that the other lacks, or has with another type. */
type Differing<A, B> = {
  [K in keyof A]-?: K extends keyof B ? [A[K], B[K]] extends [B[K], A[K]] ? never : K : K;
}[keyof A];

Deno.test("the options that are written down are those that the schema accepts", () => {
  const none: [Differing<Accepted, SftTrainerOptions>, Differing<SftTrainerOptions, Accepted>] extends
    [never, never] ? true
    : false = true; // does not compile when a field differs
  if (!none) throw new Error("unreachable");
});

Deno.test("the options of grpo that are written down are those that the schema accepts", () => {
  type Schema = z.input<typeof grpoOptions>;
  const none: [Differing<Schema, GrpoTrainerOptions>, Differing<GrpoTrainerOptions, Schema>] extends
    [never, never] ? true
    : false = true; // does not compile when a field differs
  if (!none) throw new Error("unreachable");
});

Deno.test("the options of online that are written down are those that the schema accepts", () => {
  type Schema = Omit<z.input<typeof onlineOptions>, "envOptions">; // zod's JSON is mutable, ours is not
  type Written = Omit<OnlineTrainerOptions, "envOptions">;
  const none: [Differing<Schema, Written>, Differing<Written, Schema>] extends [never, never] ? true
    : false = true; // does not compile when a field differs
  if (!none) throw new Error("unreachable");
});

Deno.test("the options of online refuse a single try where tries are compared", () => {
  const given = { model: "m", env: "lookup", groupSize: 1 };
  for (const algorithm of ["grpo", "dpo"]) {
    const { error } = onlineOptions.safeParse({ ...given, algorithm });
    assert.deepEqual(error?.issues.map(({ path, message }) => [path, message]), [
      [["groupSize"], `wanted at least 2, for ${algorithm} compares tries at one task`],
    ]);
  }
  assert.ok(onlineOptions.safeParse({ ...given, algorithm: "rejection" }).success);
});

Deno.test("the options of online refuse turns as long as an episode", () => {
  const { error } = onlineOptions.safeParse({ model: "m", env: "lookup", maxNewTokens: 64, maxLength: 64 });
  assert.deepEqual(error?.issues.map(({ path, message }) => [path, message]), [
    [["maxNewTokens"], "wanted less than maxLength, which is 64: a prompt must fit beside the turn"],
  ]);
});
