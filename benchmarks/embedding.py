"""Compare encoding texts with sentence-transformers' `encode`, and a static model with the encoder it was made from.

    pip install --no-deps sentence-transformers
    python benchmarks/embedding.py sentence-polarity
    python benchmarks/embedding.py imdb.parquet --text review --texts 200

Every row is a process of its own, one at a time and in turn, with the same number of threads; loading and a warm-up of
64 texts do not count, and the fastest repeat is shown. All read the same texts, and tokenizing them counts. The static
model reads the whole training split, most words of which it meets for the first time. `difference` is the largest one
between a vector's values and those of sentence-transformers in fp32. On a busy machine, compare the rates by seconds of
the processor with `--threads 1`: waiting does not count there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Encode = Callable[[Sequence[str]], Any]
WARM_UP = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="a table that bakeoff reads, or a packaged one")
    parser.add_argument("--text", help="column of the texts")
    parser.add_argument("--label", help="column of the labels")
    parser.add_argument("--model", default="minilm-l6", help="an encoder in sentence-transformers' layout")
    parser.add_argument("--texts", type=int, default=1000, help="so many texts")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of every process; absent: torch's choice")
    parser.add_argument("--child", choices=sorted(PROGRAMS), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measured(options)))
        return
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.repeats):
            for name in PROGRAMS:  # in turn, so that a slow minute of the machine meets all
                command = [sys.executable, __file__, *sys.argv[1:], "--child", name, "--out", f"{folder}/{name}.npy"]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    sys.exit(f"{name}: {done.stderr.strip().splitlines()[-1]}")
                runs[name].append(json.loads(done.stdout.splitlines()[-1]))
        rates, by_processor = (
            {name: max(run["texts"] / run[key] for run in several) for name, several in runs.items()}
            for key in ("seconds", "processor_seconds")
        )
        vectors = {name: np.load(f"{folder}/{name}.npy") for name in PROGRAMS}
    print(f"{'':28}{'texts/s':>10}{'ratio':>9}{'texts/CPU s':>13}{'ratio':>9}  difference")
    for name in PROGRAMS:
        difference = "" if name == "static" else _difference(vectors, name)
        print(f"{name:28}{_with_ratio(rates, name, 10)}{_with_ratio(by_processor, name, 13)}  {difference}")
    print("Ratios are to sentence-transformers in fp32; that of the static model, to bakeoff's faster row.")


def _with_ratio(rates: dict[str, float], name: str, width: int) -> str:
    fastest = max(rates["bakeoff fp32"], rates["bakeoff bf16"])
    base = fastest if name == "static" else rates["sentence-transformers fp32"]
    return f"{rates[name]:{width},.0f}{rates[name] / base:8.2f}x"


def _difference(vectors: dict[str, Any], name: str) -> str:
    return f"{np.abs(vectors[name] - vectors['sentence-transformers fp32']).max():.1e}"


def measured(options: argparse.Namespace) -> dict[str, float]:
    """Run a program once on a few texts and once on all."""
    from bakeoff import machine

    machine.prepare()
    import torch

    from bakeoff.data.config import TableData
    from bakeoff.data.tables import prepare_table

    if options.threads:
        torch.set_num_threads(options.threads)
    table = TableData(table=options.table, text=options.text, label=options.label)
    texts = prepare_table(table, 12)[0].train.texts
    encode = PROGRAMS[options.child](options.model)
    if options.child != "static":
        texts = texts[: options.texts]
    encode(texts[-WARM_UP:])
    started, processor = time.perf_counter(), time.process_time()
    vectors = encode(texts)
    seconds = time.perf_counter() - started
    processor = time.process_time() - processor
    np.save(options.out, np.asarray(vectors, dtype=np.float32))
    return {"texts": len(texts), "seconds": seconds, "processor_seconds": processor}


def sentence_transformers(precision: str) -> Callable[[str], Encode]:
    def load(model: str) -> Encode:
        import torch
        from sentence_transformers import SentenceTransformer

        from bakeoff.pretrained.sources import find

        settings = {"dtype": torch.bfloat16 if precision == "bf16" else torch.float32}
        loaded = SentenceTransformer(str(find(model).path), device="cpu", model_kwargs=settings)
        return lambda texts: loaded.encode(list(texts), convert_to_tensor=True, show_progress_bar=False).float().numpy()

    return load


def bakeoff(precision: Any) -> Callable[[str], Encode]:
    def load(model: str) -> Encode:
        from bakeoff.methods.embedding.embedder import Embedder
        from bakeoff.methods.embedding.encoder import load_encoder

        encoder = load_encoder(model, pooling="auto", layer="auto", max_length=None, precision=precision)
        embedder = Embedder(encoder)
        return lambda texts: embedder.embed(texts, keep=False, cached=False).vectors[0]

    return load


def static(model: str) -> Encode:
    from bakeoff.methods.embedding.distillation import distill
    from bakeoff.methods.embedding.encoder import load_encoder

    encoder = load_encoder(model, pooling="auto", layer="auto", max_length=None, precision="fp32", normalize=False)
    distilled, _ = distill(encoder)
    return distilled.embed


PROGRAMS: dict[str, Callable[[str], Encode]] = {
    "sentence-transformers fp32": sentence_transformers("fp32"),
    "sentence-transformers bf16": sentence_transformers("bf16"),
    "bakeoff fp32": bakeoff("fp32"),
    "bakeoff bf16": bakeoff("bf16"),
    "static": static,
}


if __name__ == "__main__":
    main()
