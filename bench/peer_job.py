"""What peer_train.py and peer_trl.py share: the job they read, the model they train, the result they write.

    python peer_train.py JOB.json RESULT.json [--device cpu|cuda] [--threads 2]

The job, a JSON object:
    model           Hugging Face folder; weights are trained in float32 whatever the file holds
    method          "lora" | "full"
    lora            {"r", "alpha", "targets": ["q_proj", …]}, for method "lora" without an adapter
    adapter         PEFT folder to start from, or null: A random (seed 0), B zero
    steps           optimiser steps; step s trains on batches[s mod their number]
    lr              learning rate, or one for each step
    weight_decay    default 0.01
    max_grad_norm   default 1, null: no clipping
    batches         [{"ids": [[…]], "labels": [[…]], "positions": [[…]]}]; labels as ids (not shifted), -100 carries no loss.
                    Short rows are padded on the right. positions may be left out; where they start again inside a row a new
                    sequence starts (packing), whose first label must be -100
    warmup          first steps left out of the tokens a second, default 0
    mode            "eager" | "compile" (torch.compile), default "eager"
    fused           fused AdamW, default false
    checkpointing   recompute activations in the backward pass, default false

The update is AdamW's with β = (0.9, 0.999), ε = 1e-8, decoupled decay, after clipping the global norm; the loss is the mean over
the batch's labelled tokens.

The result, a JSON object:
    versions, device, threads, mode, fused, method, trained (number of trained values)
    losses, grad_norms       one a step, before the update and before clipping
    step_seconds             wall time of each step
    tokens_per_second_best, tokens_per_second_median    of the steps after the warm-up; padding is not counted
    peak_rss_bytes, peak_gpu_bytes (null on a CPU)
    seconds_from_process_start_to_first_step            until the first step is finished
"""

import argparse
import json
import platform
import resource
import statistics
import sys
import time
from importlib.metadata import version

import psutil

DEFAULTS = {
    "adapter": None,
    "weight_decay": 0.01,
    "max_grad_norm": 1.0,
    "warmup": 0,
    "mode": "eager",
    "fused": False,
    "checkpointing": False,
}


def read_job():
    """The job and the command's other arguments, torch set up for both."""
    import torch

    parser = argparse.ArgumentParser()
    parser.add_argument("job")
    parser.add_argument("result")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", default=2, type=int)
    arguments = parser.parse_args()
    with open(arguments.job, encoding="utf-8") as file:
        job = {**DEFAULTS, **json.load(file)}
    if not isinstance(job["lr"], list):
        job["lr"] = [job["lr"]] * job["steps"]
    if len(job["lr"]) != job["steps"]:
        sys.exit(f"Cannot read job {arguments.job}: lr for {job['steps']} steps wanted: received {len(job['lr'])}")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    return job, arguments


def load_model(job, device):
    """The model in float32, in training mode, with adapters if the job asks for them."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32)
    model.config.use_cache = False
    if job["method"] == "lora":
        model = with_adapter(model, job)
    return model.to(device).train()


def with_adapter(model, job):
    """LoRA without dropout: the job's adapter or a new one."""
    from peft import LoraConfig, PeftModel, get_peft_model

    if job["adapter"]:
        return PeftModel.from_pretrained(model, job["adapter"], is_trainable=True)
    lora = job["lora"]
    config = LoraConfig(r=lora["r"], lora_alpha=lora["alpha"], target_modules=lora["targets"], lora_dropout=0.0,
                        bias="none", task_type="CAUSAL_LM")
    return get_peft_model(model, config)


def padded(rows, value):
    """Rows of one length, filled with `value` on the right."""
    length = max(len(row) for row in rows)
    return [row + [value] * (length - len(row)) for row in rows]


def tokens_of(batch):
    """Tokens of a batch without what padding adds."""
    return sum(len(row) for row in batch["ids"])


def started_at():
    """time.time() of this process's start. psutil adds to the time of the last boot, which Linux tells it in whole seconds only."""
    at = psutil.Process().create_time()
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return at
    return at - psutil.boot_time() + time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def write_result(job, arguments, model, run):
    """Writes the result; `run` has losses, grad_norms, step_seconds and first_step_at (time.time())."""
    import torch

    batches = [job["batches"][step % len(job["batches"])] for step in range(job["steps"])]
    rates = [tokens_of(batch) / seconds for batch, seconds in zip(batches, run["step_seconds"])][job["warmup"]:]
    on_gpu = arguments.device == "cuda"
    result = {
        "versions": {"python": platform.python_version(),
                     **{name: version(name) for name in ("torch", "transformers", "peft", "trl")}},
        "device": torch.cuda.get_device_name() if on_gpu else "cpu",
        "threads": arguments.threads,
        "mode": job["mode"],
        "fused": job["fused"],
        "method": job["method"],
        "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "losses": run["losses"],
        "grad_norms": run["grad_norms"],
        "step_seconds": run["step_seconds"],
        "tokens_per_second_best": max(rates),
        "tokens_per_second_median": statistics.median(rates),
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "peak_gpu_bytes": torch.cuda.max_memory_allocated() if on_gpu else None,
        "seconds_from_process_start_to_first_step": run["first_step_at"] - started_at(),
    }
    with open(arguments.result, "w", encoding="utf-8") as file:
        json.dump(result, file)
    losses = ", ".join(f"{run['losses'][i]:.6f}" for i in (0, -1))
    print(f"losses {losses}; {max(rates):.0f} tokens/s best, {min(run['step_seconds'][job['warmup']:]) * 1000:.1f} ms a step")
