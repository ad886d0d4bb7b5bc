/** Which texts fit a schema: by table, and against a validator written for this test. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Json } from "../../../../core/schema.ts";
import { type SchemaNode, SchemaTerms } from "./schema.ts";
import { Language, type Term } from "./term.ts";
import { arbitrarySchema, fits, valueOf } from "./_schemas.ts";

const UTF8 = new TextEncoder();

function termOf(schema: SchemaNode, depth?: number): Term {
  return new SchemaTerms(new Language(), schema, "").term(schema, depth);
}

function accepts(term: Term, text: string): boolean {
  return term.afterAll(UTF8.encode(text)).shortest === 0;
}

const object = (properties: { [key: string]: Json }, more: { [key: string]: Json } = {}) => ({
  type: "object",
  properties,
  ...more,
});
const list: { [key: string]: Json } = {
  $defs: { node: object({ next: { $ref: "#/$defs/node" }, at: { type: "integer" } }, { required: ["at"] }) },
  $ref: "#/$defs/node",
};

const cases: readonly (readonly [
  what: string,
  schema: SchemaNode,
  fitting: readonly string[],
  others: readonly string[],
])[] = [
  [
    "numbers",
    { type: "number" },
    ["0", "-0.5e+3", "12.25", "1E5", "-0", "5e-324", "1e199", "0.30000000000000004"],
    ["01", "+1", ".5", "1.", "1e", "1e400", "--1", "NaN", "", "-"],
  ],
  ["whole numbers", { type: "integer" }, ["0", "-12", "9007199254740991"], [
    "1.0",
    "1e2",
    "00",
    "-",
    "-0",
    "9007199254740992",
  ]],
  ["numbers of zero or more", { type: "number", minimum: 0 }, ["0", "0.5"], ["-1"]],
  ["whole numbers of zero or more", { type: "integer", minimum: 0 }, ["0", "12"], ["-1"]],
  ["a short range", { type: "integer", minimum: -1, maximum: 11.5 }, ["-1", "0", "11"], [
    "-2",
    "12",
    "1.0",
    "111",
  ]],
  ["exclusive bounds", { type: "integer", exclusiveMinimum: 0, exclusiveMaximum: 10 }, ["1", "9"], [
    "0",
    "10",
  ]],
  ["an empty range", { type: "integer", minimum: 2, maximum: 1 }, [], ["1", "2"]],
  [
    "strings",
    { type: "string" },
    [
      '""',
      '"a"',
      '"é 漢 😀"',
      '"\\u0041"',
      '"\\ud83d\\ude00"',
      '"\\uD83D\\uDE00"',
      '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
      '"\\ud7ff"',
    ],
    ['"', "a", '"a', '"\n"', '"\\x"', '"\\u00g0"', '"\\ud83d"', '"\\ude00"', '"\\ud83d\\u0041"', '"a"b'],
  ],
  ["lengths in characters", { type: "string", minLength: 1, maxLength: 2 }, [
    '"a"',
    '"😀é"',
    '"\\ud83d\\ude00a"',
  ], [
    '""',
    '"abc"',
    '"\\u0041bc"',
  ]],
  ["enum", { type: "string", enum: ["red", "reddish", "é\n", 1] }, ['"red"', '"reddish"', '"é\\n"', "1"], [
    '"re"',
    '"redd"',
    "2",
    '"\\u0072ed"',
  ]],
  ["const", { const: { a: [1, { b: null }] } }, ['{"a":[1,{"b":null}]}', '{"a": [1, {"b": null}]}'], [
    '{"a":[1]}',
  ]],
  ["truth and nothing", { type: ["boolean", "null"] }, ["true", "false", "null"], ["True", "nul", "0"]],
  ["arrays", { type: "array", items: { type: "integer" } }, ["[]", "[1]", "[1, 2,3]", "[\n  1,\n  2\n]"], [
    "[1,]",
    "[,1]",
    "[1 2]",
    "[true]",
    "[",
  ]],
  [
    "lengths of arrays",
    { items: { type: "boolean" }, minItems: 1, maxItems: 2 },
    ["[true]", "[true,false]"],
    [
      "[]",
      "[true,true,true]",
    ],
  ],
  ["an array that must be empty", { type: "array", maxItems: 0 }, ["[]"], ["[1]"]],
  ["an array of nothing", { type: "array", items: false }, ["[]"], ["[1]", "[[]]"]],
  [
    "keys in any order, none twice",
    object({ a: { type: "integer" }, b: { type: "boolean" }, 'ü"': true }, { required: ["a"] }),
    ['{"a":1}', '{"b":true,"a":1}', '{"a":1,"b":false}', '{"ü\\"":[],"a":0}'],
    ["{}", '{"b":true}', '{"a":1,"a":2}', '{"a":1,"c":2}', '{"a":true}', '{"a":1,}'],
  ],
  ["objects without properties", { type: "object" }, ["{}", '{"x":1,"y":{"z":[]}}'], ['{"a"}', "[]"]],
  [
    "further keys of a kind",
    object({ ab: { type: "integer" } }, { additionalProperties: { type: "string" } }),
    ["{}", '{"ab":1}', '{"a":"x","abc":"y","ab":1,"":"z"}', '{"ü":"x"}'],
    ['{"ab":"x"}', '{"a":1}', '{"a\\u0062":"x"}', '{"ab":1,"ab":2}'],
  ],
  ["what is required but not listed", { type: "object", required: ["x"] }, ['{"x":1}', '{"y":1,"x":[]}'], [
    "{}",
    '{"y":1}',
  ]],
  ["no properties", object({}), ["{}"], ['{"a":1}']],
  ["no further keys", { type: "object", additionalProperties: false }, ["{}"], ['{"a":1}']],
  ["anyOf", { anyOf: [{ type: "integer" }, object({ a: true }, { required: ["a"] })] }, ["1", '{"a":"x"}'], [
    '"x"',
    "{}",
  ]],
  [
    "anyOf beside other keywords",
    object({ a: { type: "integer" }, b: { type: "integer" } }, {
      anyOf: [{ required: ["a"] }, { required: ["b"] }],
    }),
    ['{"a":1}', '{"b":1}', '{"b":1,"a":2}'],
    ["{}", '{"a":"x"}'],
  ],
  ["oneOf", { oneOf: [{ const: "x" }, { type: "null" }] }, ['"x"', "null"], ['"y"']],
  ["allOf of one schema", { allOf: [{ type: "null" }], description: "" }, ["null"], ["1"]],
  ["references", list, ['{"at":1}', '{"next":{"at":2,"next":{"at":3}},"at":1}'], [
    '{"next":{},"at":1}',
    "{}",
  ]],
  ["a reference to itself", { $ref: "#" }, [], ["1", "{}"]],
  ["a reference outside", { $ref: "https://example.org/s" }, ["1", "{}"], ["x"]],
  ["a reference with signs", { $ref: "#/$defs/a~1b%20c", $defs: { "a/b c": { type: "null" } } }, ["null"], [
    "1",
  ]],
  ["anything", {}, ["1", '"x"', "[[],{}]", '{"a":{"b":[null]}}', "true"], ["", "x", "[", "{1:2}"]],
  ["true", true, ["1", "{}"], [""]],
  ["false", false, [], ["1", "null", ""]],
  ["an unknown type", { type: "any" }, ["1", "{}"], ["x"]],
  ["keywords that are not read", { type: "string", pattern: "^a", format: "date" }, ['"b"'], ["1"]],
];
for (const [what, schema, fitting, others] of cases) {
  Deno.test(`term() takes ${what}`, () => {
    const term = termOf(schema);
    assert.deepEqual(fitting.filter((text) => !accepts(term, text)), []);
    assert.deepEqual(others.filter((text) => accepts(term, text)), []);
  });
}

Deno.test("term() holds whole numbers to any range", () => {
  const end = fc.oneof(fc.integer({ min: -2000, max: 2000 }), fc.maxSafeInteger());
  fc.assert(
    fc.property(end, end, end, fc.integer({ min: -1, max: 1 }), (minimum, maximum, number, beside) => {
      const term = termOf({ type: "integer", minimum, maximum });
      for (const value of [number, minimum + beside, maximum + beside].filter(Number.isSafeInteger)) {
        assert.equal(accepts(term, String(value)), value >= minimum && value <= maximum, String(value));
      }
    }),
    { numRuns: 300, seed: 8 },
  );
});

Deno.test("term() nests containers up to a depth", () => {
  const term = termOf(true, 2);
  assert.deepEqual(["1", "[1]", '[{"a":1}]', "[[]]", "[[[]]]"].map((text) => accepts(term, text)), [
    true,
    true,
    true,
    true,
    false,
  ]);
});

Deno.test("term() refuses whitespace without end", () => {
  const term = termOf({ type: "array" });
  assert.equal(accepts(term, `[\n${" ".repeat(8)}]`), true);
  for (const text of [`[\n${" ".repeat(20)}]`, "[\n\n\n\n]", " []", "[] "]) {
    assert.equal(accepts(term, text), false);
  }
});

Deno.test("term() takes every value of a schema as JSON.stringify writes it", () => {
  fc.assert(
    fc.property(
      arbitrarySchema.chain((schema) => fc.tuple(fc.constant(schema), valueOf(schema))),
      ([schema, value]) => {
        assert.ok(fits(schema, value), "the validator of this test");
        assert.ok(accepts(termOf(schema), JSON.stringify(value)));
      },
    ),
    { numRuns: 150, seed: 5 },
  );
});

Deno.test("term() has only texts that are JSON and fit", () => {
  fc.assert(
    fc.property(arbitrarySchema, fc.infiniteStream(fc.nat(1e6)), (schema, draws) => {
      const text = randomText(termOf(schema), draws);
      assert.ok(fits(schema, JSON.parse(text)), text);
    }),
    { numRuns: 200, seed: 6 },
  );
});

Deno.test("the shortest text of a term is as long as the term says", () => {
  fc.assert(
    fc.property(arbitrarySchema, (schema) => {
      let term = termOf(schema);
      for (let left = term.shortest; left > 0; left--) {
        assert.equal(term.shortest, left);
        const next = bytesOf(term).map((byte) => term.after(byte));
        term = next.reduce((best, each) => each.shortest < best.shortest ? each : best);
      }
      assert.equal(term.shortest, 0);
    }),
    { numRuns: 100, seed: 7 },
  );
});

/** Bytes that may come next. */
function bytesOf(term: Term): number[] {
  return Array.from({ length: 256 }, (_, byte) => byte).filter((byte) =>
    term.after(byte).shortest < Infinity
  );
}

/** A text of a term: 60 bytes at random, then the shortest way to the end. */
function randomText(start: Term, draws: Iterator<number>): string {
  const bytes: number[] = [];
  for (let term = start; bytes.length < 60 || term.shortest > 0;) {
    const next = bytesOf(term);
    if (next.length === 0) break;
    const least = Math.min(...next.map((byte) => term.after(byte).shortest));
    const choice = bytes.length < 60 ? next : next.filter((byte) => term.after(byte).shortest === least);
    const byte = choice[draws.next().value % choice.length]!;
    bytes.push(byte);
    term = term.after(byte);
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes));
}
