import assert from "node:assert/strict";
import fc from "fast-check";
import type { Json } from "../../core/schema.ts";
import {
  formOf,
  parseThought,
  type TextMessage,
  TOOL_CALL_FORMS,
  type ToolCallFormName,
} from "./tool_call_text.ts";

// Sound: the keys of the table are its type.
const FORMS = Object.keys(TOOL_CALL_FORMS) as ToolCallFormName[];
const MARKUP = /<|>|\[TOOL|Action|^\s*\{/;

const PLAIN = { noNullPrototype: true };

const word = fc.stringMatching(/^[A-Za-z_][\w.-]{0,8}$/);
const prose = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("Look.\nThen act.\n", " a  ", '{"a": 1', "é 漢字 👩‍💻", "5", "true"),
).filter((text) => !MARKUP.test(text));
const value = fc.oneof(
  fc.jsonValue().map((given) => JSON.parse(JSON.stringify(given)) as Json),
  fc.constantFrom("</parameter>", "</tool_call>", "a\n", "\n", "", "5", '"q"', "}]", "\\", '"{', "Action: x"),
);
const call = fc.record({
  name: word,
  arguments: fc.oneof(fc.dictionary(word, value, PLAIN), fc.constantFrom("", '{"path": ', "[1]", "5")),
}, PLAIN);
const message: fc.Arbitrary<TextMessage> = fc.record({
  content: prose,
  thought: fc.option(
    prose.filter((text) => text.trim() !== "").map((text) => text.replace(/^\n+|\n+$/g, "")),
  ),
  calls: fc.array(call, { maxLength: 3 }),
}, PLAIN);

for (const form of FORMS) {
  Deno.test(`${form}: parse() gives back what render() wrote`, () => {
    const { render, parse } = TOOL_CALL_FORMS[form];
    fc.assert(
      fc.property(message, (given) => {
        const text = {
          ...given,
          content: given.thought === null ? given.content : given.content.replace(/^\n+/, ""),
        };
        if (form === "qwen-xml") {
          fc.pre(given.calls.every((one) => typeof one.arguments !== "string")); // has no place for such text
        }
        if (form === "harmony") fc.pre(!JSON.stringify(given.calls).includes("<|"));
        assert.deepEqual(parse(render(text)), { ...text, problem: null });
      }),
      { numRuns: 500 },
    );
  });

  Deno.test(`${form}: parse() keeps any text, and never throws`, () => {
    const { calls: write, parse, marker } = TOOL_CALL_FORMS[form];
    const whole = write([{ name: "f", arguments: { a: [1, "x"] } }, { name: "g", arguments: {} }]);
    assert.match(whole, marker);
    fc.assert(
      fc.property(fc.nat(whole.length), fc.string({ unit: "binary" }), (cut, rest) => {
        const parsed = parse(whole.slice(0, cut) + rest);
        assert.ok(parsed.calls.length <= 2);
        if (parsed.problem !== null) assert.ok(parsed.content.length > 0);
      }),
      { numRuns: 300 },
    );
  });

  Deno.test(`${form}: parse() takes time in proportion to the text`, () => {
    const { calls: write, parse } = TOOL_CALL_FORMS[form];
    const whole = write([{ name: "f", arguments: { a: 'say "\\"' } }]);
    const seeds = [
      whole,
      whole.slice(0, -4),
      whole.slice(0, 14),
      `${whole.slice(0, whole.length / 2)}{`,
      '{"a": "\\"',
    ];
    for (const seed of seeds) {
      const from = performance.now();
      parse(`${whole.slice(0, 12)}${seed.repeat(400_000 / seed.length)}`);
      assert.ok(performance.now() - from < 2_000, seed); // quadratic work takes minutes
    }
  });
}

const readings: [ToolCallFormName, string, object][] = [
  [
    "hermes",
    'Go.\n<tool_call>\n{"name": "f", "arguments": {"a": 1}',
    {
      content: 'Go.\n<tool_call>\n{"name": "f", "arguments": {"a": 1}',
      thought: null,
      calls: [],
      problem:
        'wanted the end of a JSON value: received "<tool_call>\\n{\\"name\\": \\"f\\", \\"arguments\\": {\\"a\\": 1}"',
    },
  ],
  [
    "hermes",
    "<tool_call>ls</tool_call>",
    {
      content: "<tool_call>ls</tool_call>",
      thought: null,
      calls: [],
      problem: 'wanted a JSON object with name and arguments: received "<tool_call>ls</tool_call>"',
    },
  ],
  [
    "hermes",
    'why\n</think>\n\n<tool_call>{"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>',
    { content: "", thought: "why", calls: [{ name: "f", arguments: { a: 1 } }], problem: null },
  ],
  [
    "hermes",
    '<tool_call>{"name": "f"}</tool_call>\n<tool_call>{"x": 1}</tool_call> Done',
    {
      content: '\n<tool_call>{"x": 1}</tool_call> Done',
      thought: null,
      calls: [{ name: "f", arguments: {} }],
      problem:
        'wanted a JSON object with name and arguments: received "<tool_call>{\\"x\\": 1}</tool_call> Done"',
    },
  ],
  [
    "mistral",
    '[TOOL_CALLS]f[ARGS]{"a": 1}[TOOL_CALLS]g{"b": 2}',
    {
      content: "",
      thought: null,
      calls: [{ name: "f", arguments: { a: 1 } }, { name: "g", arguments: { b: 2 } }],
      problem: null,
    },
  ],
  [
    "llama-json",
    '{"name": "f", "parameters": {"a": 1}}; {"name": "g", "parameters": {}}',
    {
      content: "",
      thought: null,
      calls: [{ name: "f", arguments: { a: 1 } }, { name: "g", arguments: {} }],
      problem: null,
    },
  ],
  [
    "llama-json",
    '{"answer": 4}',
    { content: '{"answer": 4}', thought: null, calls: [], problem: null },
  ],
  [
    "react",
    "Thought: look\nAction: bash\nAction Input: ls -l\nObservation:",
    {
      content: "Thought: look\nObservation:",
      thought: null,
      calls: [{ name: "bash", arguments: "ls -l" }],
      problem: null,
    },
  ],
  [
    "harmony",
    "<|channel|>analysis<|message|>why<|end|><|start|>assistant to=functions.f<|channel|>commentary json<|message|>{}<|call|>",
    { content: "", thought: "why", calls: [{ name: "f", arguments: {} }], problem: null },
  ],
  [
    "harmony",
    "<|channel|>final",
    {
      content: "<|channel|>final",
      thought: null,
      calls: [],
      problem: 'wanted <|message|> after a channel: received "final"',
    },
  ],
  [
    "qwen-xml",
    "<function=f>\n<parameter=a>\n5\n",
    {
      content: "<function=f>\n<parameter=a>\n5\n",
      thought: null,
      calls: [],
      problem: 'wanted </parameter>: received "<function=f>\\n<parameter=a>\\n5"',
    },
  ],
];
for (const [form, text, wanted] of readings) {
  Deno.test(`${form}: parse() reads ${JSON.stringify(text).slice(0, 60)}`, () => {
    assert.deepEqual(TOOL_CALL_FORMS[form].parse(text), wanted);
  });
}

Deno.test("qwen-xml: parse() takes text from numbers by the schema", () => {
  const tool = {
    type: "function",
    function: { name: "f", description: "", parameters: { properties: { a: { type: "string" } } } },
  } as const;
  const text =
    "<tool_call>\n<function=f>\n<parameter=a>\n5\n</parameter>\n<parameter=b>\n5\n</parameter>\n</function>";
  assert.deepEqual(TOOL_CALL_FORMS["qwen-xml"].parse(text, [tool]).calls, [
    { name: "f", arguments: { a: "5", b: 5 } },
  ]);
});

Deno.test("formOf() recognises what each form writes", () => {
  for (const form of FORMS) {
    assert.equal(formOf(TOOL_CALL_FORMS[form].calls([{ name: "f", arguments: { a: 1 } }])), form);
  }
  assert.equal(formOf("no call"), null);
});

Deno.test("parseThought() takes a thought that has no end as all of the text", () => {
  assert.deepEqual(parseThought("<think>\nhm"), { thought: "hm", rest: "" });
  assert.deepEqual(parseThought("<think>\n\n</think>\n\nyes"), { thought: null, rest: "yes" });
  assert.deepEqual(parseThought("yes"), { thought: null, rest: "yes" });
});
