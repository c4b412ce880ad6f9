"""Model folders for all peers."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers

from bakeoff.pretrained.sources import find
from peers.environment import environment
from peers.inputs import SEED
from peers.job import Job, Measured


def model(job: Job) -> Measured:
    """Find or create the model `job.model`; details hold its folder and the environment."""
    folder = _gpt2_random(Path(job.folder)) if job.model == "gpt2-random" else find(job.model).path
    return Measured(seconds=0.0, count=0, details={"folder": str(folder), "environment": environment()})


def _gpt2_random(folder: Path) -> Path:
    """Create GPT-2 small's shape with random weights and SmolLM2's tokenizer: 49,152 ids fit into GPT-2's 50,257."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(find("smollm2-135m").path)
    config = transformers.GPT2Config(bos_token_id=tokenizer.eos_token_id, eos_token_id=tokenizer.eos_token_id)
    torch.manual_seed(SEED)
    made = transformers.GPT2LMHeadModel(config)
    with torch.no_grad():
        made.transformer.wte.weight[len(tokenizer) :] = 0  # no text would belong to these ids: never the best guess
    made.save_pretrained(folder)
    tokenizer.model_max_length = config.n_positions
    tokenizer.save_pretrained(folder)
    return folder
