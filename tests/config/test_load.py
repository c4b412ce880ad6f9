"""What a user may write, and what is said about what may not be written."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from bakeoff.config.load import builtin_names, load_config, presets
from bakeoff.errors import UserError

MINIMAL = {
    "task": "classification",
    "data": {"table": "reviews.csv"},
    "contestants": {"linear": None},
}


def problems(config, overrides=()) -> str:
    with pytest.raises(UserError) as caught:
        load_config(config, overrides)
    return str(caught.value)


@pytest.mark.parametrize("name", builtin_names())
def test_built_in_bake_offs_load_and_survive_being_saved(name):
    config = load_config(name)

    assert config.name == name
    assert load_config(config.model_dump(mode="json")) == config


def test_defaults_are_filled_in():
    config = load_config(MINIMAL)

    assert config.budget.epochs == 5
    assert config.contestants["linear"].method == "linear"


def test_one_fraction_stands_for_every_split():
    config = load_config("wikitext-gpt2")

    assert (config.data.fraction.train, config.data.fraction.validation) == (0.1, 0.1)


@pytest.mark.parametrize("name", presets())
def test_presets_keep_their_settings_unless_they_are_changed(name):
    task = "language-model" if presets()[name]["method"] in ("full", "lora") else "classification"
    data = {"text": "corpus.txt"} if task == "language-model" else {"table": "reviews.csv"}
    config = {"task": task, "data": data, "model": "gpt2", "contestants": {name: {"learning_rate": 0.5}}}
    if task == "classification":
        del config["model"]

    settings = load_config(config).contestants[name].model_dump()

    expected = {**presets()[name], "learning_rate": 0.5}
    assert {key: settings[key] for key in expected if key != "vocabulary"} == {
        key: value for key, value in expected.items() if key != "vocabulary"
    }


def test_two_contestants_of_one_method():
    config = load_config(
        {**MINIMAL, "contestants": {"small": {"method": "lstm", "hidden_size": 8}, "large": {"method": "lstm"}}}
    )

    assert config.contestants["small"].hidden_size == 8


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pretrain": "more.txt"}, "lstm.pretrain: must be `key: value` pairs, not 'more.txt'"),
        ({"pretrain": {}}, "lstm.pretrain.text: is missing"),
        ({"pretrain": {"text": "more.txt", "epoch": 1}}, "unknown key 'epoch'; did you mean 'epochs'?"),
        ({"pretrain": {"text": "more.txt", "epochs": 0}}, "lstm.pretrain.epochs: must be greater than 0"),
        ({"pretrain": {"text": "more.txt"}, "layers": 2}, "pretrain needs `layers: 1` or `bidirectional: false`"),
    ],
)
def test_pretraining_that_cannot_be(settings, said):
    assert said in problems({**MINIMAL, "contestants": {"lstm": settings}})


def test_a_renamed_key_is_suggested_only_where_it_is_one():
    assert "did you mean" not in problems({**MINIMAL, "contestants": {"linear": {"alpha": 0.1}}})
    assert "did you mean 'lora_alpha'?" in problems({**MINIMAL, "contestants": {"transformer": {"alpha": 8}}})


def test_pretraining_of_several_layers_in_one_direction():
    settings = {"pretrain": {"text": "more.txt"}, "layers": 2, "bidirectional": False}
    config = load_config({**MINIMAL, "contestants": {"gru": settings}}, ["contestants.gru.pretrain.epochs=5"])

    assert config.contestants["gru"].pretrain.epochs == 5
    assert load_config(config.model_dump(mode="json")) == config


@pytest.mark.parametrize("text", [[], ["a", "a"], ["a", 1], 5, {"a": "b"}])
def test_columns_that_are_none_are_one_problem(text):
    said = problems({**MINIMAL, "data": {"table": "reviews.csv", "text": text}})

    assert "has 1 problem" in said
    assert "data.text: must be the name of a column or a list of different names" in said


@pytest.mark.parametrize(
    ("assignment", "read"),
    [
        ("contestants.lstm.hidden_size=256", lambda config: config.contestants["lstm"].hidden_size == 256),
        ("data.split.test=0.25", lambda config: config.data.split.test == 0.25),
        ("budget.seconds=60", lambda config: config.budget.seconds == 60),
        ("data.text=[title, body]", lambda config: config.data.text == ["title", "body"]),
        ("data.table=a: b.csv", lambda config: config.data.table == "a: b.csv"),
        ("data.text=Comment #1", lambda config: config.data.text == "Comment #1"),
        ("data.text='Comment #1'", lambda config: config.data.text == "Comment #1"),
        ("data.labels.separator=#", lambda config: config.data.labels.separator == "#"),
        ("data.labels.separator=|", lambda config: config.data.labels.separator == "|"),
        ("data.out_of_scope=off", lambda config: config.data.out_of_scope == "off"),
        ("data.rows= 100 ", lambda config: config.data.rows == 100),
        ("contestants.lstm-lab.dropout=0", lambda config: config.contestants["lstm-lab"].layers == 1),
        ("contestants.lstm.learning_rate=5e-4", lambda config: config.contestants["lstm"].learning_rate == 5e-4),
    ],
)
def test_overrides(assignment, read):
    assert read(load_config("sentiment", [assignment]))


@pytest.mark.parametrize(
    ("evaluation", "read"),
    [
        ("cost: {positive: yes, false_negative: 10, false_positive: 1}", lambda found: found.cost.positive == "yes"),
        ("cost: {off: {on: 10}}", lambda found: found.cost == {"off": {"on": 10}}),
        ("labels: [No, Yes]", lambda found: found.labels == ["No", "Yes"]),
        ("labels: [false, true]", lambda found: found.labels == ["False", "True"]),  # what such classes are called
        ("labels: [1, 2]", lambda found: found.labels == ["1", "2"]),
    ],
)
def test_yes_and_no_are_labels(tmp_path, evaluation, read):
    file = tmp_path / "my.yaml"
    file.write_text(
        f"task: classification\ndata: {{table: a.csv, unlabeled: no}}\ncontestants: {{lstm: {{bidirectional: no}}}}\n"
        f"evaluation: {{{evaluation}}}\n"
    )

    config = load_config(file)

    assert read(config.evaluation)
    assert config.data.unlabeled == "no"
    assert config.contestants["lstm"].bidirectional is False


def test_every_problem_is_named_at_once_with_its_line_and_the_nearest_name(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text(
        "task: classification\n"
        "data:\n"
        "  tabel: x.csv\n"
        "  split: {validation: 0.5, test: 0.6}\n"
        "budget: {epochs: two}\n"
        "contestants:\n"
        "  lstm:\n"
        "    hiden_size: 3\n"
        "    pooling: mean\n"
        "    vocabulary: {min_freq: 3}\n"
        "  lstn: {}\n"
        "  a/b: {}\n"
        "evaluation: {confidence: 95}\n"
    )

    text = problems(file)

    for expected in [
        "9 problems",
        "line 3: data.tabel: unknown key 'tabel'; did you mean 'table'?",
        "line 4: data.split: validation and test together must be below 1",
        "line 5: budget.epochs: must be a whole number, not 'two'",
        "line 8: contestants.lstm.hiden_size: unknown key 'hiden_size'; did you mean 'hidden_size'?",
        "line 9: contestants.lstm.pooling: must be 'last' or 'max_mean', not 'mean'",
        "line 10: contestants.lstm.vocabulary.min_freq: unknown key 'min_freq'; did you mean 'min_frequency'?",
        "line 11: contestants.lstn: 'lstn' is not a method of task classification; did you mean 'lstm'?",
        "line 12: contestants: 'a/b' must consist of",
    ]:
        assert expected in text
    assert str(file) in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"task": "clasification"}, "'clasification' is not a task"),
        ({"contestants": {}}, "name at least one"),
        ({"contestants": {"lora": {}}}, "'lora' is not a method of task classification"),
        ({"contestants": {"linear": 3}}, "settings are `key: value` pairs"),
        ({"budget": {}}, "a budget needs at least one of epochs, tokens, seconds"),
        ({"data": {}}, "data: give `table`, or the file `train`"),
        ({"data": {"table": "a.csv", "train": "b.csv"}}, "either `table` or the files"),
        ({"data": {"test": "b.csv"}}, "data: give `table`, or the file `train`"),
        ({"data": {"train": "b.csv", "test": "b.csv"}}, "are the same"),
        ({"data": {"train": "b.csv", "split": {"group": "author"}}}, "leave out `split.group`, or give one `table`"),
        (
            {"data": {"table": "b.csv", "split": {"group": "a", "time": "b", "column": "c"}}},
            "data.split: `column` and `group` and `time` exclude each other",
        ),
        ({"seed": -1}, "seed: must be greater than or equal to 0"),
    ],
)
def test_what_cannot_be_run_is_refused(changes, expected):
    assert expected in problems({**MINIMAL, **changes})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"data": {}}, "give `text`, or the files `train` and `validation`"),
        ({"data": {"text": "a.txt", "train": "b.txt"}}, "either `text` or the files"),
        ({"evaluation": {"context_length": 64, "stride": 128}}, "stride 128 is larger than context_length 64"),
        ({"evaluation": {"protocols": ["windows"]}}, "did you mean 'window'?"),
        ({"contestants": {"lora": {"target_modules": 3}}}, "target_modules"),
    ],
)
def test_what_cannot_be_run_is_refused_for_language_models(changes, expected):
    config = {"task": "language-model", "model": "gpt2", "data": {"text": "a.txt"}, "contestants": {"full": {}}}

    assert expected in problems({**config, **changes})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("task: [", "this is not valid YAML"),
        ("just words", "holds no keys"),
        ("", "holds no keys"),
        ("task: classification\ntask: classification\n", "line 2: the key 'task' appears twice"),
    ],
)
def test_files_that_are_no_configs(tmp_path, text, expected):
    file = tmp_path / "my.yaml"
    file.write_text(text)

    assert expected in problems(file)


def test_a_file_that_is_not_utf8(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_bytes(b"task: caf\xe9")

    assert "is not UTF-8 text (byte 9)" in problems(file)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("my reviews.csv", b"text,label\ngood,pos\n"),
        ("a.tsv.gz", b"\x1f\x8b\x08"),
        ("a.xlsx", b"PK\x03\x04\xff"),
        ("a.json", b'{"text": ["good"], "label": ["pos"]}'),
        ("a.jsonl", b'{"text": "good"}\n{"text": "bad"}\n'),
        ("a.txt", b"A text: of words.\n"),
        ("a.txt", b"\xe9"),
    ],
)
def test_data_in_the_place_of_a_config(tmp_path, name, content):
    file = tmp_path / name
    file.write_bytes(content)

    assert f"{file} is a file of data, not a config." in problems(file)
    assert f"bakeoff init {shlex.quote(str(file))}" in problems(file)


def test_folders_in_the_place_of_a_config(tmp_path):
    assert f"bakeoff init {tmp_path}" in problems(tmp_path)
    (tmp_path / "bakeoff.yaml").touch()
    assert f"bakeoff resume {tmp_path}" in problems(tmp_path)


def test_a_config_may_have_any_name(tmp_path):
    file = tmp_path / "my.json"
    file.write_text(json.dumps(MINIMAL))

    assert load_config(file).name == "my"


def test_a_mistyped_name_gets_the_nearest_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my-reviews.yaml").touch()

    assert "Did you mean sentiment?" in problems("sentimnt")
    assert "Did you mean my-reviews.yaml?" in problems("my-review.yaml")


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("budget.epochs", "this is not KEY=VALUE"),
        ("budget..epochs=3", "this is not KEY=VALUE"),
        ("task.epochs=3", "task is a value, not a section"),
        ("contestants.lstm.layers=0", "--set contestants.lstm.layers=0: contestants.lstm.layers: must be greater"),
        ("data.tabel=x", "--set data.tabel=x: data.tabel: unknown key"),
    ],
)
def test_wrong_overrides_are_named(assignment, expected):
    assert expected in problems("sentiment", [assignment])
