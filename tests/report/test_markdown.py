"""report.md is read back with an independent parser."""

from __future__ import annotations

import shlex

from bakeoff.evaluation.wording import number
from bakeoff.report.output import write_report
from bakeoff.runs.folder import RunFolder
from tests.report.hostile import VISIBLE
from tests.report.pages import Page
from tests.report.test_rendering import PARSER


def parsed(run: RunFolder) -> Page:
    write_report(run)
    return Page(PARSER.render(run.markdown_report.read_text(encoding="utf-8")))


def test_the_report_has_verdict_metrics_and_command(run: RunFolder) -> None:
    page = parsed(run)

    assert not {"script", "a", "img", "i", "b", "u"} & {tag for tag, _ in page.tags}
    for sentence in run.verdict().sentences:
        assert sentence in page.text
    for folder in run.contestants():
        for metric in folder.average().metrics:
            assert number(metric.value) in page.text
    assert shlex.join(run.environment().command) in page.text
    assert VISIBLE in page.text


def test_every_table_is_a_table(run: RunFolder) -> None:
    page = parsed(run)

    assert "---" not in page.text
    assert len([tag for tag, _ in page.tags if tag == "table"]) >= 4
