"""A learning curve through the command line: what is trained, resumed, planned, and said."""

from __future__ import annotations

import pytest

from bakeoff import runner
from bakeoff.runs.folder import RunFolder
from tests.command import bakeoff, refused
from tests.end_to_end.test_kill import everything_measured
from tests.end_to_end.test_repeats import Stopping
from tests.real_runs import copy_run, write_config_file

CURVE = {
    "task": "classification",
    "data": {"table": "sentence-polarity", "rows": 200},
    "budget": {"epochs": 1},
    "learning_curve": [0.2, 0.5, 1.0],
    "contestants": {
        "linear": {},
        "lstm": {"embedding_size": 8, "hidden_size": 8},
        "both": {"method": "ensemble", "members": ["linear", "lstm"]},
    },
    "evaluation": {"resamples": 100},
}


@pytest.fixture(scope="module")
def curve_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curve")
    typed = bakeoff("run", write_config_file(folder / "small.yaml", CURVE), "-o", folder / "run")
    assert typed.code == 0, typed.err
    assert "[2/9] linear, 20% of the rows" in typed.err
    assert "[9/9] both, 50% of the rows" in typed.err
    assert "Learning curve" in typed.out
    assert "28 rows" in typed.out
    return folder / "run"


def test_the_whole_is_the_contestant_and_the_parts_are_trainings_of_their_own(curve_run, tmp_path):
    run = RunFolder(curve_run)
    plain = {key: value for key, value in CURVE.items() if key != "learning_curve"}
    without = runner.run(plain, tmp_path / "plain")

    lstm = run.contestant("lstm")
    assert run.data().parts == [28, 70]
    words = [
        lstm.part(1).result().training.tokens,
        lstm.part(2).result().training.tokens,
        lstm.result().training.tokens,
    ]
    assert words == sorted(words)
    for mine, its in zip(run.contestants(), RunFolder(without.folder).contestants(), strict=True):
        assert mine.scores() == its.scores()
    curve = run.verdict().learning_curve
    for line in curve.lines:
        home = run.contestant(line.name)
        trainings = [home.part(1), home.part(2), home]
        assert [point.value for point in line.points] == [each.result().metrics[0].value for each in trainings]
        assert [point.rows for point in line.points] == [28, 70, 140]


def test_an_ensemble_of_a_part_has_the_members_of_that_part(curve_run):
    linear, _, both = RunFolder(curve_run).contestants()

    for mine, its in ((linear.part(1), both.part(1)), (linear, both)):
        weights = [folder / "model.safetensors" for folder in (mine.model, its.model / "members" / "linear")]
        assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_run_that_crashes_in_a_part_goes_on_as_if_it_had_not(curve_run, tmp_path):
    lstm = RunFolder(curve_run).contestant("lstm")
    run = tmp_path / "run"

    with pytest.raises(RuntimeError, match="crashed"):
        runner.run(CURVE, run, progress=Stopping(lstm.result().training.steps + 1))
    assert RunFolder(run).contestant("lstm").finished
    assert not RunFolder(run).contestant("lstm").part(1).finished
    runner.resume(run)

    assert everything_measured(run) == everything_measured(curve_run)
    again, before = (RunFolder(path).verdict().learning_curve for path in (run, curve_run))
    assert again.sentences == before.sentences


def test_a_part_that_failed_or_is_damaged_takes_nothing_else_with_it(curve_run, tmp_path):
    copy = copy_run(curve_run, tmp_path / "copy")
    linear = copy.contestant("linear")
    (linear.part(1).path / "scores.parquet").write_bytes(b"")
    (linear.path / "scores.parquet").write_bytes(b"")
    (copy.contestant("lstm").part(2).path / "result.json").unlink()
    copy.contestant("lstm").part(2).write_failure("lstm, 50% of the rows: the loss was not a number.")

    outcome = runner.resume(copy.path)

    assert [result.name for result in outcome.results] == ["linear", "lstm", "both"]
    assert linear.part(1).scores() == RunFolder(curve_run).contestant("linear").part(1).scores()
    rows = {line.name: [point.rows for point in line.points] for line in outcome.verdict.learning_curve.lines}
    assert rows == {"linear": [28, 70, 140], "lstm": [28, 140], "both": [28, 70, 140]}


def test_the_report_shows_it(curve_run):
    html, markdown = ((curve_run / name).read_text() for name in ("report.html", "report.md"))
    for page in (html, markdown):
        assert "How many more labels?" in page
        assert "140 rows" in page
        assert "280 rows, expected" in page
    assert 'data-name="learning-curve"' in html
    assert "With twice the labels" in markdown


def test_a_plan_counts_the_parts(tmp_path):
    config = write_config_file(tmp_path / "small.yaml", CURVE)

    found = bakeoff("plan", config, "--json").json
    table = bakeoff("plan", config).out

    lstm = found["contestants"][1]
    evaluating = lstm["evaluation_seconds"] / lstm["total_seconds"]
    assert lstm["parts"] == 2
    assert lstm["trainings"] == pytest.approx(1 + 0.7 * (1 - evaluating) + 2 * evaluating)
    assert found["total_seconds"] >= sum(each["trainings"] * each["total_seconds"] for each in found["contestants"])
    assert "one training on all rows; the total is for all of them" in " ".join(table.split())


def test_seeds_and_a_contestant_that_does_not_learn(tmp_path):
    answers = tmp_path / "answers.csv"
    from bakeoff.data.raw_tables import read_raw_table

    table = read_raw_table("sentence-polarity")
    answers.write_text("id,prediction\n" + "".join(f"{id},{'negative'}\n" for id in table.column("id")))
    contestants = {
        "lstm": CURVE["contestants"]["lstm"],
        "theirs": {"method": "predictions", "file": str(answers)},
    }
    config = {**CURVE, "repeats": 2, "contestants": contestants}

    typed = bakeoff("run", write_config_file(tmp_path / "small.yaml", config), "-o", tmp_path / "run", "--json")

    assert typed.code == 0, typed.err
    assert "[7/7] theirs" in typed.err
    lines = {line["name"]: line for line in typed.json["verdict"]["learning_curve"]["lines"]}
    homes = RunFolder(tmp_path / "run").contestant("lstm").repeats()
    for number, point in enumerate(lines["lstm"]["points"][:2], start=1):
        values = [home.part(number).result().metrics[0].value for home in homes]
        assert point["value"] == pytest.approx(sum(values) / 2)
    assert len({point["value"] for point in lines["theirs"]["points"]}) == 1
    assert lines["theirs"]["no_forecast"] == "it does not learn from training rows"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("learning_curve=[0.5, 0.2]", "must be shares in ascending order"),
        ("learning_curve=[1.0]", "at least one below 1"),
        ("learning_curve=[0.1, 1.5]", "less than or equal to 1"),
        ("data.split.folds=3", "`learning_curve` and `data.split.folds` exclude each other"),
    ],
)
def test_what_cannot_be_a_learning_curve(tmp_path, setting, words):
    config = write_config_file(tmp_path / "small.yaml", CURVE)
    assert words in refused("run", config, "-o", tmp_path / "run", "--set", setting)
