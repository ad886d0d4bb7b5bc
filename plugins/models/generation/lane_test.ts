/** Ragged mixtures on models with recorded numbers: whoever else is in the batch, a request gets what it gets alone. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { seeded } from "../../../core/prng.ts";
import { openModelFolder } from "../folder.ts";
import { readAdapter } from "../peft.ts";
import type { TrainedModel } from "../training_graph.ts";
import { adapterParameters, withPlacesFor } from "./adapters.ts";
import { type GenerateRequest, type Generation, Generator, type GeneratorOptions } from "./generator.ts";

const GOLDEN = fileURLToPath(new URL("../../../tests/golden/models/", import.meta.url));

/** With the model's own adapter as "taught" when it is wanted. */
async function generatorOf(name: string, adapted: boolean, options: GeneratorOptions): Promise<Generator> {
  const { config, weights } = await openModelFolder(GOLDEN + name);
  const base: TrainedModel = { config, weights, buckets: [], lora: null };
  if (!adapted) return await Generator.create(base, {}, options);
  const adapter = await readAdapter(`${GOLDEN}${name}-lora`);
  const model = withPlacesFor(base, [adapter]);
  const generator = await Generator.create(model, await adapterParameters(model, null), options);
  generator.setAdapter("taught", await adapterParameters(model, adapter));
  return generator;
}

/** Lengths of prompts: at the edges of blocks and lanes, and between them, so that rows outgrow both. */
const LENGTHS = [5, 700, 120, 511, 33, 128, 505, 250, 64, 640, 7, 380, 127, 513, 18, 256];

function requestsOf(generator: Generator, state: GenerateRequest["state"]): readonly GenerateRequest[] {
  const prng = seeded(6);
  const begin = state!.ids;
  return LENGTHS.map((length, at) => {
    const promptIds = Int32Array.from({ length }, (_, t) => begin[t] ?? Math.floor(500 * prng()));
    return {
      promptIds,
      seed: at,
      maxNewTokens: 3 + at * 11 % 29,
      sampling: at % 4 === 0 ? { temperature: 0 } : {},
      keepState: at % 5 === 0,
      adapter: at % 3 === 0 ? generator.adapters[0] ?? null : null,
      ...(at % 2 === 1 ? { state: state! } : {}),
    };
  });
}

/** Everything that was made; of a state, how large it is. */
function shown({ state, ...made }: Generation): string {
  return JSON.stringify([made, state?.bytes]);
}

/** Some begin together, each of the others when one that runs has written some tokens. */
async function joining(
  generator: Generator,
  requests: readonly GenerateRequest[],
  first: number,
): Promise<readonly string[]> {
  const results: Promise<string>[] = [];
  const begin = (): void => {
    const at = results.length;
    if (at === requests.length) return;
    let written = 0;
    const onToken = (): void => {
      if (++written === 1 + at % 3) begin();
    };
    results.push(Promise.resolve().then(() => generator.generate({ ...requests[at]!, onToken })).then(shown));
  };
  while (results.length < first) begin();
  for (let at = 0; at < results.length; at++) await results[at]; // the list grows meanwhile
  return await Promise.all(results);
}

for (const name of ["tiny-llama", "tiny-qwen3"]) {
  for (const adapted of [false, true]) {
    for (const threads of [1, 2]) {
      const what = `${name}${adapted ? " and its adapter" : ""} on ${threads} threads`;
      Deno.test(`ragged requests that join and leave get what each gets alone, to the last bit: ${what}`, async () => {
        await using single = await generatorOf(name, adapted, { maxBatch: 1, threads, promptChunk: 256 });
        const text = Int32Array.from({ length: 40 }, (_, t) => 1 + t * 7 % 90);
        const { state } = await single.generate({
          promptIds: text,
          maxNewTokens: 1,
          seed: 1,
          keepState: true,
        });
        const alone: string[] = [];
        for (const request of requestsOf(single, state)) alone.push(shown(await single.generate(request)));
        for (const [maxBatch, first] of [[1, 16], [3, 4], [8, 1], [8, 16], [64, 16]] as const) {
          await using generator = await generatorOf(name, adapted, { maxBatch, threads, promptChunk: 256 });
          const made = await generator.generate({
            promptIds: text,
            maxNewTokens: 1,
            seed: 1,
            keepState: true,
          });
          const requests = requestsOf(generator, made.state);
          const together = await joining(generator, requests, first);
          for (const [at, wanted] of alone.entries()) {
            assert.equal(together[at], wanted, `${at} of ${first} at first, ${maxBatch} places`);
          }
        }
      });
    }
  }
}
