"""Small corpora of prompts with answers, and of chats."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.data.example_texts import Message, Render, chat_document, pair_document
from bakeoff.data.types import Corpus, SplitCorpus

TEMPLATE = "Question: {prompt}\nAnswer: {completion}"
PAIRS = [
    ("Who was sad?", "Lily"),
    ("What did the ships bring to the old town in the north?", "salt, wool and news"),
    ("When?", "In 1870, after the storms"),
    ("What did she see one day in the park?", "a big, red ball"),
    ("Where is it?", "north"),
    ("Is the harbour old?", "yes"),
    ("Are the boats big?", "no, small"),
    ("Was there a wall?", "yes, from 1870"),
]


def render(messages: Sequence[Message], answering: bool) -> str:
    """Write a chat by a small template: `u:Hello` on a line."""
    return "".join(f"{message['role'][0]}:{message['content']}\n" for message in messages) + "a:" * answering


def pairs(pairs: Sequence[tuple[str, str]] = PAIRS, template: str = TEMPLATE) -> Corpus:
    documents = [pair_document(str(number), template, *pair) for number, pair in enumerate(pairs, start=1)]
    return Corpus("the examples", documents, "\n\n")


def split(train: Corpus | None = None) -> SplitCorpus:
    return SplitCorpus(train or pairs(), pairs(PAIRS[:3]), pairs(PAIRS))


def chats(*talks: Sequence[str], render: Render = render) -> Corpus:
    """Each talk is what the user and the assistant say in turns."""
    roles = ("user", "assistant")
    documents = [
        chat_document(
            str(number),
            [{"role": roles[turn % 2], "content": content} for turn, content in enumerate(talk)],
            render,
            "chats",
        )
        for number, talk in enumerate(talks, start=1)
    ]
    return Corpus("the chats", documents, "", chat=True)
