#!/usr/bin/env bash
# Makes bench/.venv with the predecessor's Python packages, which the benchmarks measure beside our own code.
set -euo pipefail
cd "$(dirname "$0")"
version=0.1.2
python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check \
  "knowlyr-core==$version" "knowlyr-sandbox==$version" "knowlyr-recorder==$version" \
  "knowlyr-reward==$version" "knowlyr-hub==$version"
.venv/bin/pip list --disable-pip-version-check | grep '^knowlyr'
