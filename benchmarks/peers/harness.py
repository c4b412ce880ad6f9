"""lm-evaluation-harness: the rolling log-likelihood of documents."""

from __future__ import annotations

import time

from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from peers import inputs
from peers.job import Job, Measured
from peers.plain import load


def document_perplexity(job: Job) -> Measured:
    """Score the documents. The value is the sum of all losses in nats."""
    model, tokenizer = load(job)
    length = inputs.context_length(model.config)
    harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=job.batch_size, max_length=length)
    texts = [document.text for document in inputs.evaluated_documents(job).documents]
    harness.loglikelihood_rolling([_request(texts[0][:200])], disable_tqdm=True)
    started = time.perf_counter()
    found = harness.loglikelihood_rolling([_request(text) for text in texts], disable_tqdm=True)
    seconds = time.perf_counter() - started
    tokens = sum(len(harness.tok_encode(text)) for text in texts)
    return Measured(seconds, tokens, -sum(found))


def _request(text: str) -> Instance:
    return Instance("loglikelihood_rolling", doc={}, arguments=(text,), idx=0, metadata=("benchmark", 0, 1))
