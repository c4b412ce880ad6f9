"""bakeoff itself, through its public functions."""

from __future__ import annotations

import dataclasses
import math
import tempfile
import time
from itertools import pairwise

import bakeoff
from bakeoff.lm.decoding.native_decoder import NativeDecoder
from bakeoff.lm.generation import WritingReport
from bakeoff.lm.tokens import prompt_tokens
from bakeoff.runs.folder import RunFolder
from peers import inputs
from peers.bandwidth import read_bytes_per_second, read_weights
from peers.job import Job, Measured


def train(job: Job) -> Measured:
    """Run a bake-off with one contestant, as `bakeoff run` does. The value is the loss of the last step."""
    settings = inputs.contestant(job)
    validation = inputs.split(job).validation
    tokens_per_step = settings.max_length * settings.batch_size
    config = {
        "task": "language-model",
        "model": job.model,
        "data": {
            "text": job.text,
            "fraction": {"validation": min(1.0, job.validation_lines / len(validation.lines))},
        },
        # One token more than the steps before the last can have: a step with a shorter block counts as a step.
        "budget": {"tokens": (job.warmup_steps + job.steps - 1) * tokens_per_step + 1, "evaluations": 1},
        "contestants": {job.method: settings.model_dump()},
        "evaluation": {"protocols": ["document"], "split": "validation"},
        "precision": job.precision,
        "seed": inputs.SEED,
    }
    with tempfile.TemporaryDirectory() as folder:
        bakeoff.run(config, folder)
        contestant = RunFolder(folder).contestant(job.method)
        steps, evaluations = contestant.training_log()
        precision = contestant.result().training.precision
    seconds = [after - before for before, after in pairwise([0.0, *(step.seconds for step in steps)])]
    tokens = [after - before for before, after in pairwise([0, *(step.tokens for step in steps)])]
    counted = seconds[job.warmup_steps :]
    return Measured(
        seconds=sum(counted) / len(counted),
        count=sum(tokens[job.warmup_steps :]) / len(counted),
        value=steps[-1].loss,
        details={
            "step_seconds": counted,
            "losses": [step.loss for step in steps],
            "precision": precision,
            "validation_perplexity": math.exp(evaluations[-1].validation_loss),
        },
    )


def quality(job: Job) -> Measured:
    """Train as `train` does; the value is the final perplexity of the validation lines."""
    found = train(job)
    found.value = found.details["validation_perplexity"]
    return found


def lab_perplexity(job: Job) -> Measured:
    model = bakeoff.load_language_model(job.model, precision=job.precision)
    lines = inputs.evaluated_lines(job)
    model.perplexity(inputs.evaluated_lines(_short(job)), protocol="lab")
    started = time.perf_counter()
    found = model.perplexity(lines, protocol="lab")
    return Measured(time.perf_counter() - started, found.tokens, found.perplexity, details={"protocol": found.protocol})


def document_perplexity(job: Job) -> Measured:
    """Score the documents. The value is the sum of all losses in nats."""
    model = bakeoff.load_language_model(job.model, precision=job.precision)
    documents = inputs.evaluated_documents(job)
    model.perplexity(inputs.evaluated_documents(_short(job)), protocol="document")
    started = time.perf_counter()
    found = model.perplexity(documents, protocol="document")
    seconds = time.perf_counter() - started
    details = {"protocol": found.protocol, "word_perplexity": found.word_perplexity}
    return Measured(seconds, found.tokens, found.nll * found.tokens, details=details)


def generate(job: Job) -> Measured:
    """Generate greedily. The value is the share of the memory's bandwidth at which the weights are read."""
    model = bakeoff.load_language_model(job.model, precision=job.precision)
    started = time.perf_counter()
    model.generate(inputs.PROMPT, max_new_tokens=job.new_tokens)  # the first text of this length builds the decoder
    first = time.perf_counter() - started
    decoder = model.decoder_for(job.new_tokens)
    before = decoder.bytes_read if isinstance(decoder, NativeDecoder) else 0
    started = time.perf_counter()
    report = WritingReport()
    text = model.generate(inputs.PROMPT, max_new_tokens=job.new_tokens, report=report)
    seconds = time.perf_counter() - started
    count = [len(prompt_tokens(model.tokenizer, each)) for each in (inputs.PROMPT, inputs.PROMPT + text)]
    # A text may be cut into other tokens than those it was written with, but never counts as more than was asked for.
    tokens = count[1] - count[0]
    if isinstance(decoder, NativeDecoder):
        read = decoder.bytes_read - before
    else:
        read = read_weights(model.model) * 4 * report.tokens
    details = {"text": text, "precision": model.precision, "first": first, "bytes": read, "engine": report.engine}
    share = read / report.seconds / read_bytes_per_second()
    return Measured(seconds, min(tokens, job.new_tokens), share, details=details)


def _short(job: Job) -> Job:
    """Return a small job to warm up with."""
    return dataclasses.replace(job, rows=2, characters=200)
