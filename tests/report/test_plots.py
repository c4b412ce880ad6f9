from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

import pytest

from bakeoff.evaluation.pareto import COSTS
from bakeoff.report import classifier_plots, plots
from bakeoff.report.cost_plots import cost_plot
from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.runs.folder import RunFolder


def drawn(run: LoadedRun) -> list[str]:
    svgs = [plots.interval_plot(run), *plots.validation_curves(run), *(cost_plot(run, cost) for cost in COSTS)]
    svgs += [plot for number, entry in enumerate(run.contestants) for plot in plots.learning_curves(entry, number)]
    svgs += [classifier_plots.reliability_plot(entry, number) for number, entry in enumerate(run.contestants)]
    svgs.append(classifier_plots.coverage_plot(run))
    return [svg for svg in svgs if svg is not None]


@pytest.fixture(scope="module")
def loaded(run: RunFolder) -> LoadedRun:
    return load_run(run)


def test_plots_are_well_formed_and_take_their_colors_from_the_page(loaded: LoadedRun) -> None:
    for plot in drawn(loaded):
        ElementTree.fromstring(plot)
        assert re.findall(r"#[0-9a-f]{6}\b", plot) == []
        assert "currentColor" in plot
        assert "<style" not in plot


def test_the_same_run_gives_the_same_plots(loaded: LoadedRun) -> None:
    assert drawn(loaded) == drawn(loaded)


def test_names_are_neither_markup_nor_formulas(loaded: LoadedRun) -> None:
    name = 'a$b$ <i>&"c\\1'
    entry = loaded.contestants[1]
    renamed = replace(entry, result=entry.result.model_copy(update={"name": name}))
    hostile = replace(
        loaded,
        contestants=[loaded.contestants[0], renamed, *loaded.contestants[2:]],
        verdict=loaded.verdict.model_copy(update={"best": name}),
    )
    svgs = [plots.interval_plot(hostile), cost_plot(hostile, "training_seconds")]
    if loaded.is_classification:
        svgs += [classifier_plots.reliability_plot(renamed, 1), classifier_plots.coverage_plot(hostile)]
    for plot in svgs:
        assert plot is not None
        assert name in "".join(ElementTree.fromstring(plot).itertext())
        assert name in ElementTree.fromstring(plot).attrib["aria-label"]


def test_long_trainings_make_no_long_plots(loaded: LoadedRun) -> None:
    trained = next(entry for entry in loaded.contestants if entry.steps)
    line = trained.steps[0]
    many = [line.model_copy(update={"step": step, "loss": 1 / step}) for step in range(1, 30_001)]
    (longest, *_) = plots.learning_curves(replace(trained, steps=many), 0)
    assert len(longest) < 60_000


def test_a_contestant_that_was_not_trained_has_no_curve(loaded: LoadedRun) -> None:
    assert plots.learning_curves(loaded.contestants[0], 0) == []


def test_names_of_contestants_that_cost_and_reach_the_same_do_not_overlap(loaded: LoadedRun) -> None:
    costly = next(entry for entry in loaded.contestants if COSTS["model_bytes"](entry.result) > 0)
    twins = [
        replace(costly, result=costly.result.model_copy(update={"name": name})) for name in ("first", "second", "third")
    ]
    plot = cost_plot(
        replace(loaded, contestants=twins, verdict=loaded.verdict.model_copy(update={"best": "first"})), "model_bytes"
    )
    assert plot is not None
    heights = [
        float(text.attrib["y"])
        for text in ElementTree.fromstring(plot).iter()
        if text.text in ("first", "second", "third")
    ]
    assert len(heights) == 3
    assert min(heights[1] - heights[0], heights[2] - heights[1]) > 9  # the size of the letters


def test_names_on_both_sides_of_near_dots_do_not_overlap(classification_run: RunFolder) -> None:
    """The name right of one dot reaches as far as the name left of another."""
    loaded = load_run(classification_run)
    model = loaded.contestants[0]
    measured = {
        "majority": (0.0003, 0.5),
        "linear": (0.5, 0.7946),
        "lstm": (6.0, 0.6871),
        "corrector": (10.0, 0.795),
        "embedding": (20.0, 0.7885),
        "transformer": (150.0, 0.8415),
    }
    contestants = []
    for name, (seconds, value) in measured.items():
        metric = model.result.metrics[0].model_copy(update={"value": value, "low": value - 0.02, "high": value + 0.02})
        training = model.result.training.model_copy(update={"seconds": seconds})
        update = {"name": name, "training": training, "metrics": [metric]}
        contestants.append(replace(model, result=model.result.model_copy(update=update)))
    verdict = loaded.verdict.model_copy(update={"best": "linear"})

    plot = cost_plot(replace(loaded, contestants=contestants, verdict=verdict), "training_seconds")

    assert plot is not None
    boxes = []
    for text in ElementTree.fromstring(plot).iter():
        if text.text in measured:
            x, width = float(text.attrib["x"]), 5.0 * len(text.text)
            left = x - width if "end" in text.attrib["style"] else x
            boxes.append((left, left + width, float(text.attrib["y"])))
    assert len(boxes) == 6
    for (left, right, height), (other_left, other_right, other_height) in combinations(boxes, 2):
        assert abs(height - other_height) > 9 or right <= other_left or other_right <= left
