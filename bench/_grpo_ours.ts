/**
 * Our side of bench/grpo.ts: what an iteration of the trainer `online` does, with texts of a fixed length in place of episodes.
 *
 * deno run -A bench/_grpo_ours.ts JOB.json RESULT.json
 */
import type { ChatCodec } from "../plugins/chat/codec.ts";
import type { RecordedEpisode } from "../plugins/trainers/_grpo/episodes.ts";
import { samplesOf } from "../plugins/trainers/_grpo/samples.ts";
import { grpoUpdate } from "../plugins/trainers/_grpo/update.ts";
import { actingTrainee } from "../plugins/trainers/_online/acting.ts";
import { Trainee } from "../plugins/trainers/_trainee.ts";
import type { GrpoJob, GrpoResult } from "./_grpo_job.ts";
import { peakBytes } from "./_sides.ts";

/** Rows are padded to a multiple of this in training. */
const MULTIPLE = 8;

const [jobPath, resultPath] = Deno.args;
const job: GrpoJob = JSON.parse(await Deno.readTextFile(jobPath!));
const { groupSize, completionTokens } = job;
const longest = job.prompts[0]![0]!.length + completionTokens;
const maxLength = Math.ceil(longest / MULTIPLE) * MULTIPLE;

await using trainee = await Trainee.create({
  model: job.model,
  adapter: job.adapter ?? undefined,
  method: job.method,
  loraRank: 1, // the adapter's own
  loraAlpha: 1,
  loraRs: false,
  loraTargets: [],
  seed: 0,
  provider: "cpu",
  prepack: true,
  threads: job.threads,
}, () => {});
const vocabulary = trainee.folder.config.vocabularySize;
// Sound: prompts are ids already, so that nothing reads the codec.
const model = await actingTrainee(trainee, null as unknown as ChatCodec, {
  maxLength,
  concurrency: job.prompts[0]!.length * groupSize,
  prepack: true,
  threads: job.threads,
});
await using generator = model.generator;

/** The share of ids in the lower half of the vocabulary. */
function rewardOf(ids: Int32Array): number {
  return ids.filter((id) => 2 * id < vocabulary).length / ids.length;
}

async function tryAt(prompt: readonly number[], seed: number): Promise<RecordedEpisode> {
  const { ids, drawnLogProbabilities } = await generator.generate({
    promptIds: Int32Array.from(prompt),
    maxNewTokens: completionTokens,
    sampling: { temperature: 1 },
    seed,
  });
  const reward = rewardOf(ids);
  const sampling = {
    temperature: 1,
    topK: null,
    topP: null,
    minP: null,
    repetitionPenalty: null,
    seed: `${seed}`,
  };
  const tokens = {
    promptIds: [...prompt],
    completionIds: [...ids],
    logProbs: [...drawnLogProbabilities],
    sampling,
    reencoded: false,
  };
  return { calls: [{ tokens, reward }], reward, truncated: false };
}

const numbers = { steps: [], sampling: [], rewards: [], surprise: [], norms: [], sampled: [] } as Record<
  string,
  number[]
>;
for (let step = 0; step < job.steps; step++) {
  const start = performance.now();
  const prompts = job.prompts[step % job.prompts.length]!;
  const groups = await Promise.all(
    prompts.map((prompt, p) =>
      Promise.all(
        Array.from(
          { length: groupSize },
          (_, g) => tryAt(prompt, (step * prompts.length + p) * groupSize + g),
        ),
      )
    ),
  );
  const sampled = performance.now();
  const { samples } = samplesOf(groups, { maxLength });
  const { metrics, report, update } = await grpoUpdate(trainee, samples, {
    level: "token",
    aggregation: "dapo",
    epsilonLow: 0.2,
    epsilonHigh: 0.2,
    delta: null,
    beta: 0,
    klBiasCorrection: true,
    isCap: null,
    recompute: false,
    batchTokens: job.rows * maxLength,
    maxLength,
    advantageScale: "group",
    creditWeight: 0,
    maskTruncated: false,
    update: { learningRate: job.lr, weightDecay: 0, maxGradientNorm: 1 },
  });
  numbers["steps"]!.push((performance.now() - start) / 1000);
  numbers["sampling"]!.push((sampled - start) / 1000);
  numbers["rewards"]!.push(report.meanReward);
  numbers["surprise"]!.push(metrics?.["surprise"] ?? 0);
  numbers["norms"]!.push(update?.gradientNorm ?? 0);
  numbers["sampled"]!.push(samples.reduce((sum, { completionIds }) => sum + completionIds.length, 0));
}
const { env } = await import("onnxruntime-node");
const result: GrpoResult = {
  versions: { deno: Deno.version.deno, onnxruntime: env.versions.node ?? env.versions.common },
  step_seconds: numbers["steps"]!,
  sampling_seconds: numbers["sampling"]!,
  rewards: numbers["rewards"]!,
  surprise: numbers["surprise"]!,
  grad_norms: numbers["norms"]!,
  sampled: numbers["sampled"]!,
  trained: trainee.parameters,
  peak_rss_bytes: peakBytes(),
};
await Deno.writeTextFile(resultPath!, JSON.stringify(result));
