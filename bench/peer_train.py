"""Trains a job (peer_job.py) with PyTorch's own loop: forward, backward, clip, AdamW. Weight decay is on every trained tensor."""

import time

from peer_job import load_model, padded, read_job, write_result


def inputs_of(batch, device):
    """Arguments of the model's forward pass. No mask: padding comes last, and causal attention never looks ahead."""
    import torch

    inputs = {"input_ids": padded(batch["ids"], 0), "labels": padded(batch["labels"], -100)}
    if "positions" in batch:
        inputs["position_ids"] = padded(batch["positions"], 0)
    return {name: torch.tensor(rows, device=device) for name, rows in inputs.items()}


def train(job, model, device):
    """Runs the job's steps; returns what write_result wants."""
    import torch

    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=0.0, weight_decay=job["weight_decay"], fused=job["fused"])
    clip = float("inf") if job["max_grad_norm"] is None else job["max_grad_norm"]
    if job["checkpointing"]:
        model.gradient_checkpointing_enable()
        model.enable_input_require_grads()
    forward = torch.compile(model) if job["mode"] == "compile" else model
    batches = [inputs_of(batch, device) for batch in job["batches"]]
    losses, norms, seconds, first_step_at = [], [], [], 0.0
    for step in range(job["steps"]):
        start = time.perf_counter()
        optimizer.param_groups[0]["lr"] = job["lr"][step]
        loss = forward(**batches[step % len(batches)]).loss
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, clip))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
        first_step_at = first_step_at or time.time()
    return {"losses": losses, "grad_norms": [norm.item() for norm in norms], "step_seconds": seconds,
            "first_step_at": first_step_at}


def main():
    job, arguments = read_job()
    model = load_model(job, arguments.device)
    write_result(job, arguments, model, train(job, model, arguments.device))


if __name__ == "__main__":
    main()
