/** Several calls of tools in one turn, from the text of a model to what trainers read. */
import assert from "node:assert/strict";
import type { TimeStep } from "../../core/env.ts";
import { rollout } from "../../core/rollout.ts";
import { say, ToyEnv } from "../../core/testing/_toy_env.ts";
import { parseTrajectory } from "../../core/trajectory_schema.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { streamOf } from "../../plugins/chat/_sample.ts";
import { type ChatCodec, loadChatCodec } from "../../plugins/chat/mod.ts";
import { collect } from "../../plugins/exporters/_collect.ts";
import { ActingModel } from "../../plugins/models/generation/acting_model.ts";
import type { GenerateRequest, Generation, Generator } from "../../plugins/models/generation/generator.ts";
import { initModel } from "../../plugins/models/init.ts";
import { encodeRows, readRows } from "../../plugins/trainers/_data/mod.ts";
import { rowEpisodes, trajectoryEpisode } from "../../plugins/trainers/_grpo/episodes.ts";
import { samplesOf } from "../../plugins/trainers/_grpo/samples.ts";

/** Each roll is paid by the sides of its die; the end of the episode says how it went. */
class Paying extends ToyEnv {
  protected override roll(sides: unknown): TimeStep {
    return say(`d${sides}`, { reward: Number(sides) / 10 });
  }
}

const call = (name: string, given: object): string =>
  `<tool_call>\n{"name": "${name}", "arguments": ${JSON.stringify(given).replace(":", ": ")}}\n</tool_call>`;
const roll = (sides: number): string => call("roll", { sides });
const LINES: readonly string[] = [
  `Two at once.\n${roll(2)}\n${roll(8)}<|im_end|>`,
  `${roll(4)}<|im_end|>`,
  `${roll(6)}\n${roll(7)}\n${call("stop", {})}\n${roll(9)}<|im_end|>`,
];

async function folderCodec(): Promise<ChatCodec> {
  const folder = await Deno.makeTempDir();
  try {
    await initModel(folder, { seed: 1n });
    return await loadChatCodec(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** An episode of a model that knows its lines. */
async function played(codec: ChatCodec, lines: readonly string[]): Promise<Trajectory> {
  let turn = 0;
  const generate = (_: GenerateRequest): Promise<Generation> => {
    const ids = Int32Array.from(codec.tokenizer.encode(lines[turn++]!));
    const probabilities = new Float32Array(ids.length).fill(-0.5);
    return Promise.resolve({
      ids,
      logProbabilities: probabilities,
      drawnLogProbabilities: probabilities,
      reason: "stop",
    });
  };
  // Sound: this is all that acting needs of a generator.
  const generator = { maxLength: 8192, generate } as unknown as Generator;
  const acting = new ActingModel({ codec, generator }, {
    tools: true,
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    maxNewTokens: 1000,
    stop: [],
  }, "script");
  const task = { id: "dice", description: "Roll the dice" };
  const episode = await rollout(new Paying(), acting, { task, now: () => 0 });
  assert.equal(episode.outcome.error, null);
  return { ...episode, reward: 1 };
}

Deno.test("an episode with several calls a turn can be written, read and exported, a turn as one message", async () => {
  const codec = await folderCodec();
  const episode = await played(codec, LINES);
  assert.deepEqual(parseTrajectory(JSON.parse(JSON.stringify(episode))), episode);
  assert.deepEqual(episode.steps.map(({ turn }) => turn), [0, 0, undefined, 2, 2, 2]);
  assert.deepEqual(episode.steps.at(-1)!.extra, { unplayed: 1 });
  const { rows: [row] } = await collect("knowlyr/sft-v1", [episode]);
  const messages = row!["messages"] as {
    role: string;
    content: string;
    weight: number;
    tool_calls?: { id: string }[];
    tool_call_id?: string;
  }[];
  assert.deepEqual(messages.map(({ role }) => role), [
    "user",
    "assistant",
    "tool",
    "tool",
    "assistant",
    "tool",
    "assistant",
    "tool",
    "tool",
    "tool",
  ]);
  const asked = messages.flatMap(({ tool_calls = [] }) => tool_calls.map(({ id }) => id));
  assert.equal(new Set(asked).size, 6);
  assert.deepEqual(messages.flatMap(({ tool_call_id }) => tool_call_id ?? []), asked);
  const answers = messages.filter(({ role }) => role === "assistant");
  assert.deepEqual(answers.map(({ tool_calls }) => tool_calls!.length), [2, 1, 3]);
  assert.deepEqual(answers.map(({ content }) => content), ["Two at once.", "", ""]);
  // Means of the rewards of a turn, 0.5, 0.4 and 2.3 / 3, over the mean of the turns.
  const means = [0.5, 0.4, 2.3 / 3];
  const mean = means.reduce((sum, each) => sum + each) / 3;
  for (const [at, { weight }] of answers.entries()) {
    assert.ok(Math.abs(weight - means[at]! / mean) < 1e-12, `${weight}`);
  }
});

Deno.test("an exported turn of several calls trains the tokens that the model wrote for those that were carried out", async () => {
  const codec = await folderCodec();
  const lines = [...LINES.slice(0, 2), LINES[2]!.replace(`\n${roll(9)}`, "")];
  const episode = await played(codec, lines);
  const { rows } = await collect("knowlyr/sft-v1", [episode]);
  const { sequences: [sequence], report } = await encodeRows(
    readRows(streamOf(rows), "sft.jsonl"),
    codec,
    { maxLength: 8192 },
  );
  assert.deepEqual([report.sequences, report.cut, report.shortened], [1, 0, 0]);
  const { promptIds, completionIds } = episode.steps[3]!.tokens!;
  assert.deepEqual([...sequence!.ids], [...promptIds!, ...completionIds!]);
  const trained = [...sequence!.ids].filter((_, at) => sequence!.weights[at]! > 0);
  assert.equal(codec.tokenizer.decode(Int32Array.from(trained)), lines.join(""));
});

Deno.test("an episode with several calls a turn is one sequence to GRPO, in memory and in a row alike", async () => {
  const codec = await folderCodec();
  const episode = await played(codec, LINES);
  const { rows } = await collect("knowlyr/grpo-v1", [episode, { ...episode, id: "sha256:2", reward: 0 }]);
  const direct = [episode, { ...episode, reward: 0 }].map(trajectoryEpisode);
  const made = samplesOf([direct], { maxLength: 8192 });
  assert.deepEqual(made.refused, {});
  assert.equal(made.samples.length, 2);
  const [{ promptIds, completionIds, mask, stepOf, stepRewards }] = made.samples as [typeof made.samples[0]];
  const sampled = [...completionIds].filter((_, at) => mask[at] === 1);
  assert.equal(codec.tokenizer.decode(Int32Array.from(sampled)), LINES.join(""));
  const last = episode.steps[3]!.tokens!;
  assert.deepEqual([...promptIds, ...completionIds], [...last.promptIds!, ...last.completionIds!]);
  assert.deepEqual([...new Set(stepOf)], [0, 1, 2]);
  assert.deepEqual(stepRewards!.map((reward) => Math.round(reward * 10)), [10, 4, 23]);
  assert.deepEqual(samplesOf([rowEpisodes(rows[0]!, "rows:1")], { maxLength: 8192 }), made);
});

Deno.test("a last turn that was cut at the limit of its tokens cuts its episode short, whichever call came last", async () => {
  const episode = await played(await folderCodec(), LINES);
  const steps = episode.steps.map((step) => step.index === 3 ? { ...step, extra: { cut: true } } : step);
  const cut = { ...episode, steps };
  assert.deepEqual([episode, cut].map((each) => trajectoryEpisode(each).truncated), [false, true]);
  const { rows } = await collect("knowlyr/grpo-v1", [cut, { ...cut, id: "sha256:2" }]);
  assert.deepEqual(rowEpisodes(rows[0]!, "rows:1").map(({ truncated }) => truncated), [true, true]);
});
