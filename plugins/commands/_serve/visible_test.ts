import assert from "node:assert/strict";
import fc from "fast-check";
import { TOOL_CALL_FORMS } from "../../chat/mod.ts";
import { type Borders, openingsOf, visibleOf } from "./visible.ts";

const hermes: Borders = { stop: [], openings: openingsOf("hermes", true), thinking: false };

Deno.test("visibleOf() shows text up to what may be a call, a stop text or a thought", () => {
  const cases: [string, Partial<Borders>, string, string][] = [
    ["Hello", {}, "", "Hello"],
    ["Hello ", {}, "", "Hello"], // a call may follow
    ["Hello <tool", {}, "", "Hello"],
    ["Hello <tool>", {}, "", "Hello <tool>"],
    ["Hello\n<tool_call>\n{", {}, "", "Hello"],
    ["Hello END", { stop: ["END"] }, "", "Hello"],
    ["Hello E", { stop: ["END"] }, "", "Hello"],
    ["<END", { stop: ["END"] }, "", "<"], // nothing can follow
    ["<think>a</END", { stop: ["END"] }, "a</", ""],
    ["<thi", {}, "", ""],
    ["<this", {}, "", "<this"],
    ["<think>\nSix is", {}, "Six is", ""],
    ["<think>\nSix is</th", {}, "Six is", ""],
    ["<think>\nSix\n</think>\n\nI roll", {}, "Six", "I roll"],
    ["Six\n</think>\n\nI roll<tool_call>", { thinking: true }, "Six", "I roll"],
    ["<|channel|>analysis", { openings: openingsOf("harmony", false) }, "", ""],
    ["<tool_call>", { openings: openingsOf("hermes", false) }, "", "<tool_call>"],
    ['{"name"', { openings: openingsOf("llama-json", true) }, "", ""],
  ];
  for (const [text, borders, reasoning, content] of cases) {
    assert.deepEqual(visibleOf(text, { ...hermes, ...borders }), { reasoning, content }, text);
  }
});

Deno.test("visibleOf() never takes back what it showed, and shows nothing that the whole answer lacks", () => {
  const word = fc.constantFrom("Hi", " ", "\n", "<", "<think>", "</think>", "E", "ND", "<tool_call>", "{");
  const call = TOOL_CALL_FORMS.hermes.calls([{ name: "roll", arguments: { sides: 6 } }]);
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), fc.boolean(), (words, thinks) => {
      const text = `${thinks ? "<think>\nSix\n</think>\n\n" : ""}${words.join("")}${call}`;
      const borders = { ...hermes, stop: ["END"] };
      let before = { reasoning: "", content: "" };
      for (let length = 0; length <= text.length; length++) {
        const seen = visibleOf(text.slice(0, length), borders);
        assert.ok(seen.reasoning.startsWith(before.reasoning), text.slice(0, length));
        assert.ok(seen.content.startsWith(before.content), text.slice(0, length));
        before = seen;
      }
      const opened = text.trimStart().startsWith("<think>");
      if (text.includes("END") || !opened && text.includes("</think>")) return; // cut, or a thought that nobody opened
      const whole = TOOL_CALL_FORMS.hermes.parse(text);
      assert.ok(whole.content.startsWith(before.content));
      assert.ok((whole.thought ?? "").startsWith(before.reasoning));
    }),
    { seed: 1, numRuns: 2000 },
  );
});
