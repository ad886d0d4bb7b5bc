import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parseModelConfig } from "./config.ts";
import { rotaryFrequencies } from "./rotary.ts";

interface Recorded {
  cases: {
    name: string;
    head_dim: number;
    rope: Record<string, number | string>;
    inv_freq: number[];
    scaling: number;
  }[];
}

const path = fileURLToPath(new URL("../../tests/golden/models/rotary.json", import.meta.url));
const { cases } = JSON.parse(Deno.readTextFileSync(path)) as Recorded;

for (const { name, head_dim, rope, inv_freq, scaling } of cases) {
  Deno.test(`rotaryFrequencies() equals transformers: ${name}`, () => {
    const config = parseModelConfig({
      architectures: ["LlamaForCausalLM"],
      model_type: "llama",
      vocab_size: 8,
      hidden_size: head_dim * 4,
      num_hidden_layers: 1,
      num_attention_heads: 4,
      num_key_value_heads: 4,
      head_dim,
      intermediate_size: 8,
      hidden_act: "silu",
      max_position_embeddings: 131072,
      rms_norm_eps: 1e-5,
      rope_parameters: rope,
      tie_word_embeddings: false,
    }, "config.json");
    assert.equal(scaling, 1); // none of these scales the cosines themselves
    const frequencies = rotaryFrequencies(config);
    assert.equal(frequencies.length, inv_freq.length);
    for (const [at, wanted] of inv_freq.entries()) {
      assert.ok(
        Math.abs(frequencies[at]! - wanted) <= 2e-6 * wanted,
        `${at}: ${frequencies[at]}, wanted ${wanted}`,
      );
    }
  });
}
