"""A config that is written from the data says what was seen, and loads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.config.choices import Choices
from bakeoff.config.load import load_config
from bakeoff.config.seen import describe, shown
from bakeoff.config.starting import scalar, starting_config
from bakeoff.errors import UserError
from tests.data.spreadsheets import xlsx

ODD = ["<script>", "a: b # c", "a\nb", "yes", "1", "映画 \x1b[31m"]
NOTES = [f"note {number} has words" for number in range(60)]


@pytest.fixture
def table(tmp_path):
    def write(columns: dict[str, list], name: str = "my table.jsonl") -> str:
        file = tmp_path / name
        rows = zip(*columns.values(), strict=True)
        file.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows))
        return str(file)

    return write


@pytest.mark.parametrize("first", [[("About these reviews",)], [("what", "who"), ("what our guests said", "us")]])
def test_a_spreadsheet_that_begins_with_another_sheet(tmp_path, first):
    pytest.importorskip("python_calamine", reason="python-calamine is in the extra `excel`")
    reviews = [("review", "opinion"), *((f"the film {n} was seen", "ab"[n % 2]) for n in range(40))]
    file = tmp_path / "reviews.xlsx"
    file.write_bytes(xlsx({"Cover": first, "Reviews": reviews}))

    with pytest.raises(UserError, match=r"Other sheets, which are not read: 'Reviews'") as caught:
        starting_config(str(file))

    assert caught.value.hint.endswith("move it to the front, or save it as .csv.")


def test_what_was_seen_and_what_was_chosen(table):
    texts = [f"text {number} has a few words" for number in range(100)]
    source = table({"note": texts, "kind": ["rare" if n % 10 == 0 else "often" for n in range(100)]})

    found = starting_config(source)

    said = "\n".join(describe(found.seen))
    assert found.seen.classes == {"often": 90, "rare": 10}
    assert found.seen.words is not None
    assert found.seen.words.longest == 6
    assert "uneven, 1 to 9" in said
    assert all(f"#   {line}" in found.yaml for line in said.splitlines())
    config = load_config(yaml.safe_load(found.yaml))
    assert (config.data.table, config.data.text, config.data.label) == (source, "note", "kind")
    assert list(config.contestants) == ["majority", "linear"]  # few rows, and no English


def test_a_linear_model_is_corrected_where_every_class_has_rows_enough(table):
    source = table({"note": [f"text {number} has words" for number in range(60)], "kind": ["rare", "often"] * 30})

    config = load_config(yaml.safe_load(starting_config(source).yaml))

    assert list(config.contestants) == ["majority", "linear", "corrector", "ensemble"]


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("This is the film that I have seen in the {} of my town", ["embedding", "transformer"]),
        ("how to join the {} with a for loop", ["embedding", "transformer"]),
        ("Dies ist der Film, den ich in der Stadt gesehen habe, {}", []),
        ("这部电影太无聊了浪费时间{}", []),
    ],
)
def test_an_encoder_for_english_is_proposed_for_english(table, text, more):
    source = table({"note": [text.format(f"part {number}") for number in range(800)], "kind": ["a", "b"] * 400})

    config = load_config(yaml.safe_load(starting_config(source).yaml))

    assert list(config.contestants) == ["majority", "linear", "lstm", "corrector", *more, "ensemble"]


@pytest.mark.parametrize(
    ("rows", "words", "proposed"),
    [(200, 20, ["embedding", "smollm2"]), (200, 2_000, ["embedding"]), (100, 20, ["embedding"])],
)
def test_where_a_language_model_is_installed_its_vectors_are_proposed_for_many_rows_of_few_words(
    table, monkeypatch, rows, words, proposed
):
    monkeypatch.setattr("bakeoff.config.starting.has_small_language_model", lambda: True)
    text = "this is the one that I have seen " * (words // 8)
    notes = [f"{text} part {number}" for number in range(rows)]
    source = table({"note": notes, "kind": ["a", "b"] * (rows // 2)})

    config = load_config(yaml.safe_load(starting_config(source).yaml))

    assert [name for name, each in config.contestants.items() if each.method == "embedding"] == proposed
    assert set(proposed) <= set(config.contestants["ensemble"].members)


def test_few_training_rows_count_as_few_beside_a_large_test_file(table):
    text = "This is the film that I have seen in {} number {} of my town"

    def rows(name: str, count: int) -> str:
        numbers = range(count)
        texts = [text.format(name, number) for number in numbers]
        return table({"note": texts, "kind": [f"class {number % 2}" for number in numbers]}, f"{name}.jsonl")

    found = starting_config(rows("train", 40), validation=rows("validation", 40), test=rows("test", 2000))

    config = load_config(yaml.safe_load(found.yaml))
    assert "setfit" in config.contestants
    assert "lstm" not in config.contestants
    assert config.budget.epochs == 30


def test_odd_names_of_columns_and_labels_survive(table):
    for name in ODD:
        columns = {
            f"text {name}": [f"some text {number} {ODD[number % 6]}" for number in range(60)],
            name: [ODD[number % 6] for number in range(60)],
        }

        found = starting_config(table(columns))

        config = load_config(yaml.safe_load(found.yaml))
        assert (config.data.text, config.data.label) == (f"text {name}", name)
        assert found.seen.classes == dict.fromkeys(sorted(ODD), 10)
        assert "\x1b" not in found.yaml


def test_a_column_that_names_the_splits_is_used(table):
    splits = [("train", "train", "test")[number % 3] for number in range(60)]
    texts = [f"text number {number}" for number in range(60)]

    found = starting_config(table({"text": texts, "label": ["a", "b"] * 30, "set": splits}))

    assert load_config(yaml.safe_load(found.yaml)).data.split.column == "set"


def test_rows_without_a_label_do_not_decide_about_a_column_of_splits(table):
    names = ("train", "train", "test", "unsupervised")
    splits = [names[number % 4] for number in range(80)]
    labels = [None if split == "unsupervised" else number % 3 for number, split in enumerate(splits)]
    texts = [f"text number {number}" for number in range(80)]

    found = starting_config(table({"text": texts, "stars": labels, "split": splits}))

    data = load_config(yaml.safe_load(found.yaml)).data
    assert (data.label, data.split.column, found.seen.features) == ("stars", "split", [])
    assert found.seen.skipped == {"the label is missing": 20}


@pytest.mark.parametrize("rest", ["test", "validation_matched"])
def test_a_column_of_splits_without_labeled_test_rows_is_not_used(table, rest):
    splits = [("train", "train", rest, "validation")[number % 4] for number in range(80)]
    labels = [None if split == "test" else "ab"[number % 2] for number, split in enumerate(splits)]
    texts = [f"text number {number}" for number in range(80)]
    source = table({"text": texts, "label": labels, "split": splits})

    found = starting_config(source)

    assert load_config(yaml.safe_load(found.yaml)).data.split.column is None
    assert found.seen.features == []
    reason = "split: at random, because column split does not divide the rows with a label into train and test"
    assert reason in found.seen.reasons
    assert reason not in starting_config(source, choices=Choices(test=0.3)).seen.reasons


def test_texts_without_labels_make_a_config_for_language_models(table, tmp_path):
    source = table({"no": list(range(40)), "story": [f"once upon a time {number}" for number in range(40)]})
    book = tmp_path / "book.txt"
    book.write_text("A line of a book.\n" * 50)

    config = load_config(yaml.safe_load(starting_config(source).yaml))
    assert (config.task, config.data.text, config.data.column) == ("language-model", source, "story")
    assert load_config(yaml.safe_load(starting_config(str(book)).yaml)).data.text == str(book)


def test_language_models_read_one_column_of_one_file(table, tmp_path):
    stories = [f"once upon a time {number}" for number in range(40)]
    source = table({"title": [f"number {number}" for number in range(40)], "story": stories})

    with pytest.raises(UserError, match="reads one column, not title and story"):
        starting_config(source, ["title", "story"])
    with pytest.raises(UserError, match="reads one file or folder on this machine"):
        starting_config(str(tmp_path / "*.jsonl"))


def test_a_text_is_evaluated_on_the_split_it_has_by_protocols_that_fit(tmp_path):
    for name in ("train", "valid"):
        (tmp_path / f"{name}.txt").write_text("A line of a book.\n" * (300 if name == "valid" else 50))

    evaluation = load_config(yaml.safe_load(starting_config(str(tmp_path)).yaml)).evaluation
    assert (evaluation.split, evaluation.protocols) == ("validation", ["document", "window"])

    (tmp_path / "test.txt").write_text("A line of a book.\n" * 20)
    evaluation = load_config(yaml.safe_load(starting_config(str(tmp_path)).yaml)).evaluation
    assert (evaluation.split, evaluation.protocols) == ("test", ["document"])


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_scalars_are_read_back_and_comments_stay_comments(text):
    assert yaml.safe_load(f"a: {scalar(text)}\nb: [{scalar(text)}, 1] # {shown(text)}") == {"a": text, "b": [text, 1]}


def test_chats_become_examples(table):
    talks = [
        [{"role": "user", "content": f"number {n}?"}, {"role": "assistant", "content": "hello"}] for n in range(40)
    ]
    source = table({"messages": talks})

    found = starting_config(source)

    config = load_config(yaml.safe_load(found.yaml))
    assert (config.data.examples, config.data.messages) == (source, "messages")
    assert list(config.contestants) == ["pretrained", "few-shot", "lora", "full"]
    assert "messages: messages, for its name" in found.yaml


@pytest.mark.parametrize("names", [("prompt", "completion"), ("Question", "Answer"), ("instruction", "output")])
def test_prompts_with_answers_become_examples(table, names):
    columns = {names[0]: [f"What is number {n}?" for n in range(40)], names[1]: ["a {'b'}", "no"] * 20}
    source = table(columns)

    found = starting_config(source)

    config = load_config(yaml.safe_load(found.yaml))
    assert (config.data.prompt, config.data.completion) == names
    assert config.evaluation.answers == 8
    assert found.seen.examples
    assert "40 examples, in all splits" in found.yaml
    labeled = starting_config(source, [names[0]], names[1])
    assert labeled.seen.task == "classification"
    text = starting_config(source, [names[1]])
    assert yaml.safe_load(text.yaml)["task"] in ("language-model", "classification")


@pytest.mark.parametrize("name", ["conversation", "Chat", "messages", "conversations"])
def test_a_text_may_be_called_a_chat(table, name):
    texts = [None, *(f"please help me with order {n}" for n in range(39))]
    source = table({name: texts, "label": ["a", "b"] * 20})

    data = load_config(yaml.safe_load(starting_config(source).yaml)).data

    assert (data.text, data.label) == (name, "label")


@pytest.mark.parametrize("rows", [40, 4_000])  # the budget of many rows is in tokens, unless somebody chooses epochs
def test_epochs_and_repeats_of_examples_can_be_chosen(table, rows):
    source = table({"prompt": [f"What is number {n}?" for n in range(rows)], "completion": ["yes", "no"] * (rows // 2)})

    found = starting_config(source, choices=Choices(epochs=10, repeats=3))

    config = load_config(yaml.safe_load(found.yaml))
    assert (config.budget.epochs, config.repeats) == (10, 3)


def test_files_of_examples(table):
    rows = {"prompt": [f"What is number {n}?" for n in range(40)], "completion": ["yes", "no"] * 20}
    train, test = table(rows, "train.jsonl"), table(rows, "test.jsonl")

    found = starting_config(train, test=test)

    data = load_config(yaml.safe_load(found.yaml)).data
    assert (data.examples, data.train, data.test) == (None, train, test)
    assert "Leakage: 40 prompts occur in more than one split" in found.yaml


def test_files_of_examples_may_be_written_in_different_ways(tmp_path):
    files = []
    for name, separator, encoding in (("train", ",", "utf-8"), ("test", ";", "cp1252")):
        rows = [f"Wie schön ist Nummer {n} von {name}?{separator}ja" for n in range(40)]
        files.append(tmp_path / f"{name}.csv")
        files[-1].write_text("\n".join([f"prompt{separator}completion", *rows]), encoding=encoding)
    train, test = map(str, files)

    start = starting_config(train, test=test)

    assert start.seen.format is None
    assert load_config(yaml.safe_load(start.yaml)).data.test == test


def test_a_text_beside_a_chat_is_a_text(table):
    talk = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    source = table({"messages": [talk] * 40, "text": [f"This is text number {n}" for n in range(40)]})

    assert not starting_config(source).seen.examples


def test_files_in_one_format_have_it_in_their_config(tmp_path):
    texts = [f"Die Straße {number} war süß und schön" for number in range(60)]
    files = {}
    for name, rows in (("train", texts[:40]), ("validation", texts[40:50]), ("test", texts[50:])):
        lines = ["text;label", *(f"{text};{'ab'[number % 2]}" for number, text in enumerate(rows))]
        files[name] = tmp_path / f"{name}.csv"
        files[name].write_text("\n".join(lines), encoding="cp1252")
    train, validation, test = map(str, files.values())

    start = starting_config(train, validation=validation, test=test)

    assert load_config(yaml.safe_load(start.yaml)).data.format == start.seen.format
    assert start.seen.format.encoding == "windows-1252"
    files["test"].write_text(files["test"].read_text(encoding="cp1252"), encoding="utf-8")
    assert starting_config(train, validation=validation, test=test).seen.format is None


def test_the_encoding_of_a_text_is_in_its_config(tmp_path):
    (tmp_path / "a.txt").write_text("Die Straße war süß, der Käse schön.\n" * 30, encoding="cp1252")

    start = starting_config(str(tmp_path / "a.txt"))

    assert load_config(yaml.safe_load(start.yaml)).data.encoding == "windows-1252"
    assert start.seen.notes[0] == "Read as: windows-1252."


def test_an_encoder_is_not_trained_on_long_tables_without_a_gpu(table, monkeypatch):
    monkeypatch.setattr("bakeoff.methods.transformer.method._MOST_WORDS_ON_A_CPU", 5_000)
    texts = [f"This is the film that I have seen in part {number} of my town" for number in range(800)]
    source = table({"note": texts, "kind": ["a", "b"] * 400})

    assert "transformer" not in yaml.safe_load(starting_config(source).yaml)["contestants"]
    monkeypatch.setattr(Path, "exists", lambda path: True)
    assert "transformer" in yaml.safe_load(starting_config(source).yaml)["contestants"]


@pytest.mark.parametrize("labels", [["kind"], ["kind", "kind"]])
def test_a_column_that_is_named_in_a_list_or_twice_is_one(table, labels):
    source = table({"note": [f"text {n} has words" for n in range(60)], "kind": ["a", "b"] * 30})

    data = load_config(yaml.safe_load(starting_config(source, ["note", "note"], labels).yaml)).data

    assert (data.text, data.label) == ("note", "kind")


@pytest.mark.parametrize(("rows", "folds"), [(999, 5), (1000, None)])
def test_every_row_is_tested_where_there_are_few(table, rows, folds):
    texts = [f"text {number} has words" for number in range(rows)]
    source = table({"note": texts, "kind": ["ab"[number % 2] for number in range(rows)]})

    found = starting_config(source).yaml

    assert load_config(yaml.safe_load(found)).data.split.folds == folds
    assert ("6 trainings of each contestant" in found) == (folds is not None)


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"note": NOTES, "kind": ["a", "b"] * 30, "price": [1, 2, 3] * 20}, ["linear", "corrector", "ensemble"]),
        ({"prompt": NOTES, "completion": ["yes", "no"] * 30}, ["pretrained", "lora"]),
        ({"text": NOTES}, ["pretrained", "lora"]),
    ],
)
def test_fewer_contestants_are_written_without_reading_again(table, columns, names):
    source = table(columns)
    everyone = starting_config(source, choices=Choices(epochs=2))
    expected = starting_config(source, choices=Choices(names, epochs=2))
    Path(source).unlink()

    found = everyone.among(names)

    assert (found.yaml, found.lineup) == (expected.yaml, expected.lineup)
    assert list(yaml.safe_load(found.yaml)["contestants"]) == names
