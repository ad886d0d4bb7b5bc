import assert from "node:assert/strict";
import fc from "fast-check";
import { collect } from "../../exporters/_collect.ts";
import { GymError } from "../../../core/errors.ts";
import type { Sampling, StepTokens } from "../../../core/trajectory.ts";
import { sampleStep, sampleTrajectory } from "../../chat/_sample.ts";
import { type RecordedEpisode, rowEpisodes, trajectoryEpisode } from "./episodes.ts";
import { samplesOf } from "./samples.ts";

const sampling: Sampling = {
  temperature: 0.5,
  topK: null,
  topP: null,
  minP: null,
  repetitionPenalty: null,
  seed: null,
};

function call(promptIds: number[], completionIds: number[], given: Partial<StepTokens> = {}): StepTokens {
  return {
    promptIds,
    completionIds,
    logProbs: completionIds.map((id) => -id),
    sampling,
    promptTokens: null,
    completionTokens: null,
    reencoded: false,
    ...given,
  };
}

const episode = (tokens: (StepTokens | null)[], reward: number | null = 1): RecordedEpisode => ({
  calls: tokens.map((tokens, at) => ({ tokens, reward: at })),
  reward,
  truncated: false,
});

const plain = (array: ArrayLike<number>) => Array.from(array);

Deno.test("samplesOf() makes one sequence of turns that continue each other, the environment's words masked", () => {
  const turns = episode([call([1, 2], [3, 4]), call([1, 2, 3, 4, 5, 6], [7])]);
  const { samples } = samplesOf([[turns]], { maxLength: 9 });
  assert.equal(samples.length, 1);
  const [sample] = samples;
  assert.deepEqual(plain(sample!.promptIds), [1, 2]);
  assert.deepEqual(plain(sample!.completionIds), [3, 4, 5, 6, 7]);
  assert.deepEqual(plain(sample!.mask), [1, 1, 0, 0, 1]);
  assert.deepEqual(plain(sample!.logProbabilities), [-3, -4, 0, 0, -7]);
  assert.deepEqual(plain(sample!.temperatures), [0.5, 0.5, 1, 1, 0.5]);
  assert.deepEqual(plain(sample!.stepOf), [0, 0, 0, 0, 1]);
  assert.deepEqual(sample!.stepRewards, [0, 1]);
});

Deno.test("samplesOf() begins a new sample where a prompt does not continue the ids before it", () => {
  const rewritten = episode([
    call([1, 2], [3, 4]),
    call([1, 2, 9, 4, 5], [6]),
    call([1, 2, 9, 4, 5, 6], [7]),
  ]);
  const { samples } = samplesOf([[episode([call([8], [9])]), rewritten]], { maxLength: 9 });
  assert.deepEqual(
    samples.map((sample) => [sample.episode, plain(sample.promptIds), plain(sample.completionIds)]),
    [
      [0, [8], [9]],
      [1, [1, 2], [3, 4]],
      [1, [1, 2, 9, 4, 5], [6, 7]],
    ],
  );
  assert.deepEqual(plain(samples[2]!.stepOf), [1, 2]);
});

Deno.test("samplesOf() refuses what no ratio can be computed for, and counts it by reason", () => {
  const bad: [string, RecordedEpisode][] = [
    ["no reward", episode([call([1], [2])], null)],
    ["no steps", episode([])],
    ["no recorded tokens", episode([call([1], [2]), null])],
    ["no recorded tokens", episode([call([1], [2], { promptIds: null })])],
    ["tokens encoded again", episode([call([1], [2], { reencoded: true })])],
    ["no recorded log-probabilities", episode([call([1], [2], { logProbs: null })])],
    ["a log-probability missing or not finite", episode([call([1], [2, 3], { logProbs: [-1] })])],
    ["a log-probability missing or not finite", episode([call([1], [2], { logProbs: [-Infinity] })])],
    ["a prompt or completion without tokens", episode([call([], [2])])],
    ["no sampling settings", episode([call([1], [2], { sampling: null })])],
    ["not sampled but greedy", episode([call([1], [2], { sampling: { ...sampling, temperature: 0 } })])],
    [
      "sampled from part of the distribution, without isCap",
      episode([call([1], [2], { sampling: { ...sampling, topP: 0.9 } })]),
    ],
    [
      "sampled from part of the distribution, without isCap",
      episode([call([1], [2], { sampling: { ...sampling, constraint: "required" } })]),
    ],
    ["longer than maxLength", episode([call([1, 2], [3, 4, 5])])],
  ];
  const expected: Record<string, number> = {};
  for (const [reason] of bad) expected[reason] = (expected[reason] ?? 0) + 1;
  const found = samplesOf([bad.map(([, episode]) => episode), [episode([call([1, 2], [3, 4])])]], {
    maxLength: 4,
  });
  assert.deepEqual(found.refused, expected);
  assert.deepEqual([found.samples.length, found.groups, found.episodes], [1, 2, bad.length + 1]);
});

Deno.test("samplesOf() takes narrowed sampling when importance sampling makes it good", () => {
  const narrowed = episode([call([1], [2], { sampling: { ...sampling, topK: 5 } })]);
  assert.equal(samplesOf([[narrowed]], { maxLength: 4, narrowed: true }).samples.length, 1);
});

Deno.test("samplesOf() trains every sampled token exactly once, whatever the prompts", () => {
  const ids = fc.array(fc.nat(3), { minLength: 1, maxLength: 4 });
  const turn = fc.record({ said: ids, sampled: ids, rewritten: fc.boolean() });
  fc.assert(fc.property(fc.array(turn, { minLength: 1, maxLength: 5 }), (turns) => {
    let before: number[] = [];
    const calls = turns.map(({ said, sampled, rewritten }) => {
      const prompt = rewritten ? [...said] : [...before, ...said];
      before = [...prompt, ...sampled];
      return call(prompt, sampled);
    });
    const { samples } = samplesOf([[episode(calls)]], { maxLength: 1000 });
    const trained = samples.flatMap(({ completionIds, mask, stepOf }) =>
      [...completionIds].flatMap((id, t) => mask[t] === 1 ? [[stepOf[t], id]] : [])
    );
    assert.deepEqual(
      trained,
      calls.flatMap(({ completionIds }, step) => completionIds!.map((id) => [step, id])),
    );
    for (const { promptIds, completionIds, mask, stepOf } of samples) {
      // What a token was sampled after stands before it in the sequence.
      const first = mask.indexOf(1);
      const whole = [...promptIds, ...completionIds.slice(0, first)];
      assert.deepEqual(whole, plain(calls[stepOf[first]!]!.promptIds!));
    }
  }));
});

Deno.test("episodes read from an exported group are those of its trajectories", async () => {
  const trajectories = [1, 0].map((reward, at) =>
    sampleTrajectory({
      id: `e${at}`,
      reward,
      outcome: { ...sampleTrajectory().outcome, truncated: at === 1 },
      steps: [
        sampleStep(0, { turn: 0, reward: 0.5, tokens: call([1, 2], [3]) }),
        sampleStep(1, { turn: 0, reward: 0.25 }),
        sampleStep(2, { turn: 1, reward: at === 0 ? 1 : null, tokens: call([1, 2, 3, 4], [5]) }),
      ],
    })
  );
  const { rows } = await collect("knowlyr/grpo", trajectories);
  const direct = trajectories.map(trajectoryEpisode);
  assert.deepEqual(direct[0]!.calls.map(({ reward }) => reward), [0.75, 1]);
  assert.deepEqual(direct.map(({ truncated, reward }) => [truncated, reward]), [[false, 1], [true, 0]]);
  assert.equal(direct[1]!.calls[1]!.reward, null);
  const shown = (episodes: readonly RecordedEpisode[]) => samplesOf([episodes], { maxLength: 99 });
  assert.deepEqual(shown(rowEpisodes(rows[0]!, "rows:1")), shown(direct));
  assert.equal(shown(direct).samples.length, 2);
});

Deno.test("rowEpisodes() refuses rows of another kind", () => {
  assert.throws(
    () => rowEpisodes({ messages: [] }, "sft.jsonl:3"),
    new GymError(
      "INVALID_DATA",
      "Cannot read sft.jsonl:3: completions: wanted a group of completions with recorded tokens: " +
        "Invalid input: expected array, received undefined",
      { place: "sft.jsonl:3" },
    ),
  );
});

Deno.test("an episode is cut short when its last turn was, at the limit of its tokens, in memory and in a row alike", async () => {
  const whole = { ...sampleTrajectory().outcome, terminated: true, truncated: false };
  const ended = (cutAt: number | null) =>
    sampleTrajectory({
      id: `e${cutAt}`,
      reward: cutAt === null ? 1 : 0,
      outcome: whole,
      steps: [0, 1].map((at) =>
        sampleStep(at, {
          tokens: call([1, 2, ...(at === 0 ? [] : [3, 4])], [3]),
          ...(cutAt === at ? { extra: { cut: true } } : {}),
        })
      ),
    });
  const trajectories = [ended(null), ended(0), ended(1)];
  assert.deepEqual(trajectories.map((one) => trajectoryEpisode(one).truncated), [false, false, true]);
  const { rows } = await collect("knowlyr/grpo", trajectories);
  assert.deepEqual(rowEpisodes(rows[0]!, "rows:1").map(({ truncated }) => truncated), [false, false, true]);
});
