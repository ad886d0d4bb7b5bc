"""Trains a job (peer_job.py) with TRL's SFTTrainer on the same batches in the same order.

Left as TRL has it: its metrics of every batch (entropy, accuracy), its fused head, and no weight decay on biases and gains of
norms, so a full run with decay departs from peer_train.py's curve by that. Set otherwise than TRL's defaults: float32, no
recomputation of activations unless the job asks for it, no shuffling. Every batch must have as many rows as the first. A step's
time is from the end of the one before, as a user waits for it.
"""

import tempfile
import time

from peer_job import load_model, padded, read_job, write_result


def tokenizer():
    """A tokenizer with nothing to do (batches are token ids), which SFTTrainer asks for all the same."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<pad>": 0}, unk_token="<pad>"))
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<pad>")


def rows_of(job):
    """The job's steps as a dataset of rows."""
    from datasets import Dataset

    rows = []
    for step in range(job["steps"]):
        batch = job["batches"][step % len(job["batches"])]
        for i, ids in enumerate(batch["ids"]):
            row = {"input_ids": ids, "labels": batch["labels"][i]}
            rows.append({**row, "position_ids": batch["positions"][i]} if "positions" in batch else row)
    return Dataset.from_list(rows)


def collate(rows):
    """Rows → one batch, padded on the right. Packed rows go without a mask: their positions say where sequences start."""
    import torch

    filler = {"input_ids": 0, "labels": -100, "position_ids": 0}
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    batch = {name: torch.tensor(padded(column, filler[name])) for name, column in columns.items() if name in filler}
    if "position_ids" not in batch:
        batch["attention_mask"] = torch.tensor(padded([[1] * len(ids) for ids in columns["input_ids"]], 0))
    return batch


def config_of(job, device, folder):
    """SFTConfig of the job."""
    from trl import SFTConfig

    return SFTConfig(
        output_dir=folder,
        per_device_train_batch_size=len(job["batches"][0]["ids"]),
        max_steps=job["steps"],
        learning_rate=max(job["lr"]),
        lr_scheduler_type="constant",
        weight_decay=job["weight_decay"],
        max_grad_norm=job["max_grad_norm"] or 0.0,
        optim="adamw_torch_fused" if job["fused"] else "adamw_torch",
        torch_compile=job["mode"] == "compile",
        gradient_checkpointing=job["checkpointing"],
        bf16=False,
        use_cpu=device == "cpu",
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        max_length=None,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def train(job, model, device):
    """Runs the job's steps; returns what write_result wants."""
    from torch.optim.lr_scheduler import LambdaLR
    from transformers import PrinterCallback, TrainerCallback
    from trl import SFTTrainer

    ends, losses, norms = [], [], []

    class Record(TrainerCallback):
        def on_step_end(self, *_, **__):
            ends.append((time.perf_counter(), time.time()))

        def on_log(self, _args, _state, _control, logs, **__):
            if "grad_norm" in logs:
                norms.append(logs["grad_norm"])

    class Trainer(SFTTrainer):
        def compute_loss(self, *positional, **named):
            loss = super().compute_loss(*positional, **named)
            losses.append(loss.detach())  # the log's own loss is a running mean
            return loss

        def create_scheduler(self, num_training_steps, optimizer=None):
            peak = max(job["lr"]) or 1.0
            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, lambda step: job["lr"][min(step, job["steps"] - 1)] / peak)
            return self.lr_scheduler

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(model=model, args=config_of(job, device, folder), train_dataset=rows_of(job), data_collator=collate,
                          processing_class=tokenizer(), callbacks=[Record()])
        trainer.remove_callback(PrinterCallback)
        start = time.perf_counter()
        trainer.train()
    times = [start, *(at for at, _ in ends)]
    return {"losses": [loss.item() for loss in losses], "grad_norms": norms,
            "step_seconds": [after - before for before, after in zip(times, times[1:])], "first_step_at": ends[0][1]}


def main():
    job, arguments = read_job()
    model = load_model(job, arguments.device)
    write_result(job, arguments, model, train(job, model, arguments.device))


if __name__ == "__main__":
    main()
