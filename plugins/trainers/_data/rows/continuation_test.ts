import assert from "node:assert/strict";
import { readPreferenceRow } from "./continuation.ts";
import type { Row } from "./row.ts";

const at = { file: "pairs.jsonl", line: 1, row: 0 };

/** Messages with a star before those that are trained. */
function told(row: Row): readonly string[] {
  return row.kind === "plain"
    ? row.segments.map(({ text, train }) => `${train ? "*" : ""}${text}`)
    : row.messages.map(({ role, content }, index) =>
      `${row.weights[index]! > 0 ? "*" : ""}${role}: ${content}`
    );
}

const asked = { role: "user", content: "Fix it" };
const answer = (content: string) => ({ role: "assistant", content });

Deno.test("readPreferenceRow() reads our own pairs: prompt, lists of messages, rewards, margin", () => {
  const { chosen, rejected, margin } = readPreferenceRow({
    prompt: [asked, answer("looking"), { role: "user", content: "ok" }],
    chosen: [answer("good")],
    rejected: [answer("bad"), { role: "user", content: "hm" }],
    chosen_reward: 0.9,
    rejected_reward: 0.4,
  }, at);
  const shared = ["user: Fix it", "assistant: looking", "user: ok"];
  assert.deepEqual(told(chosen), [...shared, "*assistant: good"]);
  assert.deepEqual(told(rejected), [...shared, "*assistant: bad", "user: hm"]);
  assert.deepEqual([chosen.reward, rejected.reward, margin], [0.9, 0.4, 0.5]);
});

Deno.test("readPreferenceRow() finds the prompt that two lists share", () => {
  const { chosen, rejected } = readPreferenceRow({
    chosen: [asked, answer("same"), { role: "user", content: "a" }, answer("good")],
    rejected: [asked, answer("same"), { role: "user", content: "a" }, answer("bad")],
  }, at);
  assert.deepEqual(told(chosen), ["user: Fix it", "assistant: same", "user: a", "*assistant: good"]);
  assert.deepEqual(told(rejected).at(-1), "*assistant: bad");
});

Deno.test("readPreferenceRow() reads conversations with single answers, instructions and plain texts", () => {
  const ranked = readPreferenceRow({
    conversations: [{ from: "human", value: "Fix it" }],
    chosen: { from: "gpt", value: "good" },
    rejected: { from: "gpt", value: "bad" },
  }, at);
  assert.deepEqual(told(ranked.chosen), ["user: Fix it", "*assistant: good"]);
  const flat = { instruction: "Fix", input: "it", chosen: "good", rejected: "bad" };
  assert.deepEqual(told(readPreferenceRow(flat, at).rejected), ["Fix\n\nit", "*bad"]);
  assert.deepEqual(told(readPreferenceRow(flat, at, { strings: "chat" }).chosen), [
    "user: Fix\n\nit",
    "*assistant: good",
  ]);
});

Deno.test("readPreferenceRow() refuses a pair without an answer or a prompt", () => {
  assert.throws(() => readPreferenceRow({ prompt: "x", chosen: "y" }, at), {
    code: "INVALID_DATA",
    message: "Cannot read pairs.jsonl:1: rejected: wanted an answer: received nothing",
  });
  assert.throws(() => readPreferenceRow({ chosen: "x", rejected: "y" }, at), {
    code: "INVALID_DATA",
    message: "Cannot read pairs.jsonl:1: prompt: wanted a prompt: received nothing",
  });
});
