"""Near-identical texts stay in one split, or are reported."""

from __future__ import annotations

import json

import pytest

from bakeoff.data import leakage
from bakeoff.data.config import TableData, TextData
from bakeoff.data.corpora import prepare_corpus
from bakeoff.data.tables import prepare_table

OPENINGS = ("rain", "snow", "wind", "fog", "sun", "hail", "frost", "storm", "heat", "cloud")


def review(number: int) -> str:
    """26 words, most of which are in no other review."""
    return " ".join(f"{word}{part}{number}" for part in "ab" for word in OPENINGS) + f" was seen on day {number} here"


@pytest.fixture
def table(tmp_path):
    def write(rows: list[dict], **settings) -> TableData:
        file = tmp_path / "table.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return TableData(table=str(file), **settings)

    return write


def labeled(texts: list[str], **further) -> list[dict]:
    return [{"text": text, "label": ("good", "bad")[n % 2], **further} for n, text in enumerate(texts)]


def splits_of(split):
    return {"train": split.train, "validation": split.validation, "test": split.test}


def test_without_near_duplicates_the_seed_makes_the_split_it_always_made(table):
    """Fingerprint and rows from before near-identical texts were looked for."""
    copies = [f"  text number {number % 10}\n" for number in range(20)]

    split, report = prepare_table(table(labeled([f"text number {n}" for n in range(60)] + copies)), seed=1)

    assert report.fingerprint == "b42a45d938f0390d9f22a4c753bd82bb99a05fe80d13a0e8cfd72528f4342c76"
    assert split.test.ids == list(map(str, (14, 57, 17, 47, 54, 42, 1, 49, 28, 61, 60, 26, 71, 53, 58, 56)))
    assert (report.near_duplicate_texts, report.near_across_splits, report.near_duplicates) == (0, 0, [])


@pytest.mark.parametrize("seed", range(5))
def test_near_identical_texts_stay_in_one_split(table, seed):
    reviews = [review(number) for number in range(60)]
    changed = [text.replace("rain", "Rain").replace("day", "morning") for text in reviews[:20]]

    split, report = prepare_table(table(labeled(reviews + changed)), seed=seed)

    home = {text: name for name, rows in splits_of(split).items() for text in rows.texts}
    assert all(home[text] == home[other] for text, other in zip(reviews[:20], changed, strict=True))
    assert len({home[text] for text in changed}) > 1
    assert [len(rows) for rows in splits_of(split).values()] == [56, 8, 16]
    assert (report.near_duplicate_texts, report.near_across_splits) == (40, 0)
    assert len(report.near_duplicates) == 5


def test_near_identical_texts_of_given_splits_are_reported_and_not_moved(table):
    reviews = [review(number) for number in range(30)]
    rows = [
        *labeled(reviews[:20], split="train"),
        *labeled(reviews[20:28], split="valid"),
        {"text": reviews[0].replace("day", "morning"), "label": "bad", "split": "test"},
        {"text": reviews[3] + " Once more.", "label": "bad", "split": "test"},
        {"text": reviews[28], "label": "good", "split": "test"},
    ]

    split, report = prepare_table(table(rows, split={"column": "split"}), seed=1)

    assert [len(rows) for rows in splits_of(split).values()] == [20, 8, 3]
    assert (report.near_across_splits, report.across_splits) == (2, 0)
    assert report.notes == [
        "Groups of near-identical texts with different labels, one of which may be wrong: 1.",
        "Leakage: groups of near-identical texts in more than one split (the given splits were kept as they are): 2.",
    ]
    first = report.near_duplicates[0]
    assert first.splits == ["train", "test"]
    assert first.labels == ["good", "bad"]  # the suspicious pair comes before the other one
    assert first.names == ["1", "29"]
    assert "day" in first.texts[0]
    assert "morning" in first.texts[1]
    assert len(report.near_duplicates) == 2


def test_only_identical_texts_stay_together_where_too_much_is_alike(table):
    letters = [f"Dear customer {number} {review(0)}" for number in range(40)]

    split, report = prepare_table(table(labeled(letters)), seed=1)

    assert [len(rows) for rows in splits_of(split).values()] == [28, 4, 8]
    assert report.near_across_splits == 1
    assert "Leakage: groups of near-identical texts in more than one split: 1." in report.notes


def test_a_note_says_what_was_not_compared(table, monkeypatch):
    monkeypatch.setattr(leakage, "MOST_CHARACTERS", 1000)

    _, report = prepare_table(table(labeled([review(number) for number in range(30)])), seed=1)

    assert report.notes == ["The data has more than 1,000 characters: only identical texts were searched for."]


def test_the_examples_are_the_pairs_that_matter_most(table):
    """Of many pairs, those with different labels come first, and of these the least similar."""
    reviews = [review(number) for number in range(40)]
    rows = labeled([text for original in reviews for text in (original, original + " Once more.")])
    for row in rows[:70]:
        row["label"] = "good"  # both texts of a pair

    _, report = prepare_table(table(rows), seed=1)

    assert len(report.near_duplicates) == 5
    assert [sorted(pair.labels) for pair in report.near_duplicates] == [["bad", "good"]] * 5
    assert report.near_duplicate_texts == 80


def test_examples_are_short(table):
    long = " ".join(review(number) for number in range(20))
    texts = [long, long.replace("day 19", "evening 19"), *(review(number) for number in range(30, 60))]

    _, report = prepare_table(table(labeled(texts)), seed=1)

    (pair,) = report.near_duplicates
    assert all(len(text) <= 161 for text in pair.texts)
    assert pair.texts[0].startswith("…")
    assert "day 19" in pair.texts[0]
    assert "evening 19" in pair.texts[1]


def test_near_identical_documents_stay_in_one_split(tmp_path):
    file = tmp_path / "documents.jsonl"
    texts = [review(number) for number in range(20)]
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in [*texts, texts[4] + " Again."]))

    for seed in range(4):
        split, report = prepare_corpus(TextData(text=str(file)), seed=seed)

        corpora = (split.train, split.validation, split.test)
        texts_of = [[document.text for document in corpus.documents] for corpus in corpora]
        assert sum(any(text.startswith(texts[4]) for text in split_texts) for split_texts in texts_of) == 1
        assert (report.near_duplicate_texts, report.near_across_splits) == (2, 0)
