"""Time and memory of a linear model by the number of rows, beside scikit-learn's with the same n-grams.

    python benchmarks/rows.py --rows 1000 10000 100000
    python benchmarks/rows.py imdb.parquet --text review --label sentiment --rows 1000 10000 100000 1000000

The rows are pieces of 20 words from the texts of a table; where these do not suffice, the first half of one piece and
the second of another. scikit-learn gets them as bakeoff's words, separated by spaces. Each measurement is a process of
its own; the memory is what it grows by after the rows are made. An exponent of 1 says that time grows like the rows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

WORDS = 20
MIN_DOCUMENT_FREQUENCY = 2
MAX_NGRAM = 3
STAGES = ("read words", "count n-grams", "learn")

Stages = tuple[float, float, float]  # seconds of each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", nargs="?", default="sentence-polarity", help="a table of two classes")
    parser.add_argument("--text", help="column of the texts")
    parser.add_argument("--label", help="column of the labels")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--most", type=int, default=10**9, help="scikit-learn is not run on more rows than this")
    parser.add_argument("--child", choices=sorted(PROGRAMS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measured(PROGRAMS[options.child], *made_rows(options, options.rows[0]))))
        return
    found: dict[tuple[str, int], dict[str, float]] = {}
    print("| rows | program | " + " | ".join(f"{stage}, s" for stage in STAGES) + " | together, s | memory, MB |")
    print("| --- | --- |" + " ---: |" * 5)
    for rows in options.rows:
        for name in PROGRAMS:
            if name != "bakeoff" and rows > options.most:
                continue
            found[name, rows] = result = in_a_process(name, rows)
            seconds = [result[stage] for stage in STAGES]
            cells = [f"{value:,.2f}" for value in (*seconds, sum(seconds))]
            print(f"| {rows:,} | {name} | " + " | ".join(cells) + f" | {result['memory_mb']:,.0f} |", flush=True)
    print()
    for rows in options.rows:
        if ("scikit-learn", rows) in found:
            ours, theirs = (found[name, rows] for name in PROGRAMS)
            time_ratio = together(ours) / together(theirs)
            memory_ratio = ours["memory_mb"] / theirs["memory_mb"]
            print(f"{rows:,} rows: {time_ratio:.2f}x scikit-learn's time, {memory_ratio:.2f}x its memory.")
    for smaller, larger in pairwise(options.rows):
        ratio = together(found["bakeoff", larger]) / together(found["bakeoff", smaller])
        exponent = np.log(ratio) / np.log(larger / smaller)
        print(f"bakeoff, {smaller:,} to {larger:,} rows: time grows like rows to the power of {exponent:.2f}.")


def together(result: dict[str, float]) -> float:
    return sum(result[stage] for stage in STAGES)


def in_a_process(program: str, rows: int) -> dict[str, float]:
    arguments = [value for value in sys.argv[1:] if value != "--child"]
    command = [sys.executable, __file__, *arguments, "--rows", str(rows), "--child", program]
    result: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result


def made_rows(options: argparse.Namespace, count: int) -> tuple[list[str], list[int]]:
    """Return texts of about 20 words, and their labels, 0 or 1."""
    from bakeoff.data.config import TableData
    from bakeoff.data.tables import prepare_table

    train = prepare_table(TableData(table=options.table, text=options.text, label=options.label), 12)[0].train
    pieces = [
        (words[start : start + WORDS], label)
        for words, label in ((text.split(), label) for text, label in zip(train.texts, train.labels, strict=True))
        for start in range(0, len(words), WORDS)
    ]
    rng = np.random.default_rng(12)
    own = [(" ".join(words), label) for words, label in pieces]
    more = rng.integers(len(pieces), size=(max(0, count - len(own)), 2))
    half = WORDS // 2
    mixed = [(" ".join(pieces[a][0][:half] + pieces[b][0][half:]), pieces[a][1]) for a, b in more]
    rows = own + mixed
    chosen = [rows[place] for place in rng.permutation(len(rows))[:count]]
    return [text for text, _ in chosen], [min(label, 1) for _, label in chosen]


def measured(
    program: Callable[[Sequence[str], Sequence[int]], Stages], texts: Sequence[str], labels: Sequence[int]
) -> dict[str, float]:
    """Run a program once on a few rows, for its imports, and once on all."""
    from bakeoff import machine

    program(texts[:200], labels[:200])
    results: list[Stages] = []
    growth = machine.memory_growth(lambda: results.append(program(texts, labels)))
    return {**dict(zip(STAGES, results[0], strict=True)), "memory_mb": growth / 1e6}


def with_bakeoff(texts: Sequence[str], labels: Sequence[int]) -> Stages:
    """Fit method `linear`, and then count n-grams once more, to know the time of that."""
    from bakeoff.data.words import tokenize
    from bakeoff.methods.linear.config import LinearConfig
    from bakeoff.methods.linear.features import learn_features
    from bakeoff.methods.linear.model import PUNCTUATION, LinearModel

    settings = LinearConfig(ngrams="words", max_ngram=MAX_NGRAM, min_document_frequency=MIN_DOCUMENT_FREQUENCY)
    started = time.perf_counter()
    tokens = tokenize(texts, PUNCTUATION)
    read = time.perf_counter()
    LinearModel.fit_tokenized(tokens, labels, settings)
    fitted = time.perf_counter()
    learn_features(tokens, settings)
    counting = time.perf_counter() - fitted
    return read - started, counting, fitted - read - counting


def with_scikit_learn(texts: Sequence[str], labels: Sequence[int]) -> Stages:
    """Fit TfidfVectorizer and LogisticRegression, on texts whose words bakeoff has found."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from bakeoff.data.words import tokenize

    split = tokenize(texts, "separate")
    spaced = [" ".join(split.words[i] for i in split.ids[a:b]) for a, b in pairwise(split.offsets)]
    del split
    started = time.perf_counter()
    vectorizer = TfidfVectorizer(
        ngram_range=(1, MAX_NGRAM),
        min_df=MIN_DOCUMENT_FREQUENCY,
        sublinear_tf=True,
        lowercase=False,
        token_pattern=r"\S+",
    )
    features = vectorizer.fit_transform(spaced)
    counted = time.perf_counter()
    LogisticRegression(C=10.0, max_iter=1000).fit(features, labels)
    return 0.0, counted - started, time.perf_counter() - counted


PROGRAMS = {"bakeoff": with_bakeoff, "scikit-learn": with_scikit_learn}


if __name__ == "__main__":
    main()
