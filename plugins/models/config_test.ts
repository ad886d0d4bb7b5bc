import assert from "node:assert/strict";
import { join } from "node:path";
import { assertFails, GOLDEN } from "./_testing_test.ts";
import { parseModelConfig } from "./config.ts";

const plain = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 100,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 128,
  max_position_embeddings: 512,
  eos_token_id: [7, 8],
};

const with_ = (fields: Record<string, unknown>) => parseModelConfig({ ...plain, ...fields }, "config.json");

function recorded(name: string) {
  const file = join(GOLDEN, name, "config.json");
  return parseModelConfig(JSON.parse(Deno.readTextFileSync(file)), file);
}

Deno.test("parseModelConfig() reads the layouts of transformers 4 and 5", () => {
  const llama = recorded("tiny-llama");
  assert.deepEqual({ ...llama, raw: null }, {
    architecture: "LlamaForCausalLM",
    family: "llama",
    vocabularySize: 512,
    hiddenSize: 64,
    layers: 2,
    heads: 4,
    keyValueHeads: 4,
    headDimension: 16,
    intermediateSize: 128,
    normEpsilon: 1e-5,
    contextLength: 2048,
    ropeTheta: 10000,
    ropeScaling: { kind: "default" },
    tiedHead: false,
    attentionBias: false,
    outputBias: false,
    mlpBias: false,
    headNorms: false,
    eosIds: [510],
    bosId: null,
    padId: 511,
    raw: null,
  });
  const { family, ropeTheta, ropeScaling, headDimension, headNorms, tiedHead } = recorded("tiny-qwen3");
  assert.deepEqual(
    [family, ropeTheta, ropeScaling, headDimension, headNorms, tiedHead],
    ["qwen3", 1e6, { kind: "default" }, 32, true, true],
  );
  const smol = recorded("smollm2-135m-instruct");
  assert.deepEqual([smol.heads, smol.keyValueHeads, smol.ropeTheta, smol.bosId], [9, 3, 100000, 1]);
});

Deno.test("parseModelConfig() gives each family its biases and norms", () => {
  const switches = (fields: Record<string, unknown>) => {
    const { attentionBias, outputBias, mlpBias, headNorms } = with_(fields);
    return [attentionBias, outputBias, mlpBias, headNorms];
  };
  const biased = { attention_bias: true, mlp_bias: true };
  const cases: readonly (readonly [string, boolean[]])[] = [
    ["LlamaForCausalLM", [true, true, true, false]],
    ["MistralForCausalLM", [false, false, false, false]],
    ["Qwen2ForCausalLM", [true, false, false, false]],
    ["Qwen3ForCausalLM", [true, true, false, true]],
  ];
  for (const [name, wanted] of cases) {
    assert.deepEqual(switches({ ...biased, architectures: [name], sliding_window: null }), wanted, name);
  }
  assert.deepEqual(switches({ architectures: ["Qwen2ForCausalLM"] }), [true, false, false, false]);
});

Deno.test("parseModelConfig() fills in what transformers fills in", () => {
  const bare = with_({ num_key_value_heads: undefined });
  assert.deepEqual(
    [bare.keyValueHeads, bare.headDimension, bare.normEpsilon, bare.ropeTheta, bare.tiedHead, bare.eosIds],
    [4, 16, 1e-6, 10000, false, [7, 8]],
  );
  assert.equal(with_({ architectures: ["Qwen3ForCausalLM"] }).headDimension, 128);
  assert.equal(with_({ architectures: null, model_type: "qwen2" }).architecture, "Qwen2ForCausalLM");
});

Deno.test("parseModelConfig() reads scaled rotary frequencies", () => {
  assert.deepEqual(with_({ rope_scaling: { type: "linear", factor: 2 } }).ropeScaling, {
    kind: "linear",
    factor: 2,
  });
  const llama3 = {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 128,
  };
  const wanted = {
    kind: "llama3",
    factor: 8,
    lowFrequencyFactor: 1,
    highFrequencyFactor: 4,
    originalContext: 128,
  };
  assert.deepEqual(with_({ rope_scaling: llama3 }).ropeScaling, wanted);
  const five = with_({ rope_parameters: { ...llama3, rope_theta: 5e5 } });
  assert.deepEqual([five.ropeScaling, five.ropeTheta], [wanted, 5e5]);
});

Deno.test("parseModelConfig() takes a sliding window that the context never fills", () => {
  const mistral = { architectures: ["MistralForCausalLM"] };
  assert.equal(with_({ ...mistral, sliding_window: null }).family, "mistral");
  assert.equal(with_({ ...mistral, sliding_window: 512 }).family, "mistral");
  assert.equal(with_(mistral).family, "mistral"); // 4096 where the file is silent
  const qwen = { architectures: ["Qwen2ForCausalLM"], sliding_window: 16, use_sliding_window: false };
  assert.equal(with_(qwen).family, "qwen2");
});

const REFUSED: readonly (readonly [Record<string, unknown>, string])[] = [
  [
    { architectures: ["LlamaForCausalML"] },
    "architectures: wanted one of LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM " +
    '(did you mean "LlamaForCausalLM"?): received ["LlamaForCausalML"]',
  ],
  [
    { architectures: ["GPT2LMHeadModel"] },
    "architectures: wanted one of LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM: " +
    'received ["GPT2LMHeadModel"]',
  ],
  [
    { architectures: undefined },
    "architectures: wanted one of LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM: " +
    "received nothing",
  ],
  [{ hidden_act: "gelu" }, 'hidden_act: wanted "silu": received "gelu"'],
  [{ vocab_size: undefined }, "vocab_size: wanted a whole number above 0: received nothing"],
  [{ num_hidden_layers: 1.5 }, "num_hidden_layers: wanted a whole number above 0: received 1.5"],
  [{ hidden_size: "64" }, 'hidden_size: wanted a whole number above 0: received "64"'],
  [{ rms_norm_eps: 0 }, "rms_norm_eps: wanted a number above 0: received 0"],
  [
    { num_key_value_heads: 3 },
    "num_key_value_heads: wanted a divisor of num_attention_heads, 4: received 3",
  ],
  [{ hidden_size: 66 }, "head_dim: wanted a whole number above 0: received nothing"],
  [{ head_dim: 15 }, "head_dim: wanted an even number: received 15"],
  [{ tie_word_embeddings: "yes" }, 'tie_word_embeddings: wanted true or false: received "yes"'],
  [{ eos_token_id: [7, -1] }, "eos_token_id: wanted token ids, whole numbers from 0: received [7,-1]"],
  [
    { quantization_config: { bits: 4 } },
    'quantization_config: wanted nothing or false: received {"bits":4}',
  ],
  [
    { architectures: ["Qwen2ForCausalLM"], use_sliding_window: true },
    "use_sliding_window: wanted nothing or false: received true",
  ],
  [
    { architectures: ["Qwen3ForCausalLM"], layer_types: ["full_attention", "sliding_attention"] },
    'layer_types: wanted a list of "full_attention": received ["full_attention","sliding_attention"]',
  ],
  [
    { architectures: ["MistralForCausalLM"], sliding_window: 256 },
    "sliding_window: wanted null or at least max_position_embeddings, 512: received 256",
  ],
  [
    { rope_scaling: { type: "dynamic", factor: 2 } },
    'rope_scaling.type: wanted one of default, linear, llama3: received "dynamic"',
  ],
  [
    { rope_parameters: { rope_type: "yarn", rope_theta: 1 } },
    'rope_parameters.rope_type: wanted one of default, linear, llama3: received "yarn"',
  ],
  [
    { rope_parameters: { rope_type: "default" } },
    "rope_parameters.rope_theta: wanted a number above 0: received nothing",
  ],
  [
    { rope_scaling: { rope_type: "linear" } },
    "rope_scaling.factor: wanted a number above 0: received nothing",
  ],
  [{ rope_scaling: "linear" }, 'rope_scaling: wanted an object: received "linear"'],
  [{ partial_rotary_factor: 0.5 }, "partial_rotary_factor: wanted 1: received 0.5"],
];

Deno.test("parseModelConfig() refuses what it cannot compute, by field", async () => {
  for (const [fields, message] of REFUSED) {
    await assertFails(() => with_(fields), "INVALID_DATA", `Cannot use model config config.json: ${message}`);
  }
  await assertFails(
    () => parseModelConfig([], "config.json"),
    "INVALID_DATA",
    "Cannot use model config config.json: wanted an object: received []",
  );
});
