import assert from "node:assert/strict";
import { characterCodec, characterTokenizer, conversation, episode, sequence } from "./_testing_test.ts";
import { encodeRow } from "./encode.ts";
import { roleShares, roleSharesText, sequenceJson, sequenceText } from "./inspect.ts";
import { digestOf } from "./sequence.ts";

const row = conversation(episode([["go", "\x1b[31mok"], ["on", ""]]), { weights: [0, 0, 2, 0, 1, 0] });
const [made] = encodeRow(row, characterCodec, { maxLength: 1000 }).sequences;

Deno.test("roleShares() counts tokens by role", () => {
  assert.deepEqual(roleShares([made!]), [
    { role: "system", tokens: 13, trained: 0, share: 0, meanWeight: null },
    { role: "user", tokens: 27, trained: 0, share: 0, meanWeight: null },
    { role: "assistant", tokens: 29, trained: 6, share: 6 / 29, meanWeight: 1.5 },
    { role: "all", tokens: 69, trained: 6, share: 6 / 69, meanWeight: 1.5 },
  ]);
});

Deno.test("roleSharesText() lays the shares out in columns", () => {
  assert.equal(
    roleSharesText(roleShares([made!])),
    [
      "role       tokens  trained   share  mean weight",
      "system         13        0   0.0 %            -",
      "user           27        0   0.0 %            -",
      "assistant      29        6  20.7 %        1.500",
      "all            69        6   8.7 %        1.500",
    ].join("\n"),
  );
});

Deno.test("sequenceText() marks what is trained and lets data not steer the terminal", () => {
  assert.equal(
    sequenceText(made!, characterTokenizer, { colour: false }),
    "data.jsonl:1: 69 tokens, 6 trained\n<|im_start|>system\nsys<|im_end|>\n<|im_start|>user\ntask<|im_end|>\n" +
      "<|im_start|>assistant\n⟦2: go<|im_end|>⟧\n<|im_start|>user\n\\x1b[31mok<|im_end|>\n" +
      "<|im_start|>assistant\n⟦on<|im_end|>⟧",
  );
  const coloured = sequenceText(made!, characterTokenizer, { colour: true });
  assert.ok(coloured.includes("\x1b[48;5;34;97mgo<|im_end|>\x1b[0m"));
  assert.ok(coloured.includes("\x1b[48;5;28;97mon<|im_end|>\x1b[0m"));
});

Deno.test("sequenceJson() gives head and runs", () => {
  const { runs, ...head } = sequenceJson(made!, characterTokenizer) as { runs: readonly unknown[] };
  assert.deepEqual(head, {
    origin: "data.jsonl:1",
    row: 0,
    chunk: 0,
    chunks: 1,
    tokens: 69,
    trained_tokens: 6,
    row_steps: 2,
    row_reward: null,
    row_tokens: 78,
  });
  assert.deepEqual(runs.at(-1), {
    start: 66,
    end: 69,
    role: "assistant",
    step: 1,
    weight: 1,
    text: "on<|im_end|>",
  });
});

Deno.test("digestOf() tells ids, weights and borders apart", () => {
  const digests = [
    [sequence(4)],
    [sequence(4, { first: 7 })],
    [sequence(4, { trained: 2 })],
    [sequence(2), sequence(2, { first: 102 })],
  ].map(digestOf);
  assert.equal(new Set(digests).size, 4);
  assert.equal(digestOf([sequence(4)]), digests[0]);
});
