"""Measure the memory of each process that fine-tunes a language model, alone and together with others.

    python benchmarks/sharding.py --processes 1 2 4
    python benchmarks/sharding.py --processes 1 2 4 --vocabulary 50257
    python benchmarks/sharding.py --processes 2 --strategy ddp

The model has the shape of GPT-2 with random weights, about 120 million of them, all of which are trained in fp32. Its
16 layers hold most of them, as in larger models; with a vocabulary of 50,257, a quarter is in the embeddings, which are
whole in every process while the model computes. A run is a whole bake-off: loading, two epochs of two steps, a
checkpoint, validation, saving, scoring. Memory is the peak of a process's resident set, less what it was once
everything was imported. It includes pages of the model's files, which the system can drop at any time.
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
    first: tuple[int, list[float]] | None = None
    print("| processes | most memory of one | of one process's | largest difference of a loss |")
    print("| --- | --- | --- | --- |")
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
        memory = max(int(path.read_text()) for path in place.glob("*.bytes"))
        losses = [
            line["loss"] if "loss" in line else line["validation_loss"]
            for line in map(json.loads, (place / "run/contestants/full/metrics.jsonl").read_text().splitlines())
        ]
        first = first or (memory, losses)
        difference = max(abs(loss / alone - 1) for loss, alone in zip(losses, first[1], strict=True))
        print(f"| {processes} | {size(memory)} | {memory / first[0]:.2f} | {difference:.1e} |", flush=True)


def work(place: Path) -> None:
    """Take part in the bake-off, and write down how much memory that took."""
    import bakeoff
    import bakeoff.methods.fine_tuning.learner
    import bakeoff.tasks.language_model
    import bakeoff.training.parallel

    imports = machine.memory_bytes()
    bakeoff.run(json.loads((place / "config.json").read_text()), place / "run")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    (place / f"{os.environ.get('RANK', '0')}.bytes").write_text(str(peak - imports))


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
