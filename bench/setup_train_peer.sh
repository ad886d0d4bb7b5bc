#!/usr/bin/env bash
# Makes bench/.venv-train with PyTorch, Transformers, PEFT and TRL, which the training benchmarks measure beside our own trainers.
# The CPU wheel of torch is taken where its index answers (about 1 GB on disk); the default index has the CUDA wheel (about 6 GB).
# TORCH_INDEX names another index of torch wheels; TORCH_INDEX= (empty) goes to the default one at once.
set -euo pipefail
cd "$(dirname "$0")"
index=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}
python3 -m venv .venv-train
pip() { .venv-train/bin/python -m pip --disable-pip-version-check "$@"; }
if [ -z "$index" ] || ! pip install --quiet --timeout 10 --retries 0 --index-url "$index" "torch>=2.9" 2>/dev/null; then
  pip install --quiet "torch>=2.9"
fi
pip install --quiet "transformers>=5.0" "peft>=0.18" "trl>=1.0" "datasets>=4.0" "accelerate>=1.10" \
  "safetensors>=0.6" "tokenizers>=0.22" "tensorboard>=2.19" "jinja2>=3.1" "numpy>=2.0" "gguf>=0.17"
pip list | grep -E '^(torch|transformers|peft|trl|datasets|accelerate|safetensors|tokenizers|tensorboard|numpy|gguf) '
du -sh .venv-train
