"""Hugging Face's Trainer: on padded rows as in the published lab, and on packed blocks."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import peft
import torch
import transformers

from peers import inputs
from peers.job import Job, Measured
from peers.plain import load


def padded(job: Job) -> Measured:
    """Train with the lab's recipe: one row per line, padded to the context, 4 rows per step.

    A step takes as long for short lines as for long ones, so its real tokens are those of 4 average lines.
    """
    model, tokenizer = load(job)
    lines = inputs.split(job).train.lines
    size = inputs.contestant(job).batch_size
    length = inputs.context_length(model.config)
    rows = tokenizer(
        inputs.typical_lines(lines, (job.warmup_steps + job.steps) * size),
        padding="max_length",
        truncation=True,
        max_length=length,
    )
    real = sum(len(ids) for ids in tokenizer(list(lines), truncation=True, max_length=length)["input_ids"])
    collator = transformers.DataCollatorForLanguageModeling(tokenizer, mlm=False)
    data = [
        {"input_ids": ids, "attention_mask": mask}
        for ids, mask in zip(rows["input_ids"], rows["attention_mask"], strict=True)
    ]
    return _train(job, model, data, collator, tokens_per_step=real / len(lines) * size)


def packed(job: Job) -> Measured:
    """Train on documents joined and cut into blocks of 512, 4 per step, in bakeoff's order.

    `shift_labels` makes the last token of a block predict the first of the next one, as bakeoff does: the same loss.
    """
    model, tokenizer = load(job)
    blocks = inputs.training_blocks(job, tokenizer)
    data = [{"input_ids": row.inputs, "labels": row.targets, "shift_labels": row.targets} for row in blocks]
    tokens = sum(len(row.inputs) for row in blocks) / (job.warmup_steps + job.steps)
    return _train(job, model, data, _blocks_of_one_length, tokens_per_step=tokens)


def _train(job: Job, model: Any, data: list[Any], collator: Any, *, tokens_per_step: float) -> Measured:
    settings = inputs.contestant(job)
    if settings.method == "lora":
        torch.manual_seed(inputs.SEED)  # the first values of the adapters, as bakeoff draws them
        config = peft.LoraConfig(
            task_type="CAUSAL_LM", r=settings.r, lora_alpha=settings.lora_alpha, lora_dropout=settings.lora_dropout
        )
        model = peft.get_peft_model(model, config)
    watch = train(
        job,
        model,
        data,
        collator,
        settings,
        remove_unused_columns=False,  # shift_labels is an argument of the loss, not of the model
    )
    counted = watch.seconds[job.warmup_steps :]
    return Measured(
        seconds=sum(counted) / len(counted),
        count=tokens_per_step,
        value=watch.losses[-1],
        details={"step_seconds": counted, "losses": watch.losses},
    )


def train(job: Job, model: Any, data: list[Any], collator: Any, settings: Any, **more: Any) -> Watch:
    """Train for the steps of a job, on rows in their order, at a constant learning rate.

    Args:
        settings: Those of a contestant of bakeoff.
        more: Further TrainingArguments.
    """
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=settings.batch_size,
            max_steps=job.warmup_steps + job.steps,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="constant",
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.gradient_clip,
            bf16=job.precision == "bf16",  # autocast; the weights stay in fp32
            use_cpu=not torch.cuda.is_available(),
            train_sampling_strategy="sequential",
            seed=inputs.SEED,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=torch.cuda.is_available(),
            **more,
        )
        trainer = transformers.Trainer(
            model=model, args=arguments, train_dataset=data, data_collator=collator, callbacks=[watch]
        )
        trainer.train()
    return watch


def _blocks_of_one_length(rows: list[Any]) -> dict[str, torch.Tensor]:
    return {name: torch.stack([torch.as_tensor(row[name]) for row in rows]) for name in rows[0]}


class Watch(transformers.TrainerCallback):
    """Callback that records the seconds and loss of every step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self._begun = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._begun = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds.append(time.perf_counter() - self._begun)

    def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
        if "loss" in logs:
            self.losses.append(logs["loss"])
