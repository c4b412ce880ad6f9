"""Data sets on the hub, with the real datasets library and a cache folder in its format."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
from datasets.exceptions import DataFilesNotFoundError, DatasetGenerationCastError

from bakeoff.config.load import load_config
from bakeoff.data.config import TableData, TextData
from bakeoff.data.corpora import prepare_corpus
from bakeoff.data.documents import hugging_face_rows
from bakeoff.data.raw_tables import read_raw_table
from bakeoff.data.tables import prepare_table
from bakeoff.errors import UserError
from tests.command import bakeoff

ARTICLE = " \n = {} = \n \n The first paragraph of {} . \n \n = = Section = = \n \n The second . \n"


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Put a data set into an empty cache, as if it had been downloaded; everything else is unreachable."""
    cache = tmp_path / "cache"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)

    def put(name: str, config: str, splits: dict[str, datasets.Dataset]) -> None:
        files = {}
        for split, rows in splits.items():
            files[split] = str(tmp_path / f"{split}.parquet")
            rows.to_parquet(files[split])
        datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "made"))
        (made,) = (path.parent for path in (tmp_path / "made").glob("parquet/*/*/*/dataset_info.json"))
        owner, short = name.split("/")
        place = cache / f"{owner}___{short}" / config / "0.0.0" / ("a" * 40)
        shutil.copytree(made, place)
        for file in place.glob("parquet-*.arrow"):
            file.rename(place / file.name.replace("parquet-", f"{short}-"))
        info = place / "dataset_info.json"
        values = json.loads(info.read_text())
        info.write_text(json.dumps({**values, "dataset_name": short, "config_name": config}))

    return put


def texts(*rows: str) -> datasets.Dataset:
    return datasets.Dataset.from_dict({"text": list(rows)})


def reviews(name: str, label_of: Callable[[int], int]) -> datasets.Dataset:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    rows = {"text": [f"{name} {number}" for number in range(20)], "label": [label_of(n) for n in range(20)]}
    return datasets.Dataset.from_dict(rows, features=features)


def test_wikitext_2_comes_from_the_cache_with_its_splits_and_articles(cached):
    rows_of = {
        name: hugging_face_rows("".join(ARTICLE.format(f"{name} {number}", number) for number in (1, 2)))
        for name in ("train", "validation", "test")
    }
    cached("Salesforce/wikitext", "wikitext-2-raw-v1", {name: texts(*rows) for name, rows in rows_of.items()})

    split, report = prepare_corpus(TextData(text="wikitext-2"), seed=1)

    for corpus in (split.train, split.validation, split.test):
        assert [document.name for document in corpus.documents] == [f"{corpus.name} 1", f"{corpus.name} 2"]
        assert corpus.lines == rows_of[corpus.name]
        assert corpus.stream == "\n\n".join(rows_of[corpus.name])
    assert report.split_seed is None


def test_a_fraction_is_that_of_datasets(cached):
    rows = [f"line {number}\n" for number in range(37)]
    cached("some-one/lines", "default", dict.fromkeys(("train", "validation", "test"), texts(*rows)))

    for share in (0.1, 0.25, 0.5):
        split, _ = prepare_corpus(TextData(text="some-one/lines", fraction=share), seed=1)
        theirs = datasets.load_dataset("some-one/lines", split=f"train[:{share:.0%}]")
        assert split.train.lines == theirs["text"]


def test_classes_in_lists_get_their_names(cached):
    tags = datasets.Sequence(datasets.ClassLabel(names=["news", "war"]))
    features = datasets.Features({"text": datasets.Value("string"), "label": tags})
    rows = {"text": [f"text {number}" for number in range(40)], "label": [[[0], [0, 1], [1]][n % 3] for n in range(40)]}
    cached("some-one/tags", "default", {"train": datasets.Dataset.from_dict(rows, features=features)})

    split, _ = prepare_table(TableData(table="some-one/tags"), seed=1)

    assert split.label_names == ["news", "war"]


def test_classes_get_their_names_and_rows_without_one_are_skipped(cached):
    cached(
        "some-one/reviews",
        "default",
        {
            "train": reviews("train", lambda n: n % 2),
            "test": reviews("test", lambda n: n % 2),
            "unsupervised": reviews("unsupervised", lambda _: -1),
        },
    )

    split, report = prepare_table(TableData(table="some-one/reviews"), seed=1)

    assert split.label_names == ["neg", "pos"]
    assert report.skipped == {"the label is missing": 20}
    for part in (split.train, split.validation, split.test):
        for text, label in zip(part.texts, part.labels, strict=True):
            assert int(text.split()[1]) % 2 == label

    given, _ = prepare_table(TableData(table="some-one/reviews", split={"column": "split"}, rows=40), seed=1)
    assert all(text.startswith("test") for text in given.test.texts)


def test_the_configuration_is_part_of_the_name(cached):
    cached("some-one/tasks", "films", {"train": reviews("film", lambda n: n % 2)})

    split, _ = prepare_table(TableData(table="some-one/tasks/films"), seed=1)

    assert all(text.startswith("film ") for text in split.train.texts)


def test_two_parts_are_owner_and_name_or_name_and_configuration(monkeypatch):
    asked = []

    def load_dataset(name, config):
        asked.append((name, config))
        if name not in ("glue", "some-one/reviews"):
            raise datasets.exceptions.DatasetNotFoundError(name)
        return {"train": reviews("train", lambda n: n % 2)}

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)

    prepare_table(TableData(table="some-one/reviews"), seed=1)
    prepare_table(TableData(table="glue/sst2"), seed=1)

    assert asked == [("some-one/reviews", None), ("glue/sst2", None), ("glue", "sst2")]
    with pytest.raises(UserError, match="The data set 'some-one/nothing' is neither"):
        prepare_table(TableData(table="some-one/nothing"), seed=1)


def test_init_works_with_a_name_on_the_hub(cached, tmp_path, monkeypatch):
    cached("some-one/reviews", "default", {"train": reviews("train", lambda n: n % 2)})
    monkeypatch.chdir(tmp_path)

    typed = bakeoff("init", "some-one/reviews")

    assert typed.code == 0, typed.err
    config = load_config("reviews.yaml")
    assert (config.data.table, config.data.text, config.data.label) == ("some-one/reviews", "text", "label")
    assert prepare_table(config.data, seed=1)[0].label_names == ["neg", "pos"]


@pytest.mark.parametrize(
    "prepare",
    [
        lambda: prepare_corpus(TextData(text="wikitext-2"), seed=1),
        lambda: prepare_table(TableData(table="some-one/reviews"), seed=1),
    ],
)
def test_a_data_set_that_is_not_in_the_cache_is_explained(cached, prepare):
    with pytest.raises(UserError, match="hub cannot be reached") as caught:
        prepare()

    assert caught.value.hint.startswith("Download the data set into the hub's cache ")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ValueError("Config name is missing.\nPlease pick one among the available configs: ['a', 'b']\n..."),
            r"configs: \['a', 'b'\]\nName a configuration: some-one/tasks/CONFIGURATION",
        ),
        (
            DatasetGenerationCastError("An error occurred\n\nAll the files must have the same columns"),
            "loaded: An error occurred. All the files must have the same columns",
        ),
        (DataFilesNotFoundError("No data files found"), "loaded: No data files found"),
        (RuntimeError(), "loaded: RuntimeError"),
    ],
)
def test_a_data_set_that_cannot_be_loaded_is_explained(monkeypatch, error, said):
    def load_dataset(name, config):
        raise error

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)

    with pytest.raises(UserError, match=said):
        read_raw_table("some-one/tasks")


def test_a_file_whose_ending_was_left_out_is_named(cached, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("reviews.yaml", "reviews.csv"):
        Path(name).touch()

    with pytest.raises(UserError, match=r"Did you mean reviews\.csv\? Download"):
        read_raw_table("reviews")


def test_without_a_connection_the_cache_is_used_at_once(cached, monkeypatch):
    """One failed request is enough to put the library into offline mode."""

    def no_connection(*_, **__):
        raise OSError("Network is unreachable")

    cached("some-one/lines", "default", {"train": texts(*"abcdefghij")})
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "create_connection", no_connection)
    monkeypatch.setattr(socket, "getaddrinfo", no_connection)

    split, _ = prepare_corpus(TextData(text="some-one/lines"), seed=1)

    assert sorted(split.train.lines + split.validation.lines + split.test.lines) == list("abcdefghij")
    assert datasets.config.HF_HUB_OFFLINE is False


def test_a_missing_column_is_named(cached):
    cached("some-one/lines", "default", {"train": texts("a")})

    with pytest.raises(UserError, match=r"no column 'body'; it has text"):
        prepare_corpus(TextData(text="some-one/lines", column="body"), seed=1)
