"""Measure the memory of each process that fine-tunes a language model, alone and together with others.

    python benchmarks/sharding.py --processes 1 2 4
    python benchmarks/sharding.py --processes 1 2 4 --vocabulary 50257
    python benchmarks/sharding.py --processes 2 --strategy ddp

The model has the shape of GPT-2 with random weights, about 120 million of them, all of which are trained in fp32. Its
16 layers hold most of them, as in larger models; with a vocabulary of 50,257, a quarter is in the embeddings, which are
whole in every process while the model computes. A run is a whole bake-off: loading, two epochs of two steps, a
checkpoint, validation, saving, scoring. Memory is the peak of a process's resident set, less what it was once
everything was imported: until the model is loaded and divided, and until the end. It includes pages of the model's
files, which the system can drop at any time. Of several processes other than the main one, the largest counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bakeoff import machine
from bakeoff.evaluation.wording import size

TOKENS = 64
"""In a sequence; four of them make a step."""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--strategy", choices=["ddp", "fsdp"], default="fsdp")
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)  # what each of the processes is started with
    options = parser.parse_args(arguments)
    machine.prepare()  # before torch is imported
    if options.work:
        work(options.work)
        return
    with tempfile.TemporaryDirectory() as temporary:
        compare(Path(temporary), options)


def compare(folder: Path, options: argparse.Namespace) -> None:
    """Run the bake-off with each number of processes, and print a table."""
    write_model(folder / "model", options)
    alone: list[float] | None = None
    print("| processes | main process, loading | in all | others, loading | in all | largest difference of a loss |")
    print("| --- | --- | --- | --- | --- | --- |")
    for processes in options.processes:
        place = folder / str(processes)
        place.mkdir()
        (place / "config.json").write_text(json.dumps(config(folder, options.strategy)))
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        subprocess.run(
            [sys.executable, *(launcher if processes > 1 else []), __file__, "--work", str(place)],
            check=True,
            stdout=sys.stderr,
        )
        peaks = [json.loads((place / f"{rank}.json").read_text()) for rank in range(processes)]
        others = [max(peak[when] for peak in peaks[1:]) for when in (0, 1)] if processes > 1 else []
        losses = [
            line["loss"] if "loss" in line else line["validation_loss"]
            for line in map(json.loads, (place / "run/contestants/full/metrics.jsonl").read_text().splitlines())
        ]
        alone = alone or losses
        difference = max(abs(ours / theirs - 1) for ours, theirs in zip(losses, alone, strict=True))
        memory = [size(peak) for peak in [*peaks[0], *others]] + [""] * (2 - len(others))
        print(f"| {processes} | {' | '.join(memory)} | {difference:.1e} |", flush=True)


def work(place: Path) -> None:
    """Take part in the bake-off, and write down how much memory that took."""
    import bakeoff
    import bakeoff.methods.fine_tuning.learner
    import bakeoff.tasks.language_model
    import bakeoff.training.parallel
    from bakeoff.training.optimizer import adamw

    imports, peaks = machine.memory_bytes(), []

    def note_peak() -> None:
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - imports)

    def noted(weights: Any, settings: Any) -> Any:
        note_peak()
        return adamw(weights, settings)

    with patch("bakeoff.training.loop.adamw", noted):  # what training asks for first, once the model is divided
        bakeoff.run(json.loads((place / "config.json").read_text()), place / "run")
    note_peak()
    (place / f"{os.environ.get('RANK', '0')}.json").write_text(json.dumps(peaks))


def config(folder: Path, strategy: str) -> dict[str, Any]:
    """Return the config, and write its data: two steps of training text."""
    from bakeoff.pretrained.sources import load_tokenizer

    tokenizer, data = load_tokenizer("stories260k"), {}
    for split, sequences in {"train": 8, "validation": 1, "test": 1}.items():
        text = "Once there was a girl who liked to play in the park. \n" * 40
        ids = tokenizer(text)["input_ids"][: sequences * TOKENS - 2]
        data[split] = str(folder / f"{split}.txt")
        Path(data[split]).write_text(tokenizer.decode(ids, skip_special_tokens=True), encoding="utf-8")
    return {
        "task": "language-model",
        "model": str(folder / "model"),
        "data": data,
        "precision": "fp32",
        "budget": {"epochs": 2},
        "distributed": {"strategy": strategy},
        "contestants": {"full": {"max_length": TOKENS, "batch_size": 4, "learning_rate": 2e-5}},
        "evaluation": {"protocols": ["document"], "prompts": [], "context_length": TOKENS},
    }


def write_model(folder: Path, options: argparse.Namespace) -> None:
    """Write a GPT-2 with random weights and without dropout, and the tokenizer of stories260k."""
    import torch
    import transformers

    from bakeoff.pretrained.sources import load_tokenizer

    torch.manual_seed(0)
    shape = transformers.GPT2Config(
        vocab_size=options.vocabulary,
        n_positions=1024,
        n_embd=options.hidden,
        n_layer=options.layers,
        n_head=options.hidden // 64,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = transformers.GPT2LMHeadModel(shape)
    model.save_pretrained(folder)
    load_tokenizer("stories260k").save_pretrained(folder)
    print(f"{model.num_parameters():,} parameters, {size(4 * model.num_parameters())} in fp32\n", flush=True)


if __name__ == "__main__":
    main()
