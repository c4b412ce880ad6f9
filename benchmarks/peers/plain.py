"""transformers alone: the lab's padded evaluation, and `generate`."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
import torch.nn.functional as F
import transformers

from bakeoff.lm.tokens import prompt_tokens
from peers import inputs
from peers.bandwidth import read_bytes_per_second, read_weights
from peers.job import Job, Measured


def load(job: Job) -> tuple[Any, Any]:
    """Return the model (fp32, evaluation mode) and its tokenizer, which pads on the right with end-of-text."""
    model = transformers.AutoModelForCausalLM.from_pretrained(job.model, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(job.model)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


@torch.no_grad()
def padded_perplexity(job: Job) -> Measured:
    """Score each line as a row padded to the context; divide the summed losses by attended tokens."""
    model, tokenizer = load(job)
    lines = inputs.evaluated_lines(job).lines
    length = inputs.context_length(model.config)
    model(**tokenizer(inputs.PROMPT, return_tensors="pt").to(model.device))
    started = time.perf_counter()
    nats, attended = 0.0, 0
    for start in range(0, len(lines), job.batch_size):
        batch = tokenizer(
            lines[start : start + job.batch_size],
            padding="max_length",
            truncation=True,
            max_length=length,
            return_tensors="pt",
        ).to(model.device)
        logits = model(**batch).logits[:, :-1].float()
        targets = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)[:, 1:]
        nats += float(F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum"))
        attended += int(batch["attention_mask"].sum())
    return Measured(time.perf_counter() - started, attended, math.exp(nats / attended))


@torch.no_grad()
def generate(job: Job) -> Measured:
    """Generate greedily with the cache. The value is the share of the memory's bandwidth at which weights are read.

    Details hold the two best logits of each token, to explain differences.
    """
    model, tokenizer = load(job)
    if job.precision == "bf16":
        model.to(torch.bfloat16)
    prompt = torch.tensor([prompt_tokens(tokenizer, inputs.PROMPT)], device=model.device)
    settings = {
        "attention_mask": torch.ones_like(prompt),
        "do_sample": False,
        "use_cache": True,
        "pad_token_id": tokenizer.pad_token_id,
    }
    model.generate(prompt, max_new_tokens=4, **settings)
    started = time.perf_counter()
    ids = model.generate(prompt, max_new_tokens=job.new_tokens, **settings)
    seconds = time.perf_counter() - started
    begin = prompt.shape[1]
    best = model(ids).logits[0, begin - 1 : -1].float().topk(2).values
    texts = [tokenizer.decode(ids[0, :end], skip_special_tokens=True) for end in range(begin, ids.shape[1] + 1)]
    details = {
        "text": texts[-1][len(texts[0]) :],
        "text_lengths": [len(text) - len(texts[0]) for text in texts[1:]],
        "best_logits": best[:, 0].tolist(),
        "second_logits": best[:, 1].tolist(),
    }
    count = ids.shape[1] - begin
    read = read_weights(model) * model.dtype.itemsize * count
    return Measured(seconds, count, read / seconds / read_bytes_per_second(), details=details)
