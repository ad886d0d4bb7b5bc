"""What transformers generates greedily with SmolLM2-135M-Instruct, as tests/training/smollm2_test.ts expects it.

    bench/.venv-train/bin/python bench/smollm2_greedy.py MODEL OUT.json

MODEL is a folder that bench/smollm2.py wrote; OUT.json is tests/golden/models/smollm2-135m-instruct-generate.json in the repository.
64 tokens after each prompt in float32, whatever ends a text: one prompt at a time, and all of them as one batch padded on the left,
which must give the same. Log-probabilities and the distance of the best token to the second come from the same weights in float64.
"""

import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

NEW_TOKENS = 64

USER = [
    "What is the capital of France?",
    "Write a haiku about the sea.",
    "List three ways to save water at home, one short sentence each.",
    "Explain to a ten-year-old why the sky is blue and why sunsets are red.",
]
CONVERSATIONS = [
    *([{"role": "user", "content": text}] for text in USER),
    [
        {"role": "system", "content": "You answer with one word."},
        {"role": "user", "content": "Is water wet?"},
    ],
    [
        {"role": "user", "content": "Name a fruit that is yellow."},
        {"role": "assistant", "content": "Banana."},
        {"role": "user", "content": "And one that is red, please, with a reason why people like it."},
    ],
    [
        {"role": "system", "content": "You are a careful programmer."},
        {"role": "user", "content": "Write a Python function `is_even(n)` that returns True for even numbers.\n\n"
                                    "```python\ndef is_even(n):\n    ...\n```"},
    ],
    [
        {"role": "user", "content": "Summarise this text: The library opens at nine in the morning and closes at six in the evening. "
                                    "On Saturdays it closes at noon, and on Sundays it stays closed. Members may borrow up to five "
                                    "books for three weeks; whoever brings a book back late pays ten cents a day. The reading room "
                                    "on the second floor has forty seats, and newspapers of the last month lie on the long table."},
    ],
]


def greedy(model, rows):
    """New ids of each row; short rows are padded on the left."""
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    made = model.generate(ids, attention_mask=mask, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0)
    return made[:, longest:].tolist()


def exact(model, prompt, output):
    """Log-probability of each new token, and how far the best logit is from the second."""
    with torch.no_grad():
        logits = model(torch.tensor([prompt + output])).logits[0, len(prompt) - 1:-1]
    best, second = logits.topk(2).values.unbind(-1)
    chosen = logits.log_softmax(-1).gather(-1, torch.tensor(output)[:, None])[:, 0]
    return chosen.tolist(), (best - second).tolist()


def main():
    folder, out = map(Path, sys.argv[1:])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    model.generation_config.eos_token_id = None  # nothing ends a text
    prompts = [tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False) for messages in CONVERSATIONS]
    outputs = [greedy(model, [prompt])[0] for prompt in prompts]
    together = greedy(model, prompts)
    model = model.double()
    cases = []
    for messages, prompt, output in zip(CONVERSATIONS, prompts, outputs):
        logp, gaps = exact(model, prompt, output)
        cases.append({"messages": messages, "prompt_ids": prompt, "output_ids": output, "output_text": tokenizer.decode(output),
                      "logp_f64": logp, "min_gap_f64": min(gaps)})
    result = {
        "model": "HuggingFaceTB/SmolLM2-135M-Instruct, Apache-2.0, as bench/smollm2.py rebuilds it",
        "weights_sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
        "versions": {name: version(name) for name in ("torch", "transformers")},
        "batch_is_equal": together == outputs,
        "cases": cases,
    }
    out.write_text(json.dumps(result, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"batch padded on the left equal: {together == outputs}; "
          f"least distance of the best token: {min(case['min_gap_f64'] for case in cases):.2e}")


if __name__ == "__main__":
    main()
