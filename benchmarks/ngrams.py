"""Compare counting and weighting character n-grams with scikit-learn's `TfidfVectorizer(analyzer="char_wb")`.

    python benchmarks/ngrams.py sentence-polarity
    python benchmarks/ngrams.py reviews.parquet --text review --rows 5000 --repeats 3

Both get the same lowercase texts, words and marks separated by spaces, and the same n-grams. Each repeat is a process
of its own, which measures its seconds and how much its memory grows at its peak; the smallest of each is shown. A
child also checks that both find the same n-grams as often.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

MAX_CHARACTERS = 5
MIN_DOCUMENT_FREQUENCY = 2
ROWS = ("seconds", "memory_mb", "ngrams", "occurrences")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="a table that bakeoff reads, or a packaged one")
    parser.add_argument("--text", help="column of the texts")
    parser.add_argument("--label", help="column of the labels")
    parser.add_argument("--rows", type=int, help="a random sample of this many rows")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--child", choices=sorted(PROGRAMS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measured(PROGRAMS[options.child], texts_of(options))))
        return
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in PROGRAMS}
    for _ in range(options.repeats):
        for name in PROGRAMS:  # in turn, so that a slow minute of the machine meets both
            command = [sys.executable, __file__, *sys.argv[1:], "--child", name]
            runs[name].append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    best = {name: {row: min(run[row] for run in several) for row in ROWS} for name, several in runs.items()}
    print(f"{'':12}" + "".join(f"{name:>15}" for name in best) + f"{'ratio':>10}")
    for row in ROWS:
        values = [best[name][row] for name in best]
        print(f"{row:12}" + "".join(f"{value:15,.2f}" for value in values) + f"{values[0] / values[1]:10.2f}")


def texts_of(options: argparse.Namespace) -> list[str]:
    """Return the texts of the training split."""
    from bakeoff.data.config import TableData
    from bakeoff.data.tables import prepare_table

    table = TableData(table=options.table, text=options.text, label=options.label, rows=options.rows)
    return list(prepare_table(table, 12)[0].train.texts)


def measured(program: Callable[[Sequence[str]], tuple[Any, Any]], texts: Sequence[str]) -> dict[str, float]:
    """Run a program once on a few texts, for its imports, and once on all."""
    from bakeoff import machine
    from bakeoff.data.words import tokenize

    split = tokenize(texts, "separate")
    spaced = [" ".join(split.words[i] for i in split.ids[a:b]) for a, b in pairwise(split.offsets)]
    del split, texts
    program(spaced[:50])
    seconds: list[float] = []
    results: list[tuple[Any, Any]] = []

    def work() -> None:
        started = time.perf_counter()
        results.append(program(spaced))
        seconds.append(time.perf_counter() - started)

    growth = machine.memory_growth(work)
    features, counts = results[0]
    return {
        "seconds": seconds[0],
        "memory_mb": growth / 1e6,
        "ngrams": features.shape[1],
        "occurrences": float(counts),
    }


def with_bakeoff(texts: Sequence[str]) -> tuple[Any, Any]:
    """Tokenize, count, and weight as method `linear` does."""
    import numpy as np

    from bakeoff.data.words import tokenize
    from bakeoff.methods.linear.characters import learn_character_ngrams
    from bakeoff.methods.linear.tfidf import Tfidf

    _, counts = learn_character_ngrams(tokenize(texts, "separate"), MAX_CHARACTERS, MIN_DOCUMENT_FREQUENCY)
    frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log((1 + counts.shape[0]) / (1 + frequency)) + 1
    return Tfidf(idf).transform(counts), counts.nnz


def with_scikit_learn(texts: Sequence[str]) -> tuple[Any, Any]:
    """Do the same with scikit-learn; its one n-gram more is the space alone."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    features = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, MAX_CHARACTERS), min_df=MIN_DOCUMENT_FREQUENCY, sublinear_tf=True
    ).fit_transform(texts)
    return features, features.nnz - features.shape[0]  # the space stands in every text


PROGRAMS = {"bakeoff": with_bakeoff, "scikit-learn": with_scikit_learn}


if __name__ == "__main__":
    main()
