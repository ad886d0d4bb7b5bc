/**
 * The side of transformers.js in bench/generate.ts, on the model as `model export` writes it. Its package (half a gigabyte) is
 * downloaded when it is first used.
 *
 * deno run -A --no-lock bench/peer_generate.ts JOB.json RESULT.json
 */
import { importPackage } from "../plugins/policies/chat_client/_package.ts";
import {
  type GenerateJob,
  type GenerateResult,
  type GenerateRun,
  repeated,
  WARMUP_TOKENS,
} from "./_generate_job.ts";
import { peakBytes } from "./_sides.ts";

interface Sequences {
  tolist(): bigint[][];
}

/** What is used of the package. */
interface Library {
  readonly env: { readonly version: string };
  readonly Tensor: new (type: "int64", data: BigInt64Array, dims: readonly number[]) => unknown;
  readonly AutoModelForCausalLM: {
    from_pretrained(name: string, options: Readonly<Record<string, unknown>>): Promise<{
      generate(options: Readonly<Record<string, unknown>>): Promise<Sequences>;
    }>;
  };
  readonly LogitsProcessorList: new () => {
    push(processor: (ids: unknown, logits: unknown) => unknown): void;
  };
}

const [jobPath, resultPath] = Deno.args;
const job: GenerateJob = JSON.parse(await Deno.readTextFile(jobPath!));
const library = await importPackage("@huggingface/transformers") as Library;
const model = await library.AutoModelForCausalLM.from_pretrained(job.exported, {
  dtype: "fp32",
  device: "cpu",
  local_files_only: true,
  session_options: { intraOpNumThreads: job.threads },
});

const longest = Math.max(...job.prompts.map(({ length }) => length));
const dims = [job.prompts.length, longest];
const padded = (at: (prompt: readonly number[], t: number) => number) =>
  new library.Tensor(
    "int64",
    BigInt64Array.from(
      job.prompts.flatMap((prompt) =>
        Array.from({ length: longest }, (_, t) => BigInt(at(prompt, t - longest + prompt.length)))
      ),
    ),
    dims,
  );

let ids: number[][] = [];

async function batch(newTokens: number): Promise<GenerateRun> {
  let first = 0;
  const processors = new library.LogitsProcessorList();
  processors.push((_, logits) => {
    first ||= performance.now();
    return logits;
  });
  const start = performance.now();
  const made = await model.generate({
    inputs: padded((prompt, t) => prompt[t] ?? 0),
    attention_mask: padded((_, t) => t < 0 ? 0 : 1),
    max_new_tokens: newTokens,
    do_sample: false,
    repetition_penalty: 1,
    eos_token_id: null,
    logits_processor: processors,
  });
  const end = performance.now();
  ids = made.tolist().map((row) => row.slice(longest).map(Number));
  return {
    prompt_seconds: (first - start) / 1000,
    decode_seconds: (end - first) / 1000,
    decoded: job.prompts.length * (newTokens - 1),
  };
}

await batch(Math.min(WARMUP_TOKENS, job.newTokens));
const runs = await repeated(job, () => batch(job.newTokens));
const result: GenerateResult = {
  versions: { "@huggingface/transformers": library.env.version },
  ids,
  runs,
  peak_rss_bytes: peakBytes(),
};
await Deno.writeTextFile(resultPath!, JSON.stringify(result));
