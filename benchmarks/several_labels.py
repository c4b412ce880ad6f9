"""How often intervals of several labels hold the truth, and which thresholds are best: docs/how-to/several-labels.md.

    python benchmarks/several_labels.py coverage
    python benchmarks/several_labels.py thresholds

Coverage is simulated: random answers to 200 texts with three labels, the rarest of which 20 of them have. Thresholds
are compared on descriptions of Debian's packages with their tags (`apt-cache dumpavail`), so that needs Debian.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import expit, logit
from sklearn.metrics import f1_score

from bakeoff.data.config import TableData
from bakeoff.data.tables import prepare_table
from bakeoff.evaluation.label_calibration import fit_temperatures, with_temperatures
from bakeoff.evaluation.metrics import Draws, metrics_of
from bakeoff.evaluation.metrics.multilabel import LabelPredictions
from bakeoff.evaluation.thresholds import best_threshold
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.model import LinearModel

TABLES, TEXTS, LARGE = 1000, 200, 50_000
DRAWS = Draws(0.95, 1000, 1)
FACETS = ("use", "works-with", "field")
FEWEST_PACKAGES = 150  # that have a tag, for it to be a label
SPLITS = ((1, 5000), (2, 2500), (3, 5000), (4, 2500))  # seeds and rows


def answered(texts: int, seed: int, skill: float) -> LabelPredictions:
    """Random answers, better than chance by `skill`; the same seed gives the same texts."""
    chance = np.random.default_rng(seed)
    truth = chance.random((texts, 3)) < [0.1, 0.3, 0.5]
    probabilities = expit(chance.normal(size=truth.shape) + skill * (truth - 0.5))
    return LabelPredictions(truth, probabilities, probabilities >= 0.5)


def scores(predictions: LabelPredictions) -> pa.Table:
    """Return the answers as scores.parquet has them."""

    def lists(matrix: Any) -> pa.Array:
        return pa.array([[str(place) for place in np.flatnonzero(row)] for row in matrix], pa.list_(pa.string()))

    return pa.table(
        {
            "document": [f"{number:04d}" for number in range(len(predictions.truth))],
            "label": lists(predictions.truth),
            "predicted": lists(predictions.chosen),
            **{f"probability_{place}": column for place, column in enumerate(predictions.probabilities.T)},
        }
    )


def coverage() -> None:
    """Print how often the interval of each metric, and of a paired difference, holds the truth."""
    for metric in metrics_of("classification", "several"):
        if metric.paired is None or metric.interval is None:
            continue
        truth, other = (metric.value(answered(LARGE, 0, skill)) or 0.0 for skill in (1.5, 1.0))
        held = np.zeros(2)
        for seed in range(1, TABLES + 1):
            a, b = answered(TEXTS, seed, 1.5), answered(TEXTS, seed, 1.0)
            paired = metric.paired.compare(scores(a), scores(b), metric.name, DRAWS)
            assert paired is not None  # there are many texts
            low, high = metric.interval(a, DRAWS) or (0.0, 0.0)
            held += [low <= truth <= high, paired.interval[0] <= truth - other <= paired.interval[1]]
        print(f"{metric.name:25} interval {held[0] / TABLES:.3f}  difference {held[1] / TABLES:.3f}", flush=True)


def packages() -> list[tuple[str, list[str]]]:
    """Return descriptions of packages, each once, and their tags of some facets."""
    available = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=True).stdout
    found: dict[str, list[str]] = {}
    for stanza in available.split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if not line.startswith(" "):
                name, _, line = line.partition(":")
            fields[name] = f"{fields.get(name, '')} {line.strip()}".strip()
        if "Tag" in fields and "Description" in fields:
            tags = [tag.strip() for tag in fields["Tag"].split(",")]
            found.setdefault(fields["Description"], [tag for tag in tags if tag.partition("::")[0] in FACETS])
    return list(found.items())


def thresholds() -> None:
    """Print F1 with thresholds that were chosen on the validation split in several ways."""
    rows = packages()
    counts = Counter(tag for _, tags in rows for tag in tags)
    rows = [(text, [tag for tag in tags if counts[tag] >= FEWEST_PACKAGES]) for text, tags in rows]
    random.Random(1).shuffle(rows)
    tables = {"most texts have labels": [row for row in rows if row[1]][:6000], "few texts have labels": rows[:9000]}
    for title, chosen in tables.items():
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "packages.jsonl"
            file.write_text("".join(json.dumps({"text": text, "labels": tags}) + "\n" for text, tags in chosen))
            found = [_by_threshold(TableData(table=str(file), rows=count), seed) for seed, count in SPLITS]
        print(title)
        for name in found[0]:
            print(f"  {name:20} micro {np.mean([each[name][0] for each in found]):.3f}", end="")
            print(f"  macro {np.mean([each[name][1] for each in found]):.3f}", flush=True)


def _by_threshold(data: TableData, seed: int) -> dict[str, tuple[float, float]]:
    table, _ = prepare_table(data, seed)
    settings = LinearConfig(ngrams="both", naive_bayes=True, inverse_regularization=3)
    model = LinearModel.fit(table.train.texts, table.train.sets, settings)
    before, asked = (model.probabilities(part.texts) for part in (table.validation, table.test))
    temperatures = fit_temperatures(table.validation.sets, before)
    validation, test = with_temperatures(before, temperatures), with_temperatures(asked, temperatures)
    truth, texts = table.validation.sets, table.validation.sets.sum(axis=0)
    common = best_threshold(truth.ravel(), validation.ravel())
    own = np.array([best_threshold(truth[:, label], validation[:, label]) for label in range(truth.shape[1])])
    odds, common_odds = logit(np.clip(own, 1e-4, 1 - 1e-4)), logit(common)
    ways = {
        "0.5": np.full(len(own), 0.5),
        "common": np.full(len(own), common),
        "own": np.where(texts >= 5, own, common),
    }
    for weight in (30, 50, 100):
        ways[f"averaged, {weight}"] = expit((texts * odds + weight * common_odds) / (texts + weight))
    scored = {}
    for name, way in ways.items():
        predicted = test >= way
        micro, macro = (
            f1_score(table.test.sets, predicted, average=average, zero_division=0) for average in ("micro", "macro")
        )
        scored[name] = float(micro), float(macro)
    return scored


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["coverage", "thresholds"])
    {"coverage": coverage, "thresholds": thresholds}[parser.parse_args().what]()
