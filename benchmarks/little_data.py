"""Whether bake-offs on 600 rows say what then happens: docs/explanation/statistics.md has the result.

    python benchmarks/little_data.py --data FOLDER --out draws.jsonl
    python benchmarks/little_data.py --out draws.jsonl --show

FOLDER holds the tables of the panel (see panel.py), in it or below. `articles` is made of the packaged Wikipedia
articles; nothing in bakeoff was chosen on it. In each draw, `bakeoff.run` compares three cheap methods three times:

1. by cross-validation with 5 folds on 600 rows. The truth is the accuracy of a model of a fold, and that of the model
   that is kept, on texts that were not drawn, as a mean over all draws;
2. with a learning curve from 600 rows, on 400 test texts;
3. trained on 1,200 rows, those 600 among them, on the same test texts and on others: what the forecast was about.

Draws that are in the file are not made again, so the program can be stopped and started.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

import bakeoff
from bakeoff.data.scripts import counted_in_characters
from bakeoff.evaluation.crossings import places
from bakeoff.report import output
from bakeoff.runs.folder import RunFolder
from comparison.panel_tables import read_rows

NAMES = ("medical", "titles", "waimai", "articles")
ROWS, TESTED, MOST_OTHERS = 600, 400, 2000
SHARES = [0.1, 0.3, 1.0]
Texts = tuple[list[str], list[str]]


def read(name: str, data: Path | None) -> Texts:
    """Return the different texts of a table, and their labels."""
    different = dict(read_rows(name, data))  # a text that is there with two labels keeps one
    return list(different), list(different.values())


def draw(texts: Texts, seed: int, folder: Path) -> dict[str, Any]:
    """Return what the three bake-offs of a draw found."""
    order = np.random.default_rng(seed).permutation(len(texts[0])).tolist()
    tested, drawn, others = order[:TESTED], order[TESTED : TESTED + 2 * ROWS], order[TESTED + 2 * ROWS :][:MOST_OTHERS]

    def table(rows: Sequence[int]) -> list[dict[str, str]]:
        return [{"text": texts[0][row], "label": texts[1][row]} for row in rows]

    few, many = table(drawn[:ROWS]), table(drawn)
    test, more = table(tested), table([*tested, *others])
    characters = counted_in_characters(texts[0][:100])
    settings = {"analyzer": "char", "max_ngram": 2} if characters else {"analyzer": "word", "max_ngram": 1}
    config = {
        "task": "classification",
        "seed": seed,
        "contestants": {
            "linear": {},
            "static": {"method": "embedding", "static": True},
            "bayes": {"method": "estimator", "estimator": "comparison.bayes:make", "settings": settings},
        },
    }
    columns = {"text": "text", "label": "label"}
    folds = bakeoff.run({**config, "data": {"table": few, **columns, "split": {"folds": 5}}}, folder / "folds")
    curve = bakeoff.run(
        {**config, "data": {"train": few, "test": test, **columns}, "learning_curve": SHARES}, folder / "curve"
    )
    after = bakeoff.run({**config, "data": {"train": many, "test": more, **columns}}, folder / "after")
    assert curve.verdict.learning_curve is not None
    return {
        "intervals": {result.name: _value(result.metrics[0]) for result in folds.results},
        "pairs": [pair.model_dump() for pair in folds.verdict.comparisons],
        "fold": {
            name: _accuracy(folds.folder / "contestants" / name / "fold-1", more) for name in config["contestants"]
        },
        "kept": {name: _accuracy(folds.folder / "contestants" / name, more) for name in config["contestants"]},
        "curve": curve.verdict.learning_curve.model_dump(),
        "after": {name: _same_and_others(after.folder, name) for name in config["contestants"]},
    }


def _value(metric: Any) -> list[float]:
    return [metric.value, metric.low, metric.high]


def _accuracy(model: Path, rows: Sequence[dict[str, str]]) -> float:
    predictions = bakeoff.load_classifier(model).predict([row["text"] for row in rows])
    return fmean(prediction.label == row["label"] for prediction, row in zip(predictions, rows, strict=True))


def _same_and_others(run: Path, name: str) -> list[float]:
    scores = RunFolder(run).contestant(name).scores()
    right = np.array(scores["label"].to_pylist()) == np.array(scores["predicted"].to_pylist())
    return [float(right[:TESTED].mean()), float(right[TESTED:].mean())]


def summary(draws: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return how often what was promised happened: a cell for each column of the table."""
    names = list(draws[0]["kept"])
    truths = {which: {name: fmean(each[which][name] for each in draws) for name in names} for which in ("fold", "kept")}
    intervals = [(name, *ends) for each in draws for name, (_, *ends) in each["intervals"].items()]
    pairs = [pair for each in draws for pair in each["pairs"]]
    of_folds = truths["fold"]
    forecasts = [
        (line["points"][-1]["value"], line["forecast"], each["after"][line["name"]])
        for each in draws
        for line in each["curve"]["lines"]
        if line["forecast"]
    ]
    crossings = [(found, _place(draws, found)) for each in draws for found in each["curve"]["crossings"]]
    return {
        "folds: accuracy": _share(low <= of_folds[name] <= high for name, low, high in intervals),
        "of the kept model": _share(low <= truths["kept"][name] <= high for name, low, high in intervals),
        "width": _points(high - low for _, low, high in intervals),
        "folds: difference": _share(
            pair["low"] <= of_folds[pair["better"]] - of_folds[pair["worse"]] <= pair["high"] for pair in pairs
        ),
        "told apart": _share(pair["distinguishable"] for pair in pairs),
        "forecast: same texts": _share(
            forecast["change_low"] <= same - last <= forecast["change_high"] for last, forecast, (same, _) in forecasts
        ),
        "other texts": _share(
            forecast["low"] <= elsewhere <= forecast["high"] for _, forecast, (_, elsewhere) in forecasts
        ),
        "width of the change": _points(
            forecast["change_high"] - forecast["change_low"] for _, forecast, _ in forecasts
        ),
        "gain": _points(same - last for last, _, (same, _) in forecasts),
        "crossing": _share(
            (found["interval"][0] or 0) <= place <= (found["interval"][1] or np.inf) for found, place in crossings
        ),
    }


def _place(draws: Sequence[dict[str, Any]], found: dict[str, Any]) -> float:
    """Return where the mean curves of two contestants cross."""
    mean = defaultdict(list)
    for each in draws:
        for line in each["curve"]["lines"]:
            mean[line["name"]].append([[point["rows"], point["value"]] for point in line["points"]])
    above, below = (np.mean(mean[found[which]], axis=0) for which in ("above", "below"))
    return float(places(above[:, 0].tolist(), above[:, 1] - below[:, 1])[0])


def _share(held: Iterable[bool]) -> str:
    cases = list(held)
    return f"{fmean(cases):.0%} of {len(cases)}" if cases else "–"


def _points(values: Iterable[float]) -> str:
    cases = list(values)
    return f"{100 * fmean(cases):.1f}" if cases else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--tables", nargs="*", choices=NAMES, default=NAMES)
    parser.add_argument("--show", action="store_true", help="only the table of what is in the file")
    options = parser.parse_args()
    made = defaultdict(dict)
    if options.out.exists():
        for line in options.out.read_text(encoding="utf-8").splitlines():
            known = json.loads(line)
            made[known["table"]][known["seed"]] = known
    output.write_report = lambda run: None  # nobody reads these reports
    warnings.simplefilter("ignore")  # of scikit-learn, that there are many classes for few rows
    for seed in range(0 if options.show else options.draws):
        for name in options.tables:
            if seed in made[name]:
                continue
            gc.freeze()  # bakeoff collects garbage before each training: a third of the time
            with tempfile.TemporaryDirectory() as folder:
                found = draw(read(name, options.data), seed, Path(folder))
            made[name][seed] = found
            with options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"table": name, "seed": seed, **found}) + "\n")
    for place, (name, draws) in enumerate(made.items()):
        cells = summary(list(draws.values()))
        if not place:
            print(f"| table | {' | '.join(cells)} |\n| --- |{' ---: |' * len(cells)}")
        print(f"| {name} | {' | '.join(cells.values())} |")


if __name__ == "__main__":
    main()
