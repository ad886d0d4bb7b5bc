"""Logits of a trained model as transformers (and PEFT) compute them, to compare with ours.

    python reload_check.py JOB.json RESULT.json

The job, a JSON object:
    model      Hugging Face folder, merged or base
    adapter    PEFT folder to put on it, or null (default)
    rows       [{"ids": [token, …], "positions": [index into ids, …]}]; positions default to the last
    threads    default 2

The result, a JSON object:
    versions
    rows       [{"positions": [index, …], "logits": [[one a vocabulary entry], …], "argmax": [token, …]}], as the job's rows

Weights and arithmetic are float32 whatever the files hold, attention is transformers' plain one ("eager"); each row runs alone. A
weight that the folder lacks or has too much of ends the run.
"""

import json
import platform
import sys
from importlib.metadata import version

import torch
from transformers import AutoModelForCausalLM


def load(folder, adapter):
    """The model, with the adapter if there is one."""
    model, found = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    wrong = {kind: sorted(map(str, names)) for kind, names in found.items() if names}
    if wrong:
        sys.exit(f"Cannot load {folder}: every weight once wanted: received {wrong}")
    if adapter is None:
        return model.eval()
    from peft import PeftModel

    model = PeftModel.from_pretrained(model, adapter)
    check_adapter(model, adapter)
    return model.eval()


def check_adapter(model, folder):
    """PEFT only warns about adapter weights that are missing or do not belong; here they are errors."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(f"{folder}/adapter_model.safetensors", "pt") as file:
        received = set(file.keys())
    wanted = set(get_peft_model_state_dict(model))
    if wanted != received:
        sys.exit(f"Cannot load {folder}: {len(wanted)} adapter weights wanted: missing {sorted(wanted - received)}, "
                 f"received besides {sorted(received - wanted)}")


@torch.no_grad()
def check(model, row):
    """Logits of one row of the job."""
    positions = row.get("positions", [len(row["ids"]) - 1])
    logits = model(input_ids=torch.tensor([row["ids"]])).logits[0, positions]
    return {"positions": positions, "logits": logits.tolist(), "argmax": logits.argmax(-1).tolist()}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    torch.set_num_threads(job.get("threads", 2))
    model = load(job["model"], job.get("adapter"))
    versions = {"python": platform.python_version(), **{name: version(name) for name in ("torch", "transformers", "peft")}}
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump({"versions": versions, "rows": [check(model, row) for row in job["rows"]]}, file)
    print(f"{len(job['rows'])} rows")


if __name__ == "__main__":
    main()
