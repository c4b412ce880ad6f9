"""Odd values in configs, tables and options: one sentence each, without reading a row or training a step."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import bakeoff, refused
from tests.real_runs import SENTIMENT, write_config_file

ROWS = [{"text": f"text number {n} is here", "label": "pn"[n % 2]} for n in range(40)]


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("task=[1]", "task: [1] is not a task"),
        ("task={a: 1}", "is not a task"),
        ("contestants.x.method=[a]", "method"),
        ("contestants.x.method={a: 1}", "method"),
        ("data.format.separator=[a]", "separator"),
        ("data.format.quote={a: 1}", "quote"),
        ('data.format.encoding="a\\0b"', "encoding"),
        ("seed=18446744073709551616", "seed"),
        ("seed=" + "9" * 90, "seed"),
        ("seed=" + "9" * 5000, "the value is too large"),
        ("seed=1e30", "seed"),
        ("seed=.inf", "seed"),
        ("seed=2024-99-99", "seed"),
        ("seed=!!int x", "seed"),
        ("seed=!!python/object:os.system x", "seed"),
        ("seed=true", "seed: must be a whole number, not True"),
        ("contestants.linear.tune={trials: 2, at_once: true}", "at_once: must be a whole number, not True"),
        ("contestants.lstm.learning_rate=true", "learning_rate: must be a number, not True"),
        ("budget.seconds=true", "seconds: must be a number, not True"),
        ("repeats=1000000000000", "repeats"),
        ("evaluation.resamples=1000000000000", "resamples"),
        ("evaluation.confidence=.nan", "confidence"),
        ("contestants.lstm.layers=1000000000000", "layers"),
        ("contestants.lstm.learning_rate=.inf", "learning_rate"),
        ("contestants.lstm.learning_rate=.nan", "learning_rate"),
        ("contestants.lstm.weight_decay=.inf", "weight_decay"),
        ("contestants.lstm.hidden_size=1000000000000000000", "hidden_size"),
        ("budget.seconds=.inf", "seconds"),
        ('name="\\ud800"', "name"),
        ("name=../../x", "name"),
        ('data.table="a\\0b"', "does not exist"),
        ("x=[" + "[" * 99 + "]" * 99 + "]", "nested"),
    ],
)
def test_of_one_key(tmp_path, assignment, said):
    config = write_config_file(tmp_path / "config.yaml", SENTIMENT)

    assert said in refused("run", config, "-o", tmp_path / "out", "--set", assignment)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        ("{good: {bad: twenty}}", "evaluation.cost.good.bad: must be a number, not 'twenty'"),
        ("{false_negativ: 1, false_positive: 2}", "did you mean 'false_negative'?"),
    ],
)
def test_costs_of_either_form(tmp_path, cost, said):
    config = write_config_file(tmp_path / "config.yaml", SENTIMENT)

    assert said in refused("run", config, "-o", tmp_path / "run", "--set", f"evaluation.cost={cost}")


def test_init_with_the_same_file_for_two_splits(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n" + "A fine film,good\nA dull one,bad\n" * 20)

    said = refused("init", tmp_path / "a.csv", "--test", tmp_path / "a.csv", "-o", tmp_path / "a.yaml")

    assert "These files make no config: two of the files" in said


def test_sizes_beyond_all_memory(tmp_path):
    config = write_config_file(tmp_path / "config.yaml", {**SENTIMENT, "contestants": {"lstm": {}}})

    said = refused("run", config, "-o", tmp_path / "out", "--set", "contestants.lstm.hidden_size=1000000000000")

    assert "not enough memory" in said or "beyond what any machine can hold" in said


@pytest.mark.parametrize(
    "content",
    [
        "x: !!int y",
        "x: !!timestamp y",
        "x: !!binary '?'",
        "x: 2024-99-99",
        "? [a]\n: b",
        "? {a: b}\n: c",
        "x: !unknown y",
        "x: *nowhere",
        "%YAML 9.9\n---\na: 1",
        'x: "\\ud800"',
        "\x07",
        "a: 1\n---\nb: 2",
        "x: &r [*r]",
        "x: &r {y: *r}",
        "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
        "m0: &m0 {x: 1}\n" + "".join(f"m{n}: &m{n} {{<<: [{','.join([f'*m{n - 1}'] * 9)}]}}\n" for n in range(1, 12)),
        "x: " + "[" * 1000 + "]" * 1000,
        "x: " + "[" * 100_000,
        "- " * 5000,
        "? " * 5000,
        "x: " + "9" * 5000,
        "x: " + ":".join(["1"] * 50_000),
        "k" * 100_000 + ": 1",
        "x: " + "y" * 2_000_000,
        "\n".join(f"k{n}: {n}" for n in range(100_000)),
        "task: classification\ncontestants:\n  " + "n" * 100_000 + ": {}",
        "task: classification\ncontestants:\n  x: {method: " + "n" * 100_000 + "}",
        "task: " + "n" * 100_000,
    ],
    ids=lambda content: content[:25],
)
def test_configs_that_are_malformed_or_bombs(tmp_path, content):
    (tmp_path / "config.yaml").write_text(content)
    started = time.process_time()

    said = refused("run", tmp_path / "config.yaml", "-o", tmp_path / "out")

    assert "config.yaml" in said
    assert len(said) < 2000
    assert time.process_time() - started < 1


@pytest.mark.parametrize("line", ["[" * 100_000, '{"text": ' * 50_000, '{"text": "a", "label": ' + "9" * 5000 + "}"])
@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_json_bombs(tmp_path, line, ending):
    table = tmp_path / f"table.{ending}"
    table.write_text(line if line.startswith("[") else "\n".join([*map(json.dumps, ROWS), line]))

    said = refused("init", table, "-o", tmp_path / "out.yaml")

    assert "nested too deeply" in said or "too many digits" in said
    assert len(said) < 500


def test_dates_beyond_python_s_count_as_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    times = pa.array([2**62, *range(39)], pa.timestamp("us"))
    table = pa.table({"text": [row["text"] for row in ROWS], "label": [row["label"] for row in ROWS], "when": times})
    pq.write_table(table, "table.parquet")

    typed = bakeoff("init", "table.parquet")

    assert typed.code == 0, typed.err
    assert Path("table.yaml").exists()
    assert "Column 'when': 1 row has a time or date that Python does not have" in bakeoff("plan", "table.yaml").err


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_predict_writes_columns_of_mixed_values(sentiment_run, tmp_path, ending):
    odd = [1, "one", None, [1, "a"], {"a": 1}, 2**80, 1.5, "\ud800"]
    rows = [{"text": f"a film number {n}", "odd": value} for n, value in enumerate(odd)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / f"out.{ending}"

    typed = bakeoff("predict", sentiment_run, "--contestant", "linear", "--file", tmp_path / "in.jsonl", "--out", out)

    assert typed.code == 0, typed.err
    if ending == "parquet":
        assert pq.read_table(out)["odd"].to_pylist()[:5] == ["1", "one", None, '[1, "a"]', '{"a": 1}']
    if ending == "jsonl":
        assert [json.loads(line)["odd"] for line in out.read_text().splitlines()] == odd


def test_init_leaves_no_half_of_a_config_on_a_full_disk(tmp_path, monkeypatch):
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    opened = Path.open

    def open_full(path, *arguments, **named):
        file = opened(path, *arguments, **named)
        if path.name == "out.yaml":
            file.write("task: class")
            file.write = lambda text: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        return file

    monkeypatch.setattr(Path, "open", open_full)

    said = refused("init", tmp_path / "in.jsonl", "-o", tmp_path / "out.yaml")

    assert "disk is full" in said
    assert "resume" not in said
    assert not (tmp_path / "out.yaml").exists()
