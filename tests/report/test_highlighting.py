"""Highlighted words, in the terminal and on the page."""

from __future__ import annotations

import io
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bakeoff.report.attribution_view import AttributionView, highlighted
from bakeoff.report.highlighting import pieces, signed_log_odds
from bakeoff.report.html import render_html
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.safe_text import visible
from bakeoff.runs.results import Sample, Span, WordAttribution
from bakeoff.tasks.attribution import DeletionCheck, Explanation, word_spans
from tests.report.pages import Page


def attribution(word: str, contribution: float, *spans: Span) -> WordAttribution:
    return WordAttribution(word=word, spans=list(spans), contribution=contribution)


def attributions(text: str) -> list[WordAttribution]:
    """Attribute something to every word, in turns for and against the label."""
    return [
        attribution(text[start:end], (-1) ** number * (number + 1), (start, end))
        for number, (start, end) in enumerate(word_spans(text))
    ]


FILM = Explanation(
    text="A fine, fine film; too long.",
    label="positive",
    probability=0.8,
    words=[
        attribution("fine", 1.25, (2, 6), (8, 12)),
        attribution("long", -0.75, (23, 27)),
        attribution("film", 0.0, (13, 17)),
    ],
    words_at_once=1,
    check=DeletionCheck(removed=2, without_top=0.4, without_random=0.7),
)


@given(st.text(max_size=60))
@settings(deadline=None)  # compiling the pattern of words takes a moment
def test_joined_pieces_are_the_text(text: str) -> None:
    parts = pieces(text, attributions(text))

    assert "".join(part.text for part in parts) == text
    assert [part.text for part in parts if part.contribution] == [text[start:end] for start, end in word_spans(text)]


def test_signs_read_without_color() -> None:
    assert highlighted(FILM, top=3).plain == "A [+fine], [+fine] film; too [−long]."
    assert highlighted(FILM, top=1).plain == "A [+fine], [+fine] film; too long."
    assert (signed_log_odds(1.804), signed_log_odds(-0.9)) == ("+1.80", "−0.90")


def printed(view: AttributionView) -> str:
    console = Console(width=100, file=io.StringIO())
    with console.capture() as captured:
        console.print(view)
    return captured.get()


def test_the_terminal_shows_contestants_side_by_side() -> None:
    other = replace(FILM, label="negative", probability=0.6, words=FILM.words[:1], check=None)
    lines = printed(AttributionView({"linear": FILM, "lstm": other}, top=2)).splitlines()

    assert [line.split() for line in lines if "fine ×2" in line] == [["1", *["fine", "×2", "+1.25"] * 2]]
    assert any(line.split()[-2:] == ["0.4000", "–"] for line in lines if "top words" in line)
    assert "linear: positive 0.8000" in [line.rstrip() for line in lines]


def test_terminal_sequences_become_visible() -> None:
    text = "\x1b[31mred [bold]word[/bold]"
    words = [attribution(text[start:end], 1.0, (start, end)) for start, end in word_spans(text)]

    output = printed(AttributionView({"linear": replace(FILM, text=text, words=words)}, top=9))

    assert "\x1b" not in output
    assert "[+bold]" in output
    assert "[/" in output


def with_sample(run: LoadedRun, sample: Sample) -> str:
    """Render a run whose only contestant has one sample."""
    (contestant,) = run.contestants
    return render_html(replace(run, contestants=[replace(contestant, samples=[sample])]))


@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=60).map(lambda text: f"<script>{text}</script> & fine")
)
@settings(max_examples=8, deadline=None)
def test_any_highlighted_text_reads_as_it_is_on_the_page(one_contestant: LoadedRun, text: str) -> None:
    page = Page(with_sample(one_contestant, Sample(prompt=text, kind="mistake", words=attributions(text))))

    assert page.open == []
    assert [tag for tag, _ in page.tags].count("script") == 1  # the page's own
    assert visible(text) in page.text


def test_the_page_highlights_words_without_relying_on_color(one_contestant: LoadedRun) -> None:
    words = [attribution("fine", 1.5, (0, 4)), attribution("long", -0.25, (9, 13))]
    html = with_sample(one_contestant, Sample(prompt="fine but long", kind="first", words=words))

    assert '<b class="for">fine</b> but <u class="against">long</u>' in html
    assert "Moved by <bdi>fine</bdi>&nbsp;+1.50, <bdi>long</bdi>&nbsp;−0.25" in html


def test_samples_without_attribution_need_no_legend(one_contestant: LoadedRun) -> None:
    bare = [
        replace(contestant, samples=[sample.model_copy(update={"words": []}) for sample in contestant.samples])
        for contestant in one_contestant.contestants
    ]

    html = render_html(replace(one_contestant, contestants=bare))

    assert "Moved by" not in html
    assert "support the predicted label" not in html
