"""Chats, and prompts with completions, are refused as texts; other cells become texts, counted, or are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bakeoff.data.config import TextData
from bakeoff.data.corpora import prepare_corpus, read_corpus
from bakeoff.errors import UserError

CHAT = [{"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "Fine."}]


def rows(path: Path, *values: dict[str, Any]) -> str:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(values)), path)
    else:
        path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return str(path)


def refused(file: str, column: str | None = None) -> str:
    said = []
    for read in (
        lambda: read_corpus(file, **({"column": column} if column else {})),
        lambda: prepare_corpus(TextData(text=file, **({"column": column} if column else {})), seed=1),
    ):
        with pytest.raises(UserError) as caught:
            read()
        said.append(str(caught.value))
    assert said[0].replace("--column ", "data.column: ") == said[1]
    return said[0]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("chat", [CHAT, [{"from": "human", "value": "How are you?"}], CHAT[0]])
@pytest.mark.parametrize("column", ["messages", "talk"])
def test_chats(tmp_path, suffix, chat, column):
    file = rows(tmp_path / f"chat{suffix}", *[{column: chat}] * 30)

    said = refused(file, column)

    assert f"column {column!r} holds chats, not plain texts" in said
    assert f"data.messages: {column}" in said


def test_chats_are_recognized_without_their_column(tmp_path):
    assert "column 'messages' holds chats" in refused(rows(tmp_path / "chat.jsonl", {"messages": CHAT}))


@pytest.mark.parametrize("names", [("prompt", "completion"), ("Instruction", "Output"), ("question", "answer")])
def test_prompts_and_completions(tmp_path, names):
    file = rows(tmp_path / "pairs.jsonl", *[dict(zip(names, ("How?", "So."), strict=True))] * 3)

    said = refused(file)

    assert f"holds prompts and answers (columns {names[0]!r} and {names[1]!r}), not plain texts" in said
    assert f"--column {names[1]}" in said
    assert read_corpus(file, column=names[1]).stream == "So.\n\nSo.\n\nSo."


def test_commands_quote_names_with_blanks(tmp_path):
    file = rows(tmp_path / "my pairs.jsonl", {"prompt": "How?", "completion": "So."})

    said = refused(file)

    assert f"bakeoff init '{file}'" in said


def test_chats_in_a_prompt(tmp_path):
    file = rows(tmp_path / "pairs.jsonl", {"prompt": CHAT[:1], "completion": CHAT[1:]})

    assert "row 1: column 'completion' holds chats" in refused(file, "completion")


def test_a_column_of_texts_beside_a_chat(tmp_path):
    assert read_corpus(rows(tmp_path / "both.jsonl", {"messages": CHAT, "text": "A text."})).stream == "A text."


def test_a_message_of_a_chat_by_its_path(tmp_path):
    corpus = read_corpus(rows(tmp_path / "chat.jsonl", *[{"messages": CHAT}] * 2), column="messages.1.content")

    assert corpus.stream == "Fine.\n\nFine."
    assert corpus.notes[0].startswith("2 rows have more than one element")


@pytest.mark.parametrize(("value", "what"), [({"a": 1}, "an object"), ([1, 2], "a list"), ([["a"], 2], "a list")])
def test_cells_that_are_no_text(tmp_path, value, what):
    file = rows(tmp_path / "odd.jsonl", {"text": "A text."}, {"text": value})

    assert f"row 2: column 'text' holds {what}, not a text: {json.dumps(value)}" in refused(file)


def test_bytes_that_are_no_text(tmp_path):
    assert "row 1: column 'text' holds bytes that are no UTF-8" in refused(
        rows(tmp_path / "odd.parquet", {"text": b"caf\xe9"})
    )


def test_tokens_and_bytes_become_texts_and_are_counted(tmp_path):
    tokens = read_corpus(rows(tmp_path / "tokens.jsonl", {"text": ["A", "text", "."]}, {"text": ["B"]}, {"text": []}))
    coded = read_corpus(rows(tmp_path / "bytes.parquet", {"text": "süß".encode()}))

    assert (tokens.stream, coded.stream) == ("A text .\n\nB", "süß")
    assert tokens.notes == ("3 rows held lists of strings, which were joined with blanks.",)
    assert coded.notes == ("1 row held bytes, which were decoded as UTF-8.",)


def test_numbers_are_read_as_before(tmp_path):
    assert (
        read_corpus(rows(tmp_path / "numbers.jsonl", {"text": 12}, {"text": None}, {"text": "a"})).stream == "12\n\na"
    )
