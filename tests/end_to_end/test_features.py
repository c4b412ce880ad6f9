"""Text beside other columns, through the command line, the server and Python."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest
import yaml

import bakeoff as library
from bakeoff.config.starting import starting_config
from bakeoff.errors import UserError
from bakeoff.runs.folder import RunFolder
from tests.command import bakeoff, refused
from tests.data.test_group_split import text
from tests.real_runs import write_config_file
from tests.serve.servers import running


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A table in which country and price decide as much as the text, and its run."""
    folder = tmp_path_factory.mktemp("features")
    chance = random.Random(5)
    with (folder / "films.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "review", "country", "price", "<b>noise", "stars", "opinion"])
        for row in range(500):
            country, fine = chance.choice(["DE", "FR", "US", "JP"]), chance.random() < 0.5
            good = 2 * (country in ("DE", "FR")) + 2 * fine + chance.gauss(-2, 0.7) > 0
            price = f"{chance.lognormvariate(3 + good, 1):.2f}".replace(".", ",") if row % 11 else ""
            price = "unknown" if row == 7 else price
            review = f"{text(row)} {'fine' if fine else 'dull'}"
            opinion = "good" if good else "bad"
            stars = {"good": 5, "bad": 1}[opinion]
            table.writerow([row, review, country, price, chance.randint(1, 9), stars, opinion])
    config = {
        "task": "classification",
        "data": {
            "table": str(folder / "films.csv"),
            "text": "review",
            "label": "opinion",
            "features": ["country", "price", "<b>noise", "stars"],
            "split": {"folds": 3},
        },
        "contestants": {
            "majority": {},
            "linear": {},
            "linear-text-only": {"method": "linear", "features": False},
            "both": {"method": "ensemble", "members": ["linear", "linear-text-only"]},
        },
        "evaluation": {"resamples": 50},
    }
    write_config_file(folder / "leaking.yaml", config)
    config["data"]["features"].remove("stars")
    typed = bakeoff("run", write_config_file(folder / "films.yaml", config), "-o", folder / "run")
    assert typed.code == 0, typed.err
    (folder / "said.txt").write_text(" ".join(typed.err.split()))
    return folder


def test_the_verdict_says_what_the_columns_bring(folder):
    verdict = RunFolder(folder / "run").verdict()

    (worth,) = verdict.features
    assert (worth.better, worth.worse, worth.distinguishable) == ("linear", "linear-text-only", True)
    assert worth.difference > 0.05
    (sentence,) = [each for each in verdict.sentences if each.startswith("With the columns")]
    assert sentence.startswith("With the columns country, price and <b>noise, linear's accuracy is ")
    assert "linear-text-only; 95% interval" in sentence
    assert sentence.endswith("more than chance can explain.")


def test_the_run_and_the_report_say_who_reads_the_columns(folder):
    said = (folder / "said.txt").read_text()
    html, markdown = ((folder / "run" / name).read_text() for name in ("report.html", "report.md"))

    who = (
        "linear and both read them; majority cannot, and takes the text alone; linear-text-only has `features: false`."
    )
    assert who in said
    assert "country (4 categories), price (numbers) and <b>noise (numbers)" in said
    assert "Numbers in column 'price' are read with a decimal comma" in said
    assert "Column 'price': 1 cell is no number and counts as missing, such as 'unknown'." in said
    assert "<b>noise" not in html
    for page in (html, markdown):
        assert "linear-text-only has" in page
        assert "points higher than without" in page
    card = (folder / "run" / "contestants" / "linear" / "model" / "README.md").read_text()
    assert "features={'country': ['...'], 'price': ['...'], '<b>noise': ['...']}" in card


def test_a_column_that_gives_the_label_away_is_pointed_out_before_anything_is_trained(folder):
    typed = bakeoff("plan", folder / "leaking.yaml")

    assert typed.code == 0, typed.err
    assert "Column 'stars' alone nearly gives the label away" in " ".join((typed.out + typed.err).split())


def test_resume_writes_the_same_verdict(folder):
    before = RunFolder(folder / "run").verdict()
    assert library.resume(folder / "run").verdict == before


def test_values_are_given_on_the_command_line(folder):
    given = ["--feature", "country=DE", "--feature", "price=90,5", "--feature", "<b>noise=3"]
    asked = ["predict", folder / "run", "the plot", "--contestant", "linear", "--json"]

    typed, without = bakeoff(*asked, *given), bakeoff(*asked)

    assert typed.err == ""
    assert typed.json["predictions"]["linear"][0]["label"] == "good"
    warned = "linear also reads the columns country, price and <b>noise: they count as missing. Give them: --feature"
    assert warned in without.err
    assert without.json["notes"] == [without.err.strip()]
    classifier = library.load_classifier(folder / "run", contestant="linear")
    features = {"country": ["DE"], "price": ["90,5"], "<b>noise": [3]}
    expected = classifier.predict(["the plot"], features=features)[0]
    with pytest.raises(UserError, match="did you mean 'country'"):
        classifier.predict(["the plot"], features={"contry": ["DE"]})
    assert typed.json["predictions"]["linear"][0]["probability"] == pytest.approx(expected.probability)
    assert without.json["predictions"]["linear"][0]["probability"] != pytest.approx(expected.probability)
    assert bakeoff("predict", folder / "run", "the plot", "--contestant", "linear-text-only").err == ""


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        ("contry=DE", "Did you mean 'country'?"),
        ("country", "a value is missing"),
        ("price=12.5", "'12.5' is no number"),  # it has a decimal comma
    ],
)
def test_values_that_cannot_be_read_are_refused(folder, feature, said):
    assert said in refused("predict", folder / "run", "the plot", "--feature", feature)


def test_two_values_of_one_column_are_refused(folder):
    said = refused("predict", folder / "run", "the plot", "--feature", "price=1", "--feature", "price=2")

    assert "--feature gives column 'price' twice. Give each column one value." in " ".join(said.split())


def test_a_file_has_the_columns_or_is_refused(folder, tmp_path):
    out = tmp_path / "labeled.csv"
    typed = bakeoff("predict", folder / "run", "--file", folder / "films.csv", "--out", out, "--contestant", "linear")
    assert typed.code == 0, typed.err
    assert "Column 'price': 1 cell is no number and counts as missing, such as 'unknown'." in typed.err
    rows = list(csv.DictReader(out.open()))
    right = [row["label"] == row["opinion"] for row in rows]
    assert sum(right) / len(right) > 0.8

    file = tmp_path / "less.csv"
    file.write_text("review,Country,price,<b>noise\nthe plot,DE,3,1\n")
    said = refused("predict", folder / "run", "--file", file, "--contestant", "linear")
    assert "has no column 'country', which linear reads beside the text" in said
    assert "Is it 'Country' there?" in said
    assert bakeoff("predict", folder / "run", "--file", file, "--feature", "country=DE").code == 0
    file.write_text("review,country,price\nthe plot,DE,3\n")
    assert "missing: --feature '<b>noise=' Or" in refused("predict", folder / "run", "--file", file)
    (tmp_path / "texts.csv").write_text("text\nthe plot\n")
    said = refused("predict", folder / "run", "--file", tmp_path / "texts.csv", "--contestant", "linear")
    assert "has no column 'country'" in said
    (tmp_path / "lines.txt").write_text("the plot\n")
    assert "count as missing" in bakeoff("predict", folder / "run", "--file", tmp_path / "lines.txt").err


def test_explain_shows_what_columns_add(folder):
    asked = ["explain", folder / "run", "the plot was fine", "--feature", "country=DE", "--feature", "price=90"]

    shown = " ".join(bakeoff(*asked).out.split())
    columns = bakeoff(*asked, "--json").json["explanations"]["linear"][0]["columns"]

    assert "country: DE +" in shown
    assert {each["column"]: each["value"] for each in columns} == {"country": "DE", "price": "90", "<b>noise": None}
    assert next(each["contribution"] for each in columns if each["column"] == "<b>noise") == pytest.approx(0)


def test_export_refuses_what_reads_columns(folder, tmp_path):
    assert "exported" in refused("export", folder / "run", "-o", tmp_path / "out", "--contestant", "linear")


def test_the_server_takes_features(folder):
    texts = ["the plot was fine", "the plot was dull"]
    features = [{"country": "DE", "price": 90.5}, {"country": None, "price": "3,5"}]
    with running([folder / "run"]) as client:
        models = {each["contestant"]: each["columns"] for each in client.get("/v1/models").json()["data"]}
        asked = {"texts": texts, "features": features, "models": ["run/linear"], "explain": True}
        (answer,) = client.post("/v1/classify", json=asked).json()["data"]
        (bare,) = client.post("/v1/classify", json={"texts": texts, "models": ["run/linear"]}).json()["data"]
        few = client.post("/v1/classify", json={**asked, "features": features[:1]})
        unknown = client.post("/v1/classify", json={**asked, "features": [{"contry": "DE"}, {}]})
        nested = client.post("/v1/classify", json={**asked, "features": [{"price": [9]}, {}]})

    columns = ["country", "price", "<b>noise"]
    assert models == {"majority": [], "linear": columns, "linear-text-only": [], "both": columns}
    classifier = library.load_classifier(folder / "run", contestant="linear")
    given = {"country": ["DE", None], "price": ["90,5", 3.5]}  # 90.5 is the same number in a column of decimal commas
    for found, expected in zip(answer["predictions"], classifier.predict(texts, features=given), strict=True):
        assert found["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)
    assert {each["column"] for each in answer["predictions"][0]["columns"]} == set(columns)
    assert answer["missing"] == ["<b>noise"]
    assert bare["missing"] == columns
    assert few.status_code == unknown.status_code == 400
    assert "Send one for each text" in few.json()["error"]["message"]
    assert "Did you mean 'country'?" in unknown.json()["error"]["message"]
    said = "features.0.price: must be a string, a number, true, false or null"
    assert nested.json()["error"]["message"] == said


def test_init_proposes_the_columns_in_a_comment(folder):
    found = starting_config(str(folder / "films.csv"))

    assert found.seen.features == ["country", "price", "<b>noise"]
    assert "  # features: [country, price, <b>noise] # read beside the text" in found.yaml
    assert "  # linear-text-only: {method: linear, features: false} #" in found.yaml
    assert any(note.startswith("Column 'stars' alone nearly gives the label away") for note in found.seen.notes)
    assert "features" not in yaml.safe_load(found.yaml)["data"]
    uncommented = yaml.safe_load(found.yaml.replace("  # features:", "  features:").replace("  # linear", "  linear"))
    assert library.load_config(uncommented).data.feature_columns == ["country", "price", "<b>noise"]


def test_nobody_reads_the_columns(folder):
    typed = bakeoff("plan", folder / "films.yaml", "--json", "--set", "contestants={majority: {}}")
    assert "No contestant reads them; majority cannot, and takes the text alone." in " ".join(typed.err.split())
    lonely = bakeoff("plan", folder / "films.yaml", "--json", "--set", "contestants={linear: {}}")
    assert "Add one that differs in nothing else: linear-text-only: {method: linear, features: false}" in " ".join(
        lonely.err.split()
    )
    assert json.loads(lonely.out)
