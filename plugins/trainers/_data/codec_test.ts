/** Cuts and masks with the tokenizer and template of a model, where tokens merge across characters. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { loadChatCodec } from "../../chat/codec.ts";
import { conversation, episode } from "./_testing_test.ts";
import { encodeRow } from "./encode.ts";
import { sequenceText } from "./inspect.ts";
import { readRow } from "./rows/read.ts";
import { ROLES } from "./sequence.ts";

const codec = await loadChatCodec(
  fileURLToPath(new URL("../../../tests/golden/models/tiny-qwen2", import.meta.url)),
);

const words = (max: number) =>
  fc.array(fc.constantFrom("the", "graph ", " token", "\n", "🙂", "search", "(x, y=3)", "é", "0.432"), {
    minLength: 1,
    maxLength: max,
  }).map((list) => list.join(""));

Deno.test("encodeRow() cuts at steps with a real tokenizer: each trained once, in the budget, no reply trained", () => {
  const rows = fc.array(fc.tuple(words(8), words(60)), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(
      rows,
      fc.integer({ min: 130, max: 300 }),
      fc.integer({ min: 0, max: 3 }),
      (given, maxLength, overlapSteps) => {
        // A colon and a full stop keep the template from trimming.
        const steps = given.map(([answer, reply]): [string, string] => [`:${answer}.`, `:${reply}.`]);
        const row = conversation(episode(steps));
        const { sequences } = encodeRow(row, codec, { maxLength, overlapSteps });
        const assistant = ROLES.indexOf("assistant");
        let trained = "";
        for (const { ids, weights, roles } of sequences) {
          assert.ok(ids.length <= maxLength);
          assert.ok(weights.every((weight, t) => weight === 0 || roles[t] === assistant));
          trained += codec.tokenizer.decode(ids.filter((_, t) => weights[t]! > 0));
        }
        assert.equal(trained, steps.map(([answer]) => `${answer}<|im_end|>`).join(""));
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("encodeRow() trains calls of tools in the form of the template", () => {
  const row = readRow({
    instruction: "Fix it",
    steps: [
      { thought: "look", action: 'ls({"path":"a"})', observation: "a.ts", reward: 1 },
      { thought: "done", action: "submit", observation: "", reward: 1 },
    ],
  }, { file: "data.jsonl", line: 1, row: 0 });
  const [made] = encodeRow(row, codec, { maxLength: 500 }).sequences;
  assert.equal(
    sequenceText(made!, codec.tokenizer, { colour: false }).split("\n").slice(1).join("\n"),
    "<|im_start|>user\nFix it<|im_end|>\n" +
      "<|im_start|>assistant\n⟦look\n<tool_call>\n" +
      '{"name": "ls", "arguments": {"path": "a"}}\n</tool_call><|im_end|>⟧\n' +
      "<|im_start|>user\n<tool_response>\na.ts\n</tool_response><|im_end|>\n" +
      "<|im_start|>assistant\n⟦done\n<tool_call>\n" +
      '{"name": "submit", "arguments": {}}\n</tool_call><|im_end|>⟧',
  );
});
