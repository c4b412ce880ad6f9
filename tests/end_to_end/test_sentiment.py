"""Lab 1 through the command line, on a few hundred of the packaged sentences."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq
import pytest

import bakeoff as library
from bakeoff.tasks.classifier import Classifier
from tests.command import bakeoff, refused
from tests.real_runs import write_config_file


def test_the_run_folder_is_complete(sentiment_run):
    for name in ("bakeoff.yaml", "environment.json", "data.json", "verdict.json", "report.html", "report.md"):
        assert (sentiment_run / name).stat().st_size > 0
    for contestant in ("majority", "linear", "lstm", "lstm-lab"):
        folder = sentiment_run / "contestants" / contestant
        assert {file.name for file in folder.iterdir()} >= {"model", "scores.parquet", "samples.jsonl", "result.json"}
        assert (folder / "model" / "README.md").read_text().startswith("---\n")
        assert not (folder / "checkpoint").exists()
    suffixes = {file.suffix for file in sentiment_run.rglob("*") if file.is_file() and file.name != ".lock"}
    assert suffixes <= {".yaml", ".json", ".jsonl", ".html", ".md", ".parquet", ".safetensors"}


def test_the_printed_summary_and_the_lab_s_table(sentiment_run):
    typed = bakeoff("resume", sentiment_run)

    assert typed.code == 0
    for word in ("majority", "linear", "lstm", "lstm-lab", "accuracy", "report.html"):
        assert word in typed.out


def test_results_agree_with_the_scores(sentiment_run):
    results = bakeoff("resume", sentiment_run, "--json").json["results"]

    for result in results:
        accuracy = result["metrics"][0]
        assert accuracy["name"] == "accuracy"
        assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
        counts = result["confusion"]["counts"]
        right = sum(counts[index][index] for index in range(len(counts)))
        assert accuracy["value"] == pytest.approx(right / sum(map(sum, counts)))


@pytest.mark.parametrize("contestant", ["majority", "linear", "lstm", "lstm-lab"])
def test_predict_gives_what_the_judge_saw(sentiment_run, contestant):
    import pyarrow.parquet as pq

    from bakeoff.config.load import load_config
    from bakeoff.data.tables import prepare_table

    config = load_config(sentiment_run / "bakeoff.yaml")
    table, _ = prepare_table(config.data, config.seed)
    scores = pq.read_table(sentiment_run / "contestants" / contestant / "scores.parquet").to_pylist()

    found = library.load_classifier(sentiment_run, contestant=contestant).predict(table.test.texts)

    assert [each.label for each in found] == [row["predicted"] for row in scores]
    for each, row in zip(found, scores, strict=True):
        assert each.probabilities["positive"] == pytest.approx(row["probability_positive"], abs=1e-5)


def test_predict_shows_every_contestant(sentiment_run):
    typed = bakeoff("predict", sentiment_run, "A fine film")

    assert [line.split()[0] for line in typed.out.splitlines()] == ["majority", "linear", "lstm", "lstm-lab"]


def test_predict_in_bf16(sentiment_run):
    typed = bakeoff("predict", sentiment_run, "A fine film", "--precision", "bf16", "--json")

    exact = bakeoff("predict", sentiment_run, "A fine film", "--json").json["predictions"]
    for name, (found,) in typed.json["predictions"].items():
        assert found["probability"] == pytest.approx(exact[name][0]["probability"], abs=0.01)


def test_predict_says_which_texts_are_empty(sentiment_run):
    typed = bakeoff("predict", sentiment_run, "", "   ", "A fine film", "--json")
    one = bakeoff("predict", sentiment_run, "", "--contestant", "linear")
    none = bakeoff("predict", sentiment_run, "A fine film", "--json")

    note = "2 texts are empty: their answers say only what the models answer without any word."
    assert (typed.code, typed.err.strip(), typed.json["notes"]) == (0, note, [note])
    assert one.err.startswith("1 text is empty: its answer says only")
    assert (none.err, none.json["notes"]) == ("", [])


def test_predict_reads_standard_input(sentiment_run):
    typed = bakeoff("predict", sentiment_run, "--contestant", "linear", "--json", stdin="A fine film\n\nA dull one\n")

    assert typed.json["texts"] == ["A fine film", "A dull one"]
    assert len(typed.json["predictions"]["linear"]) == 2


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_predict_scores_a_file(sentiment_run, tmp_path, suffix):
    table, out = tmp_path / "reviews.csv", tmp_path / f"scored.{suffix}"
    table.write_text('id,review\n7,"A fine, moving film"\n8,"A dull film\nin two lines"\n')

    typed = bakeoff("predict", sentiment_run, "--file", table, "--out", out, "--contestant", "linear")

    assert typed.code == 0, typed.err
    if suffix == "csv":
        rows = list(csv.DictReader(out.open(newline="")))
    else:
        rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [str(row["id"]) for row in rows] == ["7", "8"]
    assert {row["label"] for row in rows} <= {"positive", "negative"}
    assert all(0.5 <= float(row["probability"]) <= 1 for row in rows)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_predict_scores_a_large_file_in_parts(sentiment_run, tmp_path, monkeypatch, ending):
    table = tmp_path / "reviews.csv"
    table.write_text("id,review\n" + "".join(f"{n},A {'fine' if n % 2 else 'dull'} film {n}\n" for n in range(300)))
    options = ["--file", table, "--threshold", "0.8", "--contestant", "linear"]
    at_once = bakeoff("predict", sentiment_run, *options, "--out", tmp_path / f"once.{ending}", "--json")
    printed = bakeoff("predict", sentiment_run, *options)
    monkeypatch.setattr("bakeoff.data.table_parts.PART_BYTES", 1000)
    monkeypatch.setattr("bakeoff.cli.predict._TEXTS_AT_ONCE", 7)

    typed = bakeoff("predict", sentiment_run, *options, "--out", tmp_path / f"parts.{ending}", "--json")

    assert typed.code == 0, typed.err
    assert typed.json == at_once.json
    assert typed.err == at_once.err.replace("once.", "parts.")
    if ending == "parquet":
        assert pq.read_metadata(tmp_path / "parts.parquet").num_row_groups > 3
        assert pq.read_table(tmp_path / "parts.parquet").equals(pq.read_table(tmp_path / "once.parquet"))
    else:
        assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "once.csv").read_bytes()
        assert bakeoff("predict", sentiment_run, *options).out == printed.out


def test_an_interrupted_predict_says_how_far_it_was(sentiment_run, tmp_path, monkeypatch):
    table = tmp_path / "lines.txt"
    table.write_text("A fine film\n" * 300)
    monkeypatch.setattr("bakeoff.data.table_parts.PART_BYTES", 1000)
    predict, asked = Classifier.predict, []

    def interrupted(self, texts):
        asked.append(len(texts))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return predict(self, texts)

    monkeypatch.setattr(Classifier, "predict", interrupted)

    options = ["--file", table, "--out", tmp_path / "out.csv", "--contestant", "linear"]
    typed = bakeoff("predict", sentiment_run, *options)

    assert typed.code == 130
    assert f"Interrupted after {sum(asked[:2])} of 300 texts. {tmp_path / 'out.csv'} was not written." in typed.err
    assert [file.name for file in tmp_path.iterdir()] == ["lines.txt"]


def test_predict_leaves_unsure_texts_without_a_label(sentiment_run, tmp_path):
    texts = ["A fine film, moving and funny", "xyzzy", "A dull mess", "It has its moments"]
    file, out = tmp_path / "reviews.csv", tmp_path / "scored.csv"
    file.write_text("review\n" + "".join(f'"{text}"\n' for text in texts))
    found = bakeoff("predict", sentiment_run, *texts, "--contestant", "linear", "--json").json["predictions"]["linear"]
    threshold = sorted(each["probability"] for each in found)[2]  # two are below it, two are not

    options = ["--contestant", "linear", "--threshold", str(threshold)]
    typed = bakeoff("predict", sentiment_run, "--file", file, "--out", out, *options, "--json")

    assert "linear: no label for 2 of 4 texts" in typed.err
    for each, before in zip(typed.json["predictions"]["linear"], found, strict=True):
        unsure = before["probability"] < threshold
        assert each == {**before, "label": None if unsure else before["label"], "abstained": unsure}
    rows = list(csv.DictReader(out.open(newline="")))
    assert [row["label"] for row in rows] == [each["label"] or "" for each in typed.json["predictions"]["linear"]]
    assert sorted(row["abstained"] for row in rows) == ["False", "False", "True", "True"]
    printed = bakeoff("predict", sentiment_run, *texts, *options).out
    assert printed.count("no label (") == 2


def test_a_column_is_one_of_a_file(sentiment_run):
    said = refused("predict", sentiment_run, "A fine film", "--column", "review")
    assert "--column names a column of --file, and no file is given." in said


def test_a_threshold_is_a_probability(sentiment_run):
    assert bakeoff("predict", sentiment_run, "A fine film", "--threshold", "1.5").code == 2


def test_classes_of_unequal_size_judged_by_macro_f1(tmp_path):
    """Three classes, one of them rare: from the config to calibrated answers, classes and the report."""
    words = {"praise": "fine moving", "blame": "dull awful", "doubt": "odd baffling"}
    rows = [
        f"a {words[label].split()[number % 2]} film and text number {number},{label}"
        for label, count in (("praise", 150), ("blame", 120), ("doubt", 12))
        for number in range(count)
    ]
    (tmp_path / "reviews.csv").write_text("text,label\n" + "\n".join(rows))
    config = {
        "task": "classification",
        "data": {"table": str(tmp_path / "reviews.csv")},
        "contestants": {"majority": {}, "linear": {}, "weighted": {"method": "linear", "class_weights": "balanced"}},
        "evaluation": {"metric": "macro_f1", "resamples": 100},
    }
    outcome = bakeoff("run", write_config_file(tmp_path / "config.yaml", config), "-o", tmp_path / "run", "--json").json

    assert {each["metric"] for each in outcome["verdict"]["comparisons"]} == {"macro_f1"}
    assert "macro-F1" in outcome["verdict"]["sentences"][0]
    for result in outcome["results"]:
        assert [metric["name"] for metric in result["metrics"]][:2] == ["macro_f1", "accuracy"]
        assert [score["label"] for score in result["classes"]] == ["blame", "doubt", "praise"]
        assert (result["calibration"] is None) is (result["method"] == "majority")
        assert result["selective_prediction"]["curve"][-1]["coverage"] == 1
    page = (tmp_path / "run" / "report.html").read_text()
    assert all(f'id="{section}"' in page for section in ("calibration", "selective-prediction"))


def test_report_is_written_anew(sentiment_run):
    (sentiment_run / "report.html").unlink()

    typed = bakeoff("report", sentiment_run)

    path, _, sentence = typed.out.partition("\n\n")
    assert path == str(sentiment_run / "report.html")
    assert sentence.startswith("On 120 test texts, ")
    assert "sentence-polarity" in (sentiment_run / "report.html").read_text()


def test_from_python(tmp_path):
    outcome = library.run(
        {
            "task": "classification",
            "data": {"table": "sentence-polarity", "rows": 300},
            "contestants": {"majority": {}, "linear": {}},
        },
        tmp_path / "run",
    )

    assert outcome.verdict.best in ("majority", "linear")
    assert outcome.report.exists()
    assert [result.name for result in outcome.results] == ["majority", "linear"]


def test_a_folder_of_the_same_name_does_not_hide_packaged_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sentence-polarity").mkdir()

    typed = bakeoff("run", "sentiment", "--set", "data.rows=300", "--set", "contestants={linear: {}}", "-o", "run")

    assert typed.code == 0, typed.err
