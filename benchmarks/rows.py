"""Time and memory of a linear model by the number of rows, beside scikit-learn's with the same n-grams.

    python benchmarks/rows.py --rows 1000 10000 100000
    python benchmarks/rows.py imdb.parquet --rows 1000 10000 100000 1000000
    python benchmarks/rows.py imdb.parquet --stages --rows 1000 10000 100000 1000000 5000000

The rows are pieces of 20 words from the texts of a table; where these do not suffice, the first half of one piece and
the second of another. scikit-learn gets them as bakeoff's words, separated by spaces. Each measurement is a process of
its own; seconds are the processor's, so that other programs on the machine count little, and the memory is what the
process grows by after the rows are made. An exponent of 1 says that time grows like the rows.

With `--stages`, each number of rows is a whole bake-off of a linear model alone, from a Parquet file to the report: the
seconds of each stage, and the most memory in it, beside that of the imports.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

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
    parser.add_argument("--stages", action="store_true", help="a whole bake-off, by stages")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--child", choices=(*PROGRAMS, "write", "stages"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child == "write":
        write_rows(options)
        return
    if options.child == "stages":
        print(json.dumps(measured_stages(options.folder)))
        return
    if options.child:
        print(json.dumps(measured(PROGRAMS[options.child], *made_rows(options, options.rows[0]))))
        return
    if options.stages:
        compare_stages(options.rows)
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


def in_a_process(program: str, rows: int, *more: str) -> Any:
    command = [sys.executable, __file__, *sys.argv[1:], "--rows", str(rows), "--child", program, *more]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(said) if said else None


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
    started = time.process_time()
    tokens = tokenize(texts, PUNCTUATION)
    read = time.process_time()
    LinearModel.fit_tokenized(tokens, labels, settings)
    fitted = time.process_time()
    learn_features(tokens, settings)
    counting = time.process_time() - fitted
    return read - started, counting, fitted - read - counting


def with_scikit_learn(texts: Sequence[str], labels: Sequence[int]) -> Stages:
    """Fit TfidfVectorizer and LogisticRegression, on texts whose words bakeoff has found."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from bakeoff.data.words import tokenize

    split = tokenize(texts, "separate")
    spaced = [" ".join(split.words[i] for i in split.ids[a:b]) for a, b in pairwise(split.offsets)]
    del split
    started = time.process_time()
    vectorizer = TfidfVectorizer(
        ngram_range=(1, MAX_NGRAM),
        min_df=MIN_DOCUMENT_FREQUENCY,
        sublinear_tf=True,
        lowercase=False,
        token_pattern=r"\S+",
    )
    features = vectorizer.fit_transform(spaced)
    counted = time.process_time()
    LogisticRegression(C=10.0, max_iter=1000).fit(features, labels)
    return 0.0, counted - started, time.process_time() - counted


def compare_stages(sizes: Sequence[int]) -> None:
    """Print the seconds and the memory of each stage by rows, and the exponents of the seconds."""
    measured: dict[int, dict[str, list[float]]] = {}
    print(f"| rows | {' | '.join(WATCHED)} | together |")
    print("| ---: |" + " ---: |" * (len(WATCHED) + 1))
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            in_a_process("write", rows, "--folder", folder)
            measured[rows] = found = in_a_process("stages", rows, "--folder", folder)
        cells = [f"{seconds:,.1f} s, {memory / 1e6:,.0f} MB" for seconds, memory in found.values()]
        print(f"| {rows:,} | {' | '.join(cells)} |", flush=True)
    large = [rows for rows in sizes if rows >= FEWEST_ROWS_FITTED]
    for what, place in (("time", 0), ("memory", 1)):
        exponents = [
            float(np.polyfit(np.log(large), [np.log(measured[rows][stage][place]) for rows in large], 1)[0])
            for stage in (*WATCHED, "together")
        ]
        print(f"| exponent of {what} | {' | '.join(f'{exponent:.2f}' for exponent in exponents)} |")


def write_rows(options: argparse.Namespace) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts, labels = made_rows(options, options.rows[0])
    pq.write_table(pa.table({"text": texts, "label": labels}), options.folder / "rows.parquet")


def measured_stages(folder: Path) -> dict[str, tuple[float, int]]:
    """Run a bake-off, and return the seconds and the most memory of each stage, and of all together."""
    import bakeoff
    from bakeoff.machine import prepare

    prepare()
    import bakeoff.report.output  # it takes seconds, whatever the rows

    clock = Clock()
    for stage, functions in WATCHED.items():
        for name in functions:
            clock.watch(stage, name)
    config = {
        "task": "classification",
        "data": {"table": str(folder / "rows.parquet"), "text": "text", "label": "label"},
        "budget": {"epochs": 1},
        "contestants": {"linear": {"ngrams": "words"}},
    }
    with clock.running():
        bakeoff.run(config, folder / "run")
    return {stage: (clock.seconds[stage], clock.memory[stage]) for stage in WATCHED} | {
        "together": (sum(clock.seconds.values()), max(clock.memory.values()))
    }


class Clock:
    """Seconds and the most memory by stage. A function that is watched inside another one counts for its own stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.memory: Counter[str] = Counter()
        self._stages = ["other"]
        self._began, self._before = 0.0, 0

    def watch(self, stage: str, name: str) -> None:
        """Count a function, `module:function` or `module:class.method`, for a stage."""
        module, _, path = name.partition(":")
        *owners, last = path.split(".")
        owner = functools.reduce(getattr, owners, importlib.import_module(module))
        function = getattr(owner, last)

        @functools.wraps(function)
        def watched(*arguments: Any, **named: Any) -> Any:
            self._turn_to([*self._stages, stage])
            try:
                return function(*arguments, **named)
            finally:
                self._turn_to(self._stages[:-1])

        setattr(owner, last, watched)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Measure in the block."""
        from bakeoff.machine import memory_bytes

        done = threading.Event()
        observer = threading.Thread(target=self._observe, args=(done,))
        self._began, self._before = time.process_time(), memory_bytes()
        observer.start()
        try:
            yield
        finally:
            self._turn_to([])
            done.set()
            observer.join()

    def _turn_to(self, stages: list[str]) -> None:
        self._look()
        now = time.process_time()
        self.seconds[self._stages[-1]] += now - self._began
        self._stages, self._began = stages, now

    def _observe(self, done: threading.Event) -> None:
        while not done.wait(0.01):
            self._look()

    def _look(self) -> None:
        from bakeoff.machine import memory_bytes

        for stage in self._stages[-1:]:
            self.memory[stage] = max(self.memory[stage], memory_bytes() - self._before)


WATCHED = {
    "reading": ["bakeoff.data.tables:read_table_source"],
    "duplicates": ["bakeoff.data.tables:find_duplicates", "bakeoff.data.tables:report_leakage"],
    "splitting": ["bakeoff.tasks.classification:prepare_table"],
    "n-grams": ["bakeoff.data.words:tokenize", "bakeoff.methods.linear.model:learn_features"],
    "fit": ["bakeoff.tasks.tuning:fit"],
    "scoring": ["bakeoff.tasks.classification:evaluate"],
    "report": ["bakeoff.tasks.classification:text_traits", "bakeoff.runner:conclude"],
}
"""Stages, and the functions whose time and memory they are, without those of other stages inside."""

FEWEST_ROWS_FITTED = 10_000
"""Where there are fewer, imports and other work that does not depend on the rows take most of the time."""

PROGRAMS = {"bakeoff": with_bakeoff, "scikit-learn": with_scikit_learn}


if __name__ == "__main__":
    main()
