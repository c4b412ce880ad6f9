"""The built-in bake-offs as they are packaged, on less data and smaller models."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bakeoff.config.load import builtin_names
from bakeoff.data.config import TableData, TextData
from bakeoff.data.corpora import prepare_corpus
from bakeoff.data.tables import prepare_table
from tests.command import bakeoff
from tests.end_to_end.test_docs import PAGES, commands


@pytest.fixture
def reviews(tmp_path) -> Path:
    """A table like IMDB's: the same columns, longer texts than one sentence."""
    table, _ = prepare_table(TableData(table="sentence-polarity", rows=1200), 1)
    texts = [" ".join(table.train.texts[start : start + 3]) for start in range(0, 600, 3)]
    labels = [table.label_names[label] for label in table.train.labels[:600:3]]
    path = tmp_path / "imdb.parquet"
    pq.write_table(pa.table({"id": list(range(200)), "review": texts, "sentiment": labels}), path)
    return path


@pytest.fixture
def gpt2(tmp_path) -> Path:
    """A GPT-2 of a few thousand random weights."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from bakeoff.lm.sources import load_language_model

    torch.manual_seed(0)
    path = tmp_path / "gpt2"
    config = GPT2Config(
        vocab_size=512, n_positions=1024, n_embd=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2
    )
    GPT2LMHeadModel(config).save_pretrained(path)
    load_language_model("stories260k").tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def wikitext(tmp_path) -> Path:
    """A folder like the unpacked WikiText-2: wiki.train.raw, wiki.valid.raw, wiki.test.raw."""
    corpus, _ = prepare_corpus(TextData(text="wikitext-2-part", fraction={"train": 0.2, "validation": 0.1}), 1)
    folder = tmp_path / "wikitext-2-raw"
    folder.mkdir()
    for side, name in ((corpus.train, "train"), (corpus.validation, "valid"), (corpus.validation, "test")):
        (folder / f"wiki.{name}.raw").write_text("".join(line or " \n" for line in side.lines))
    return folder


def test_sentiment_imdb(tmp_path, reviews):
    sizes = [f"contestants.{name}.hidden_size=8" for name in ("lstm", "corrector")]
    fewer = [word for value in ("budget.epochs=1", *sizes) for word in ("--set", value)]

    said = bakeoff("run", "sentiment-imdb", "-o", tmp_path / "run", "--set", f"data.table={reviews}", *fewer, "--json")

    assert said.code == 0, said.err
    assert [result["name"] for result in said.json["results"]] == [
        "majority",
        "linear",
        "lstm-lab",
        "lstm",
        "corrector",
    ]


def test_wikitext_gpt2(tmp_path, gpt2, wikitext):
    fewer = ["--set", "budget.epochs=1", "--set", "evaluation.max_new_tokens=8"]

    said = bakeoff(
        *("run", "wikitext-gpt2", "-o", tmp_path / "run"),
        *("--set", f"model={gpt2}", "--set", f"data.text={wikitext}", *fewer, "--json"),
    )

    assert said.code == 0, said.err
    full, lora = (said.json["results"][number] for number in (1, 2))
    assert full["metrics"][0]["protocol"].startswith("lab")
    assert full["training"]["tokens"] == lora["training"]["tokens"]
    assert lora["trainable_parameters"] < full["trainable_parameters"]


def test_lora_recipes(tmp_path):
    fewer = [
        *("--set", "model=stories260k", "--set", "budget.tokens=1000", "--set", "evaluation.resamples=100"),
        *("--set", "data.fraction={train: 0.01, validation: 0.005, test: 0.005}"),
    ]

    said = bakeoff("run", "lora-recipes", "-o", tmp_path / "run", *fewer, "--json")

    assert said.code == 0, said.err
    assert len({result["training"]["tokens"] for result in said.json["results"][1:]}) == 1


def test_every_built_in_bake_off_is_tested_here_or_run_by_a_page():
    here = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    pages = {command.removeprefix("bakeoff run ") for page in PAGES for command in commands(page, not_run=False)}

    assert set(builtin_names()) <= here | pages
