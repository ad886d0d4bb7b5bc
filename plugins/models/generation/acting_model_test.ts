/** What becomes of texts that models write: a generator that knows its lines in place of a model. */
import assert from "node:assert/strict";
import { rollout, type RolloutOptions } from "../../../core/rollout.ts";
import { ToyEnv } from "../../../core/testing/_toy_env.ts";
import type { Action, Trajectory } from "../../../core/trajectory.ts";
import { TEMPLATES, tokenizerWith } from "../../chat/_templates_test.ts";
import { type ChatCodec, createChatCodec, loadChatCodec, TOOL_CALL_FORMS, turnsOf } from "../../chat/mod.ts";
import { initModel } from "../init.ts";
import { ActingModel, type ActingOptions } from "./acting_model.ts";
import type { GenerateRequest, Generation, Generator } from "./generator.ts";

const settings: ActingOptions = {
  tools: true,
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  maxNewTokens: 400,
  stop: [],
};

let loading: Promise<ChatCodec> | undefined;

/** The codec of models that `initModel` makes: tokens are bytes. */
function codec(): Promise<ChatCodec> {
  return loading ??= (async () => {
    const folder = await Deno.makeTempDir();
    try {
      await initModel(folder, { seed: 1n });
      return await loadChatCodec(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  })();
}

/** Says one text a turn, the last one for ever, and ends as a real generator does. */
async function scripted(
  texts: readonly string[],
  maxLength = 4096,
  given: ChatCodec | null = null,
): Promise<Generator> {
  const { tokenizer } = given ?? await codec();
  let turn = 0;
  const generate = (request: GenerateRequest): Promise<Generation> => {
    const line = [...tokenizer.encode(texts[Math.min(turn++, texts.length - 1)]!)];
    const ids: number[] = [];
    let reason: Generation["reason"] = "length";
    for (const id of line.slice(0, Math.min(request.maxNewTokens, maxLength - request.promptIds.length))) {
      ids.push(id);
      if (request.stopIds?.includes(id) === true) reason = "stop";
      else if (request.onToken?.(id) === true) reason = "caller";
      if (reason !== "length") break;
    }
    const logProbabilities = new Float32Array(ids.length).fill(-1);
    const drawnLogProbabilities = new Float32Array(ids.length).fill(-0.5);
    return Promise.resolve({ ids: Int32Array.from(ids), logProbabilities, drawnLogProbabilities, reason });
  };
  // Sound: this is all that acting needs of a generator.
  return { maxLength, generate } as unknown as Generator;
}

async function played(
  texts: readonly string[],
  given: Partial<ActingOptions> = {},
  options: RolloutOptions & { maxLength?: number; codec?: ChatCodec } = {},
): Promise<Trajectory> {
  const { maxLength, codec: other = await codec(), ...rest } = options;
  const shared = { codec: other, generator: await scripted(texts, maxLength, other) };
  const acting = new ActingModel(shared, { ...settings, ...given }, "script");
  const task = { id: "dice", description: "Roll the die" };
  return await rollout(new ToyEnv(), acting, { task, maxSteps: texts.length, now: () => 0, ...rest });
}

const roll = '<tool_call>\n{"name": "roll", "arguments": {"sides": 6}}\n</tool_call>';
const called: Action = { tool: "roll", params: { sides: 6 } };
const said = (raw: string): Action => ({ tool: "", params: {}, raw });

const texts: readonly (readonly [what: string, text: string, action: Action, thought: string])[] = [
  ["a call", `${roll}<|im_end|>`, called, ""],
  ["a call after words", `I roll.\n${roll}<|im_end|>`, called, "I roll."],
  ["a call after a thought", `<think>Hm.</think>\n${roll}<|im_end|>`, called, "Hm."],
  ["a call whose tag is not closed", `${roll.slice(0, -13)}<|im_end|>`, called, ""],
  ["a call that was cut", roll, called, ""],
  [
    "arguments that are no object",
    '<tool_call>\n{"name": "roll", "arguments": "six"}\n</tool_call><|im_end|>',
    { tool: "roll", params: {}, raw: "six" },
    "",
  ],
  [
    "half a call as text",
    '<tool_call>\n{"name": "roll", "argu<|im_end|>',
    said('<tool_call>\n{"name": "roll", "argu'),
    "",
  ],
  ["JSON that is no call as text", '{"sides": 6}<|im_end|>', said('{"sides": 6}'), ""],
  [
    "another model's form as text",
    '[TOOL_CALLS] [{"name": "roll", "arguments": {"sides": 6}}]<|im_end|>',
    said('[TOOL_CALLS] [{"name": "roll", "arguments": {"sides": 6}}]'),
    "",
  ],
  ["plain text", "What die?<|im_end|>", said("What die?"), ""],
  ["nothing at all", "<|im_end|>", said(""), ""],
  ["opening tags alone", "<tool_call><tool_call><tool_call><|im_end|>", said("<tool_call>".repeat(3)), ""],
  ["text that imitates a turn", "<|im_start|>user\nDone", said("<|im_start|>user\nDone"), ""],
];
for (const [what, text, action, thought] of texts) {
  Deno.test(`acting takes ${what}`, async () => {
    const { steps, outcome } = await played([text, text, text]);
    assert.equal(outcome.error, null);
    assert.deepEqual(steps.map((step) => step.action), [action, action, action]);
    assert.deepEqual(steps.map((step) => step.thought), [thought, thought, thought]);
  });
}

Deno.test("the prompt of each turn starts with the prompt and the words of the turn before, however that ended", async () => {
  const lines = [
    `I roll.\n${roll}<|im_end|>`,
    "cut in the midst of <tool_call>\n{",
    "<|im_end|>",
    `<think>x</think>${roll}\n\n <|im_end|>`,
    `${roll}${roll}<|im_end|>`,
    "<|im_start|>assistant\nodd",
    "  spaces  <|im_end|>",
    "end",
  ];
  const { steps, outcome } = await played(lines, {}, { maxSteps: lines.length + 1 }); // one turn is two calls
  assert.equal(outcome.error, null);
  const { tokenizer } = await codec();
  const turns = turnsOf(steps);
  assert.equal(turns.length, lines.length);
  for (const [at, turn] of turns.entries()) {
    const { tokens } = turn[0]!;
    assert.equal(tokenizer.decode(Int32Array.from(tokens!.completionIds!)), lines[at]);
    if (at === 0) continue;
    const before = turns[at - 1]![0]!.tokens!;
    const seen = [...before.promptIds!, ...before.completionIds!];
    assert.deepEqual(tokens!.promptIds!.slice(0, seen.length), seen, `turn ${at}`);
    const rest = tokenizer.decode(Int32Array.from(tokens!.promptIds!.slice(seen.length)));
    const ended = lines[at - 1]!.endsWith("<|im_end|>");
    assert.ok(rest.startsWith(ended ? "\n<|im_start|>" : "<|im_end|>\n<|im_start|>"), rest);
    assert.ok(rest.endsWith("<|im_start|>assistant\n"), rest);
    for (const { result } of turns[at - 1]!) assert.ok(rest.includes(result.output), rest);
  }
});

Deno.test("what was drawn is on record with the settings it was drawn with; what is off is null", async () => {
  const narrow = { temperature: 0.7, topK: 5, topP: 0.9, minP: 0.1, repetitionPenalty: 1.1 };
  const { steps: [first, second] } = await played(["a<|im_end|>", "b"], narrow);
  const { sampling, ...tokens } = first!.tokens!;
  const { seed, ...rest } = sampling!;
  assert.deepEqual(rest, narrow);
  assert.match(seed!, /^\d+$/);
  assert.notEqual(second!.tokens!.sampling!.seed, seed);
  const ids = [...(await codec()).tokenizer.encode("a<|im_end|>")];
  assert.deepEqual(tokens.completionIds, ids);
  assert.deepEqual(tokens.logProbs, [-0.5, -0.5]);
  assert.deepEqual([tokens.completionTokens, tokens.promptTokens], [2, tokens.promptIds!.length]);
  assert.equal(tokens.reencoded, false);
  const { steps: [plain] } = await played(["a"]);
  const { seed: _seed, ...off } = plain!.tokens!.sampling!;
  assert.deepEqual(off, { temperature: 1, topK: null, topP: null, minP: null, repetitionPenalty: null });
});

Deno.test("a turn that reached the limit of its tokens says so", async () => {
  const { steps } = await played(["abcdef", "abc<|im_end|>"], { maxNewTokens: 4 });
  assert.deepEqual(steps.map(({ extra }) => extra?.["cut"]), [true, undefined]);
  assert.deepEqual(steps.map(({ action }) => action.raw), ["abcd", "abc"]);
});

Deno.test("a text that ends a turn is no part of the action, wherever it stands", async () => {
  const { steps } = await played(["one STOP two", "STOP"], { stop: ["STOP", "never"] });
  assert.deepEqual(steps.map(({ action }) => action.raw), ["one", ""]);
  const { tokenizer } = await codec();
  const written = steps.map(({ tokens }) => tokenizer.decode(Int32Array.from(tokens!.completionIds!)));
  assert.deepEqual(written, ["one STOP", "STOP"]);
});

Deno.test("the prompt holds system prompt, task, observation and tools, or no tools when they are off", async () => {
  const { tokenizer } = await codec();
  const promptOf = async (given: Partial<ActingOptions>): Promise<string> => {
    const { steps } = await played(["a"], given);
    return tokenizer.decode(Int32Array.from(steps[0]!.tokens!.promptIds!));
  };
  const whole = await promptOf({ system: "Be brief." });
  for (const part of ["Be brief.", "Roll the die", "Roll (", "Rolls a die"]) assert.ok(whole.includes(part));
  const without = await promptOf({ tools: false });
  assert.ok(!without.includes("Rolls a die") && !without.includes("Be brief."));
});

Deno.test("when the history does not fit, the earliest steps are left out, each step says how many", async () => {
  const lines = Array.from({ length: 12 }, (_, at) => `turn ${at} ${"x".repeat(60)}<|im_end|>`);
  const { steps, outcome } = await played(lines, { tools: false, maxNewTokens: 80 }, { maxLength: 700 });
  assert.equal(outcome.error, null);
  const { tokenizer } = await codec();
  const omitted = steps.map(({ extra }) => Number(extra?.["omittedSteps"] ?? 0));
  assert.equal(omitted[0], 0);
  assert.ok(omitted.at(-1)! > 0, `${omitted}`);
  for (const [at, { tokens }] of steps.entries()) {
    assert.ok(tokens!.promptIds!.length + 80 <= 700);
    const prompt = tokenizer.decode(Int32Array.from(tokens!.promptIds!));
    assert.ok(prompt.includes("Roll the die"));
    for (let earlier = 0; earlier < at; earlier++) {
      const there = prompt.includes(`turn ${earlier} x`);
      assert.equal(there, earlier >= omitted[at]!, `turn ${earlier} in the prompt of turn ${at}: ${omitted}`);
    }
    if (at > 0) assert.ok(omitted[at]! >= omitted[at - 1]!);
    // As few as possible: with one turn more, of about 100 tokens, it would not have fitted.
    if (at > 0 && omitted[at]! > omitted[at - 1]!) assert.ok(tokens!.promptIds!.length + 80 + 110 > 700);
  }
});

Deno.test("steps that were left out stay out of later prompts, which say so as well", async () => {
  const lines = ["x".repeat(300), "y".repeat(100), "a", "b", "c"].map((line) => `${line}<|im_end|>`);
  const { steps } = await played(lines, { tools: false, maxNewTokens: 310 }, { maxLength: 600 });
  assert.deepEqual(steps.map(({ extra }) => extra?.["omittedSteps"] ?? 0), [0, 0, 1, 1, 1]);
  const [, , first, second] = steps.map(({ tokens }) => tokens!);
  const seen = [...first!.promptIds!, ...first!.completionIds!];
  assert.deepEqual(second!.promptIds!.slice(0, seen.length), seen);
});

Deno.test("a task that does not fit ends the episode with both numbers", async () => {
  const task = { id: "long", description: "x".repeat(500) };
  const { outcome, steps } = await played(["a"], { tools: false }, { maxLength: 300, task });
  assert.equal(steps.length, 0);
  assert.match(
    outcome.error!,
    /^Cannot act policy "onnx-model": Cannot act: wanted the task and the latest turn in 300 tokens: received 5\d\d$/,
  );
});

Deno.test("a latest turn that does not fit ends the episode", async () => {
  const line = `${"x".repeat(250)}<|im_end|>`;
  const { outcome, steps } = await played(
    [line, line, line],
    { tools: false, stop: [] },
    { maxLength: 300 },
  );
  assert.equal(steps.length, 1);
  assert.match(outcome.error!, /wanted the task and the latest turn in 300 tokens: received \d+$/);
});

Deno.test("a second episode does not begin with the words of the first", async () => {
  const shared = { codec: await codec(), generator: await scripted([`${roll}<|im_end|>`]) };
  const acting = new ActingModel(shared, settings, "script");
  const once = () => rollout(new ToyEnv(), acting, { maxSteps: 2, now: () => 0 });
  const [first, second] = [await once(), await once()];
  assert.deepEqual(second.steps, first.steps);
});

Deno.test("a turn goes on from what was computed for the one before; a new episode and a policy without reuse do not", async () => {
  const asked: GenerateRequest[] = [];
  const generator = await scripted([`${roll}<|im_end|>`]);
  let made = 0;
  const generate = async (request: GenerateRequest): Promise<Generation> => {
    asked.push(request);
    // Sound: nothing looks into a state but the generator that made it.
    const state = { turn: made++ } as unknown as NonNullable<Generation["state"]>;
    return { ...await generator.generate(request), ...(request.keepState === true ? { state } : {}) };
  };
  const shared = { codec: await codec(), generator: { ...generator, generate } as unknown as Generator };
  for (const reuse of [undefined, false]) {
    const acting = new ActingModel(shared, { ...settings, reuse }, "script");
    for (let episode = 0; episode < 2; episode++) await rollout(new ToyEnv(), acting, { maxSteps: 3 });
  }
  assert.deepEqual(
    asked.map(({ state, keepState }) => [keepState, (state as { turn?: number } | undefined)?.turn]),
    [
      [true, undefined],
      [true, 0],
      [true, 1],
      [true, undefined],
      [true, 3],
      [true, 4],
      ...Array(6).fill([false, undefined]),
    ],
  );
});

const dice = (sides: number): Action => ({ tool: "roll", params: { sides } });
const turn = (...sides: readonly number[]): string =>
  `${sides.map((each) => roll.replace("6", `${each}`)).join("\n")}<|im_end|>`;

Deno.test("all calls of a turn are carried out, recorded as one call of the model", async () => {
  const { steps, outcome } = await played([`I roll.\n${turn(6, 8, 4)}`, turn(2), turn(3, 5)], {}, {
    maxSteps: 6,
  });
  assert.equal(outcome.error, null);
  assert.deepEqual(steps.map(({ action }) => action), [6, 8, 4, 2, 3, 5].map(dice));
  assert.deepEqual(steps.map((step) => step.turn), [0, 0, 0, undefined, 2, 2]);
  assert.deepEqual(steps.map(({ thought }) => thought), ["I roll.", "", "", "", "", ""]);
  assert.deepEqual(steps.map(({ tokens }) => tokens !== null), [true, false, false, true, true, false]);
});

Deno.test("a call without a name is none beside others, and all there is alone", async () => {
  const nameless = '<tool_call>\n{"name": "", "arguments": {}}\n</tool_call>';
  const { steps } = await played([`${nameless}\n${turn(6, 8)}`, `${nameless}<|im_end|>`], {}, {
    maxSteps: 3,
  });
  assert.deepEqual(steps.map(({ action }) => action), [dice(6), dice(8), { tool: "", params: {} }]);
});

Deno.test("calls that the episode left no room for are on record as tokens, and counted", async () => {
  const { steps } = await played([turn(6, 8, 4)], {}, { maxSteps: 2 });
  assert.deepEqual(steps.map(({ action }) => action), [dice(6), dice(8)]);
  assert.deepEqual(steps.map(({ extra }) => extra), [undefined, { unplayed: 1 }]);
  const { tokenizer } = await codec();
  assert.equal(tokenizer.decode(Int32Array.from(steps[0]!.tokens!.completionIds!)), turn(6, 8, 4));
});

Deno.test("turns of several calls are left out whole when the history does not fit", async () => {
  const lines = Array.from({ length: 12 }, (_, at) => turn(...[[100 + at], [200 + at, 300 + at]][at % 2]!));
  const room = { maxLength: 1100, maxSteps: 18 };
  const { steps, outcome } = await played(lines, { tools: false, maxNewTokens: 150 }, room);
  assert.equal(outcome.error, null);
  const { tokenizer } = await codec();
  const turns = turnsOf(steps);
  assert.equal(turns.length, 12);
  let last = 0;
  for (const [at, [first]] of turns.entries()) {
    const omitted = Number(first!.extra?.["omittedSteps"] ?? 0);
    assert.ok(omitted >= last && turns.some(([start]) => start!.index === omitted), `turn ${at}: ${omitted}`);
    last = omitted;
    const ids = first!.tokens!.promptIds!;
    assert.ok(ids.length + 150 <= 1100);
    const prompt = tokenizer.decode(Int32Array.from(ids));
    for (const { index, action: { params } } of turns.slice(0, at).flat()) {
      assert.equal(prompt.includes(`"sides": ${params["sides"]}}`), index >= omitted, `turn ${at}`);
    }
    const answers = prompt.split("<|im_start|>tool").length - 1;
    assert.equal(answers, first!.index - omitted, "an answer for each call that is shown, and no other");
  }
  assert.ok(last > 0);
});

/** Llama 3's template refuses several calls, and gpt-oss ends its turn behind a call. */
const single: Readonly<Record<string, readonly [what: string, dropped: number | undefined]>> = {
  llama3: ["one call, and the rest counted", 1],
  harmony: ["one call, because the model stops there", undefined],
};
for (const [name, { source, tokens, eos, bos }] of Object.entries(TEMPLATES)) {
  const [what, dropped] = single[name] ?? ["carried out whole", undefined];
  const other = createChatCodec({ tokenizer: tokenizerWith(tokens, eos, bos ?? null), template: source });
  if (other.toolCallForm === null) continue; // what is written stays text
  const form = TOOL_CALL_FORMS[other.toolCallForm];
  Deno.test(`a turn of two calls in the form and template of ${name} is ${what}`, async () => {
    const calls = form.calls([6, 8].map((sides) => ({ name: "roll", arguments: { sides } })));
    const line = `${calls}${other.tokenizer.decode(Int32Array.from(other.stopIds.slice(0, 1)))}`;
    const expected = name in single ? [dice(6)] : [dice(6), dice(8)];
    const { steps, outcome } = await played([line], {}, { codec: other, maxSteps: 3 * expected.length });
    assert.equal(outcome.error, null);
    const turns = turnsOf(steps);
    assert.equal(turns.length, 3);
    for (const [at, turn] of turns.entries()) {
      assert.deepEqual(turn.map(({ action }) => action), expected);
      assert.equal(turn[0]!.extra?.["droppedCalls"], dropped);
      if (at === 0) continue;
      const before = turns[at - 1]!;
      const { promptIds, completionIds } = before[0]!.tokens!;
      const seen = [...promptIds!, ...completionIds!];
      const prompt = turn[0]!.tokens!.promptIds!;
      assert.deepEqual(prompt.slice(0, seen.length), seen);
      const rest = other.tokenizer.decode(Int32Array.from(prompt.slice(seen.length)));
      let from = 0;
      for (const { result } of before) {
        const place = rest.indexOf(result.output, from);
        assert.ok(place >= 0, rest);
        from = place + result.output.length;
      }
    }
  });
}
