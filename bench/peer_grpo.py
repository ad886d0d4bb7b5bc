"""The side of TRL's GRPOTrainer in bench/grpo.ts; _grpo_job.ts says what job and result hold.

    python peer_grpo.py JOB.json RESULT.json

Set otherwise than TRL's defaults: float32, no recomputation of activations, no KL, no shuffling, fused AdamW without weight decay, a
constant learning rate. Prompts are texts of numbers, which the tokenizer below maps to the ids themselves; nothing ends a completion.
"""

import json
import resource
import sys
import tempfile
import time
from importlib.metadata import version

from peer_job import load_model


def tokenizer(size):
    """Numbers in words ↔ ids; its special tokens lie outside the model's vocabulary, so that none is ever sampled."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({**{str(i): i for i in range(size)}, "<pad>": size, "<eos>": size + 1}, unk_token="<pad>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>")


def dataset(job):
    """A row for each prompt of each step, in order."""
    from datasets import Dataset

    steps = [job["prompts"][step % len(job["prompts"])] for step in range(job["steps"])]
    return Dataset.from_list([{"prompt": " ".join(map(str, ids))} for prompts in steps for ids in prompts])


def config_of(job, folder):
    """GRPOConfig of the job."""
    from trl import GRPOConfig

    rows = len(job["prompts"][0]) * job["groupSize"]
    return GRPOConfig(
        output_dir=folder,
        max_steps=job["steps"],
        per_device_train_batch_size=job["rows"],
        gradient_accumulation_steps=rows // job["rows"],
        num_generations=job["groupSize"],
        max_completion_length=job["completionTokens"],
        num_iterations=1,
        beta=0.0,
        temperature=1.0,
        generation_kwargs={"eos_token_id": None},
        use_vllm=False,
        learning_rate=job["lr"],
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        shuffle_dataset=False,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def train(job):
    """Runs the job's steps; returns the result."""
    import torch
    from transformers import PrinterCallback, TrainerCallback
    from trl import GRPOTrainer

    ends, sampling, logged = [], [0.0], []

    class Record(TrainerCallback):
        def on_step_end(self, *_, **__):
            ends.append(time.perf_counter())
            sampling.append(0.0)

        def on_log(self, _args, _state, _control, logs, **__):
            if "reward" in logs:
                logged.append(logs)

    class Trainer(GRPOTrainer):
        def _generate_single_turn(self, *positional, **named):
            start = time.perf_counter()
            made = super()._generate_single_turn(*positional, **named)
            sampling[-1] += time.perf_counter() - start
            return made

    model = load_model({**job, "lora": None}, "cpu")
    model.config.use_cache = True
    model.generation_config.eos_token_id = None
    size = model.config.vocab_size

    def lower_half(completion_ids, **_):
        return [sum(2 * i < size for i in ids) / len(ids) for ids in completion_ids]

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(model=model, reward_funcs=lower_half, args=config_of(job, folder), train_dataset=dataset(job),
                          processing_class=tokenizer(size), callbacks=[Record()])
        trainer.remove_callback(PrinterCallback)
        start = time.perf_counter()
        trainer.train()
    times = [start, *ends]
    rows = len(job["prompts"][0]) * job["groupSize"]
    return {
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "trl")},
        "step_seconds": [after - before for before, after in zip(times, times[1:])],
        "sampling_seconds": sampling[:-1],
        "rewards": [logs["reward"] for logs in logged],
        "surprise": [logs["entropy"] for logs in logged],
        "grad_norms": [logs["grad_norm"] for logs in logged],
        "sampled": [logs["completions/mean_length"] * rows for logs in logged],
        "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }


def main():
    import torch

    job_path, result_path = sys.argv[1:]
    with open(job_path, encoding="utf-8") as file:
        job = json.load(file)
    torch.set_num_threads(job["threads"])
    torch.manual_seed(0)
    result = train(job)
    with open(result_path, "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
