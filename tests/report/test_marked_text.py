from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bakeoff.report.explained import ExplainedText, marked
from bakeoff.report.html import render_html
from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.report.marked_text import marked_words, pieces, signed_log_odds
from bakeoff.report.safe_text import visible
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import Mark, Sample
from bakeoff.tasks.attribution import DeletionCheck, Explanation, WordContribution, word_spans
from tests.report.pages import Page

FILM = "A fine, fine film; too long."
FOUND = Explanation(
    text=FILM,
    label="positive",
    probability=0.8,
    words=[
        WordContribution("fine", [(2, 6), (8, 12)], 1.25),
        WordContribution("long", [(23, 27)], -0.75),
        WordContribution("film", [(13, 17)], 0.0),
    ],
    words_at_once=1,
    check=DeletionCheck(removed=2, without_top=0.4, without_random=0.7),
)


def marks_of(text: str) -> list[Mark]:
    return [Mark(start=a, end=b, contribution=(-1) ** i * (i + 1)) for i, (a, b) in enumerate(word_spans(text))]


@given(st.text(max_size=60))
@settings(deadline=None)  # the pattern of words takes a moment to build
def test_pieces_joined_are_the_text(text: str) -> None:
    found = pieces(text, marks_of(text))

    assert "".join(piece.text for piece in found) == text
    assert [piece.text for piece in found if piece.contribution] == [text[a:b] for a, b in word_spans(text)]


def test_a_word_is_listed_once_and_the_strongest_first() -> None:
    sample = Sample(prompt="Bad, bad plot", marks=[mark(0, 3, 0.5), mark(5, 8, 0.5), mark(9, 13, -2.0)])

    assert [(word.text, word.contribution) for word in marked_words(sample)] == [("plot", -2.0), ("Bad", 0.5)]


def mark(start: int, end: int, contribution: float) -> Mark:
    return Mark(start=start, end=end, contribution=contribution)


def test_signs_read_without_colours() -> None:
    assert marked(FOUND, top=3).plain == "A [+fine], [+fine] film; too [−long]."
    assert marked(FOUND, top=1).plain == "A [+fine], [+fine] film; too long."
    assert (signed_log_odds(1.804), signed_log_odds(-0.9)) == ("+1.80", "−0.90")


def printed(text: ExplainedText) -> str:
    console = Console(width=100, file=io.StringIO())
    with console.capture() as captured:
        console.print(text)
    return captured.get()


def test_the_terminal_shows_the_contestants_beside_each_other() -> None:
    other = replace(FOUND, label="negative", probability=0.6, words=FOUND.words[:1], check=None)
    lines = printed(ExplainedText({"linear": FOUND, "lstm": other}, top=2)).splitlines()

    assert [line.split() for line in lines if "fine ×2" in line] == [["1", *["fine", "×2", "+1.25"] * 2]]
    assert any(line.split()[-2:] == ["0.4000", "–"] for line in lines if "top words" in line)
    assert "linear: positive 0.8000" in [line.rstrip() for line in lines]


def test_what_steers_a_terminal_is_shown_as_a_sign() -> None:
    text = "\x1b[31mred [bold]word[/bold]"
    words = [WordContribution(text[a:b], [(a, b)], 1.0) for a, b in word_spans(text)]
    hostile = replace(FOUND, text=text, words=words)

    said = printed(ExplainedText({"linear": hostile}, top=9))

    assert "\x1b" not in said
    assert "[+bold]" in said
    assert "[/" in said


@pytest.fixture(scope="module")
def classified(classification_run: RunFolder) -> LoadedRun:
    return load_run(classification_run)


def with_sample(run: LoadedRun, sample: Sample) -> str:
    shown = replace(run.contestants[-1], samples=[sample])
    return render_html(replace(run, contestants=[*run.contestants[:-1], shown]))


@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=60).map(lambda text: f"<script>{text}</script> & fine")
)
@settings(max_examples=8, deadline=None)
def test_any_marked_text_reads_as_it_is_on_the_page(classified: LoadedRun, text: str) -> None:
    page = Page(with_sample(classified, Sample(prompt=text, kind="mistake", marks=marks_of(text))))

    assert page.open == []
    assert "script" not in {tag for tag, _ in page.tags}
    assert visible(text) in page.text


def test_marks_on_the_page_do_not_rely_on_colour_and_are_said_in_figures(classified: LoadedRun) -> None:
    sample = Sample(prompt="fine but long", kind="first", marks=[mark(0, 4, 1.5), mark(9, 13, -0.25)])
    html = with_sample(classified, sample)

    assert '<b class="for">fine</b> but <u class="against">long</u>' in html
    assert "Moved by fine&nbsp;+1.50, long&nbsp;−0.25" in html


def test_runs_of_an_earlier_version_have_no_marks_and_no_legend(classified: LoadedRun) -> None:
    bare = [
        replace(each, samples=[sample.model_copy(update={"marks": []}) for sample in each.samples])
        for each in classified.contestants
    ]

    html = render_html(replace(classified, contestants=bare))

    assert "Moved by" not in html
    assert "speak for the predicted label" not in html
