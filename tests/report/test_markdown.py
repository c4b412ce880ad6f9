"""Markdown is read back with an independent parser."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bakeoff.evaluation.wording import number
from bakeoff.report.html import write_report
from bakeoff.report.markdown import code_block, escape, markdown_table
from bakeoff.report.safe_text import one_line, visible
from bakeoff.runs.folder import RunFolder
from tests.report.pages import Page

PARSER = MarkdownIt("commonmark").enable("table")
printable = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"]), max_size=40)


@given(st.lists(printable, min_size=2, max_size=3))
def test_a_cell_reads_as_it_was(cells: list[str]) -> None:
    page = Page(PARSER.render(markdown_table(["a"] * len(cells), [cells])))
    assert "script" not in [tag for tag, _ in page.tags]
    body = page.text.split("a", len(cells))[-1]
    assert body.split() == " ".join(map(one_line, cells)).split()
    assert {tag for tag, _ in page.tags} <= {"table", "thead", "tbody", "tr", "th", "td"}


@given(printable)
def test_a_sentence_reads_as_it_was(text: str) -> None:
    page = Page(PARSER.render(f"**x** {escape(text)}"))
    assert page.text.split() == ["x", *one_line(text).split()]


@given(st.text(st.sampled_from("`~a \n<"), max_size=30))
def test_a_code_block_cannot_be_left(text: str) -> None:
    page = Page(PARSER.render(code_block(text)))
    assert [tag for tag, _ in page.tags] == ["pre", "code"]
    assert page.text == visible(text) + "\n\n"  # the end of the block, and that of the page


def test_the_report_holds_verdict_figures_and_command(run: RunFolder) -> None:
    write_report(run)
    page = Page(PARSER.render(run.markdown_report.read_text(encoding="utf-8")))
    assert not {"script", "a", "img"} & {tag for tag, _ in page.tags}
    for sentence in run.verdict().sentences:
        assert sentence in page.text
    for folder in run.contestants():
        for metric in folder.result().metrics:
            assert number(metric.value) in page.text
    assert " ".join(run.environment().command) in page.text
