"""Markdown is read back with an independent parser."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bakeoff.report.rendering import code, code_block, escape_markdown, html_environment, markdown_environment
from bakeoff.report.safe_text import one_line, visible
from tests.report.hostile import HOSTILE
from tests.report.pages import Page

PARSER = MarkdownIt("commonmark").enable("table")
PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"]), max_size=40)


def rendered(template: str, **values: object) -> Page:
    return Page(PARSER.render(markdown_environment().from_string(template).render(values)))


@given(st.lists(PRINTABLE, min_size=2, max_size=3))
def test_a_table_cell_reads_as_it_was(cells: list[str]) -> None:
    page = rendered(
        '{% from "parts.md" import table %}{{ table(titles, [cells]) }}', titles=["a"] * len(cells), cells=cells
    )

    assert {tag for tag, _ in page.tags} <= {"table", "thead", "tbody", "tr", "th", "td"}
    body = page.text.split("a", len(cells))[-1]
    assert body.split() == " ".join(map(one_line, cells)).split()


@given(PRINTABLE)
def test_a_sentence_reads_as_it_was(text: str) -> None:
    page = rendered("**x** {{ text }}", text=text)

    assert page.text.split() == ["x", *one_line(text).split()]


@given(st.sampled_from(["1. ", "12) ", "- ", "+ ", "---", "===", "# ", "> ", "* ", "    ", "- - "]), PRINTABLE)
def test_a_value_does_not_start_a_block_of_its_own(start: str, text: str) -> None:
    page = rendered("title\n\n- {{ text }}", text=start + text)

    assert [tag for tag, _ in page.tags] == ["p", "ul", "li"]
    assert page.text.split() == ["title", *one_line(start + text).split()]


@given(st.text(st.sampled_from("`~a \n<"), max_size=30))
def test_a_code_block_cannot_be_left(text: str) -> None:
    page = Page(PARSER.render(str(code_block(text)) + "\n"))

    assert [tag for tag, _ in page.tags] == ["pre", "code"]
    assert page.text == visible(text) + "\n\n"  # the end of the block, and that of the page


@given(PRINTABLE.filter(lambda text: text.strip("` \n\t") != ""))
def test_inline_code_reads_as_it_was(text: str) -> None:
    page = Page(PARSER.render(f"x {code(text)} y"))

    assert [tag for tag, _ in page.tags] == ["p", "code"]
    assert page.text.split() == ["x", *one_line(text).split(), "y"]


def test_every_value_is_escaped_unless_it_is_markup() -> None:
    html = html_environment().from_string("{{ text }}").render(text=HOSTILE)
    markdown = markdown_environment().from_string("{{ text }}").render(text=HOSTILE)

    assert html.startswith("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; [red]not red[/red] ␛[31m")
    assert markdown == escape_markdown(HOSTILE)
    assert markdown.startswith(r"\<script\>alert('x')\</script\> \[red\]not red\[/red\] ␛\[31m")
