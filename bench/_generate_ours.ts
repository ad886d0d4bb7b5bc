/**
 * Our side of bench/generate.ts.
 *
 * deno run -A bench/_generate_ours.ts JOB.json RESULT.json
 */
import { openModelFolder } from "../plugins/models/folder.ts";
import { Generator } from "../plugins/models/generation/generator.ts";
import {
  type GenerateJob,
  type GenerateResult,
  type GenerateRun,
  repeated,
  WARMUP_TOKENS,
} from "./_generate_job.ts";
import { peakBytes } from "./_sides.ts";

const [jobPath, resultPath] = Deno.args;
const job: GenerateJob = JSON.parse(await Deno.readTextFile(jobPath!));
const { config, weights } = await openModelFolder(job.model);
await using generator = await Generator.create({ config, weights, buckets: [], lora: null }, {}, {
  maxBatch: job.prompts.length,
  threads: job.threads,
});

let ids: number[][] = [];

async function batch(newTokens: number): Promise<GenerateRun> {
  const { prompts } = job;
  const made = prompts.map(() => 0);
  let [waiting, total, before, first] = [prompts.length, 0, 0, 0];
  const start = performance.now();
  const texts = await Promise.all(prompts.map((prompt, b) =>
    generator.generate({
      promptIds: Int32Array.from(prompt),
      maxNewTokens: newTokens,
      sampling: { temperature: 0 },
      seed: 1,
      onToken: () => {
        total++;
        if (made[b]!++ === 0 && --waiting === 0) [first, before] = [performance.now(), total];
      },
    })
  ));
  const end = performance.now();
  ids = texts.map((text) => [...text.ids]);
  return {
    prompt_seconds: (first - start) / 1000,
    decode_seconds: (end - first) / 1000,
    decoded: total - before,
  };
}

await batch(Math.min(WARMUP_TOKENS, job.newTokens));
const runs = await repeated(job, () => batch(job.newTokens));
const { env } = await import("onnxruntime-node");
const result: GenerateResult = {
  versions: { deno: Deno.version.deno, onnxruntime: env.versions.node ?? env.versions.common },
  ids,
  runs,
  peak_rss_bytes: peakBytes(),
};
await Deno.writeTextFile(resultPath!, JSON.stringify(result));
