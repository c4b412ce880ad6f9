from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from importlib import resources
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageColor

from bakeoff.evaluation.pareto import COSTS
from bakeoff.report import classifier_plots, plots
from bakeoff.report.cost_plots import cost_plot
from bakeoff.report.drawing import LINE, MUTED, SERIES, TEXT
from bakeoff.report.figures import figures, write_figures
from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.runs.folder import RunFolder


def drawn(run: LoadedRun) -> list[str]:
    return [plot.__html__() for plot in figures(run).all]


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
        svgs += [classifier_plots.reliability_plot(renamed), classifier_plots.coverage_plot(hostile)]
    for plot in svgs:
        assert plot is not None
        element = ElementTree.fromstring(plot.__html__())
        assert name in "".join(element.itertext())
        assert name in element.attrib["aria-label"]
        assert re.fullmatch(r"[\w.-]+", plot.name)


def test_long_trainings_make_no_long_plots(loaded: LoadedRun) -> None:
    trained = next(entry for entry in loaded.contestants if entry.steps)
    line = trained.steps[0]
    many = [line.model_copy(update={"step": step, "loss": 1 / step}) for step in range(1, 30_001)]
    (longest, *_) = plots.learning_curves(replace(trained, steps=many))
    assert len(longest.__html__()) < 60_000


def test_a_contestant_that_was_not_trained_has_no_curve(loaded: LoadedRun) -> None:
    assert plots.learning_curves(loaded.contestants[0]) == []


@pytest.mark.parametrize(("other", "plots_by"), [("gpt2", ["validation-tokens", "validation-seconds"]), ("qwen3", [])])
def test_losses_of_other_tokenizers_are_not_in_one_plot(loaded: LoadedRun, other: str, plots_by: list[str]) -> None:
    trained = next(entry for entry in loaded.contestants if entry.epochs)
    answers = {"metrics": [trained.result.metrics[0].model_copy(update={"name": "token_f1"})]}
    both = [
        replace(trained, result=trained.result.model_copy(update={"pretrained_model": model, **answers}))
        for model in ("gpt2", other)
    ]
    assert [plot.name for plot in plots.validation_curves(replace(loaded, contestants=both))] == plots_by


def boxes(plot: ElementTree.Element, names: Collection[str]) -> list[tuple[float, float, float, float]]:
    """Return left, top, right and bottom of each name in a plot."""
    found = []
    for text in plot.iter():
        if text.text in names:
            x, y, width = float(text.attrib["x"]), float(text.attrib["y"]), 5.0 * len(text.text)
            left = x - width * ("end" in text.attrib["style"]) - width / 2 * ("middle" in text.attrib["style"])
            found.append((left, y - 7, left + width, y))
    return found


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_names_of_contestants_that_cost_and_reach_the_same_do_not_overlap(loaded: LoadedRun) -> None:
    costly = next(entry for entry in loaded.contestants if COSTS["model_bytes"](entry.result) > 0)
    names = ("first", "second", "third")
    twins = [replace(costly, result=costly.result.model_copy(update={"name": name})) for name in names]
    plot = cost_plot(
        replace(loaded, contestants=twins, verdict=loaded.verdict.model_copy(update={"best": "first"})), "model_bytes"
    )
    assert plot is not None
    written = boxes(ElementTree.fromstring(plot.__html__()), names)
    assert len(written) == 3
    assert not any(overlap(one, other) for one, other in combinations(written, 2))


def test_names_near_each_other_cover_neither_each_other_nor_the_line(classification_run: RunFolder) -> None:
    loaded = load_run(classification_run)
    model = loaded.contestants[0]
    measured = {
        "majority": (0.0003, 0.5),
        "linear": (0.5, 0.7946),
        "lstm": (6.0, 0.6871),
        "corrector": (10.0, 0.795),
        "embedding": (20.0, 0.7885),
        "transformer": (150.0, 0.8415),
        "ensemble": (151.0, 0.8588),
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
    drawn = ElementTree.fromstring(plot.__html__())
    written = boxes(drawn, measured)
    assert len(written) == 7
    assert not any(overlap(one, other) for one, other in combinations(written, 2))
    (front,) = (path.attrib["d"] for path in drawn.iter() if "stroke-opacity: 0.5" in path.attrib.get("style", ""))
    corners = [tuple(map(float, corner)) for corner in re.findall(r"[ML] (\S+) (\S+)", front)]
    assert len(corners) > 6
    for (x, y), (next_x, next_y) in pairwise(corners):
        segment = (min(x, next_x) - 0.1, min(y, next_y) - 0.1, max(x, next_x) + 0.1, max(y, next_y) + 0.1)
        assert not any(overlap(segment, box) for box in written)


def test_the_colors_of_files_are_the_light_ones_of_the_page() -> None:
    css = resources.files("bakeoff.report").joinpath("templates", "style.css").read_text(encoding="utf-8")
    light = dict(re.findall(r"--([\w-]+): (#\w+);", css[: css.index("}")]))
    assert [light["ink"], light["line"], light["muted"]] == [TEXT, LINE, MUTED]
    assert [light[f"series-{number}"] for number in range(1, 9)] == SERIES


def test_every_plot_becomes_three_files_that_others_can_read(one_contestant: LoadedRun, tmp_path: Path) -> None:
    files = write_figures(one_contestant, tmp_path)

    plots = figures(one_contestant).all
    assert files == [tmp_path / f"{plot.name}.{kind}" for plot in plots for kind in ("svg", "png", "pdf")]
    for plot in plots:
        svg = ElementTree.parse(tmp_path / f"{plot.name}.svg").getroot()
        assert "var(" not in (tmp_path / f"{plot.name}.svg").read_text()
        assert plot.description in "".join(svg.itertext())
        width, height = map(float, svg.attrib["viewBox"].split()[2:])
        image = Image.open(tmp_path / f"{plot.name}.png").convert("RGB")
        assert image.size == pytest.approx((width * 300 / 72, height * 300 / 72), abs=1)
        assert image.getpixel((0, 0)) == (255, 255, 255)
        assert ImageColor.getrgb(SERIES[0]) in {color for _, color in image.getcolors(maxcolors=1 << 20)}
        pdf = (tmp_path / f"{plot.name}.pdf").read_bytes()
        assert pdf.startswith(b"%PDF")
        assert b"/Type3" not in pdf
        assert b"/CreationDate" not in pdf


def test_contestants_whose_names_are_alike_in_files_get_files_of_their_own(language_model_run: RunFolder) -> None:
    loaded = load_run(language_model_run)
    trained = next(entry for entry in loaded.contestants if entry.epochs)
    twins = [replace(trained, result=trained.result.model_copy(update={"name": name})) for name in ("a/b", "A b")]
    verdict = loaded.verdict.model_copy(update={"best": "a/b", "comparisons": [], "ranks": []})

    names = [plot.name for plot in figures(replace(loaded, contestants=twins, verdict=verdict)).all]

    assert {"loss-a-b", "loss-A-b-2"} <= set(names)
    assert len({name.casefold() for name in names}) == len(names)
