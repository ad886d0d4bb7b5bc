"""The side of transformers in bench/generate.ts; _generate_job.ts says what job and result hold.

    python peer_generate.py [--compile] JOB.json RESULT.json

Greedy `generate` in float32 with its key-value cache, prompts padded on the left, nothing ends a text. With --compile the forward
pass goes through torch.compile, with the static cache that it asks for.
"""

import argparse
import json
import resource
import sys
import time
from importlib.metadata import version

import torch
from transformers import AutoModelForCausalLM, StoppingCriteria, StoppingCriteriaList

WARMUP_TOKENS = 8


class Clock(StoppingCriteria):
    """Notes when the first token was there; stops nothing."""

    first = None

    def __call__(self, input_ids, scores, **_):
        self.first = self.first or time.perf_counter()
        return torch.zeros(input_ids.shape[0], dtype=torch.bool)


def generated(model, prompts, new_tokens, options):
    """New ids of each text, and the times of the run."""
    longest = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    clock = Clock()
    start = time.perf_counter()
    made = model.generate(ids, attention_mask=mask, max_new_tokens=new_tokens, do_sample=False, pad_token_id=0,
                          stopping_criteria=StoppingCriteriaList([clock]), **options)
    end = time.perf_counter()
    return made[:, longest:].tolist(), {"prompt_seconds": clock.first - start, "decode_seconds": end - clock.first,
                                        "decoded": len(prompts) * (new_tokens - 1)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("job")
    parser.add_argument("result")
    arguments = parser.parse_args()
    with open(arguments.job, encoding="utf-8") as file:
        job = json.load(file)
    torch.set_num_threads(job["threads"])
    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32).eval()
    model.generation_config.eos_token_id = None
    options = {}
    if arguments.compile:
        model.forward = torch.compile(model.forward)
        options = {"cache_implementation": "static"}
    generated(model, job["prompts"], job["newTokens"] if arguments.compile else min(WARMUP_TOKENS, job["newTokens"]), options)
    runs, start = [], time.perf_counter()
    while not runs or time.perf_counter() - start < job["seconds"]:
        ids, run = generated(model, job["prompts"], job["newTokens"], options)
        runs.append(run)
    with open(arguments.result, "w", encoding="utf-8") as file:
        json.dump({"versions": {name: version(name) for name in ("torch", "transformers")}, "ids": ids, "runs": runs,
                   "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)},
                  file)


if __name__ == "__main__":
    main()
