"""The sentence and the tables for papers: pandoc, which did not write them, reads what was meant."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.evaluation.wording import number
from bakeoff.report.latex import escape_latex, latex_sentence, latex_table
from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.report.paper import results_sentence
from bakeoff.report.paper_tables import Column, PaperTable, paper_tables
from bakeoff.report.safe_text import one_line
from bakeoff.report.table_files import copies, csv_table, markdown_table, write_tables
from bakeoff.report.tables import Cell, cost_rows
from bakeoff.runs.folder import RunFolder
from tests.report.hostile import HOSTILE
from tests.report.pages import Page

HARD = r"[x] *y* \\ \textbf{a} 100% of $5 & #1_2 ^ ~ | <b> -- --- ''q'' a,,b − – … {} \end{tabular}"


@pytest.fixture(scope="module")
def loaded(run: RunFolder) -> LoadedRun:
    return load_run(run)


def read(text: str, language: str) -> list[list[str]]:
    """Return the rows of a table as pandoc reads it."""
    pandoc = pytest.importorskip("pypandoc")
    text = re.sub(r"\\resizebox\{\\ifdim.*?\\fi\}\{!\}\{%\n(.*?\\end\{tabular\})\}", r"\1", text, flags=re.DOTALL)
    html = pandoc.convert_text(text, "html", format=language, extra_args=["--wrap=none"])
    rows = re.findall("<tr.*?>(.*?)</tr>", html, re.DOTALL)
    return [[Page(cell).text.strip() for cell in re.findall("<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows]


def plain(text: str) -> str:
    """Return a text with the apostrophes and spaces that pandoc prints."""
    return " ".join(one_line(text).replace("'", "’").replace("\xa0", " ").split())


@pytest.mark.parametrize("text", [HARD, HOSTILE, "[", "*", "a -- b", "映画 ünï"])
def test_latex_reads_as_the_text(text: str) -> None:
    table = PaperTable(
        "t", text, [Column("a", text), Column("b", "B")], [[Cell(text, exact=text), Cell("1", text)]] * 2
    )

    written = latex_table(table)

    value, interval = plain(text), plain(f"[{text.replace(' to ', ', ')}]")
    assert read(written, "latex") == [[value, "B"], [value, "1"], ["", interval], [value, "1"], ["", interval]]
    assert written.count("\n\\bottomrule\n") == 1


def test_a_backtick_is_not_a_quotation_mark() -> None:  # pandoc does not know the command
    assert escape_latex("``a`") == r"\textasciigrave{}\textasciigrave{}a\textasciigrave{}"


def test_every_table_says_the_same_in_its_three_forms(loaded: LoadedRun, tmp_path: Path) -> None:
    files = write_tables(loaded, tmp_path)
    tables = paper_tables(loaded)

    names = {table.name for table in tables}
    assert {"results", "comparisons", "costs", "data"} <= names
    assert ({"classes", "confusion-lstm", "seeds"} if loaded.is_classification else {"documents"}) <= names
    assert sorted(files) == sorted(tmp_path.iterdir())
    for table in tables:
        values = [[plain(cell.value) for cell in row] for row in table.rows]
        markdown = read((tmp_path / f"{table.name}.md").read_text(), "gfm-emoji-autolink_bare_uris")[1:]
        shown = [[f"{c.value} ({c.remark})" if c.remark else c.value for c in row] for row in table.rows]
        assert [list(map(plain, row)) for row in markdown] == [list(map(plain, row)) for row in shown]
        latex = read((tmp_path / f"{table.name}.tex").read_text(), "latex")
        assert [row for row in latex if row in values] == values
        rows = list(csv.DictReader(io.StringIO((tmp_path / f"{table.name}.csv").read_text())))
        assert len(rows) == len(table.rows)
        for row, cells in zip(rows, table.rows, strict=True):
            for column, cell in zip(table.columns, cells, strict=True):
                assert row[column.key] == ("" if cell.exact is None else str(cell.exact))
                assert cell.low is None or float(row[f"{column.key}_low"]) == cell.low


def test_contestants_whose_names_are_alike_in_files_get_tables_of_their_own(
    classification_run: RunFolder, tmp_path: Path
) -> None:
    loaded = load_run(classification_run)
    trained = next(entry for entry in loaded.contestants if entry.name == "lstm")
    twins = [replace(trained, result=trained.result.model_copy(update={"name": name})) for name in ("lstm", "LSTM.")]
    verdict = loaded.verdict.model_copy(update={"best": "lstm", "comparisons": [], "ranks": []})

    write_tables(replace(loaded, contestants=twins, verdict=verdict), tmp_path)

    assert "Confusion matrix of lstm:" in (tmp_path / "confusion-lstm.md").read_text()
    assert "Confusion matrix of LSTM.:" in (tmp_path / "confusion-LSTM-2.md").read_text()


def test_parameters_that_nobody_tells_are_unknown(loaded: LoadedRun) -> None:
    first, *others = loaded.contestants
    untold = replace(first, result=first.result.model_copy(update={"total_parameters": None}))
    loaded = replace(loaded, contestants=[untold, *others])

    (costs,) = [table for table in paper_tables(loaded) if table.name == "costs"]
    rows = list(csv.DictReader(io.StringIO(csv_table(costs))))
    (row,) = [row for row in cost_rows(loaded) if row.title == "All parameters"]

    assert [row["contestant"] for row in rows if not row["total_parameters"]] == [first.name]
    assert all(row["trainable_parameters"] for row in rows)
    assert all("unknown" in table for table in (latex_table(costs), markdown_table(costs)))
    assert [cell.value == "unknown" for cell in row.cells] == [True, *(False for _ in others)]


def test_results_have_every_main_metric_of_every_contestant(loaded: LoadedRun) -> None:
    table = next(table for table in paper_tables(loaded) if table.name == "results")
    rows = {row["contestant"]: row for row in csv.DictReader(io.StringIO(csv_table(table)))}

    assert list(rows) == [result.name for result in loaded.best_first.results]
    keys = [column.key for column in table.columns]
    assert len(set(keys)) == len(keys)
    for result in loaded.results:
        first = result.metrics[0]
        key = keys[1]
        assert key.startswith(first.name)
        assert float(rows[result.name][key]) == first.value
        assert float(rows[result.name][f"{key}_low"]) == first.low
        assert float(rows[result.name][f"{key}_high"]) == first.high
    best = [row[0].value for row in table.rows if row[1].best]
    assert best == [loaded.verdict.best]
    assert f"\\textbf{{{number(loaded.primary_metric.value)}}}" in latex_table(table)
    assert f"**{number(loaded.primary_metric.value)}**" in markdown_table(table)


def test_every_header_of_a_table_of_splits_is_another_one(classification_run: RunFolder) -> None:
    loaded = load_run(classification_run)
    labels = {"A": 1, "a": 2, "texts": 3}
    splits = [split.model_copy(update={"labels": labels}) for split in loaded.data.splits]
    loaded = replace(loaded, data=loaded.data.model_copy(update={"splits": splits}))

    (table,) = [table for table in paper_tables(loaded) if table.name == "data"]

    header, first, *_ = csv.reader(io.StringIO(csv_table(table)))
    assert header == ["split", "texts", "characters", "A", "a", "texts_2"]
    assert first[3:] == ["1", "2", "3"]


def test_wide_tables_fit_the_page() -> None:
    def table(columns: int) -> str:
        return latex_table(
            PaperTable("t", "", [Column(str(n), str(n)) for n in range(columns)], [[Cell("1")] * columns])
        )

    assert "resizebox" in table(7)
    assert "graphicx" in table(7)
    assert "resizebox" not in table(6)


def with_comparison(run: LoadedRun, **changes: object) -> LoadedRun:
    comparison = run.verdict.comparisons[0].model_copy(update=changes)
    verdict = run.verdict.model_copy(update={"comparisons": [comparison, *run.verdict.comparisons[1:]]})
    return replace(run, verdict=verdict)


def test_the_sentence_has_all_numbers(loaded: LoadedRun) -> None:
    told = with_comparison(loaded, distinguishable=True, p_value=0.00002, corrected_p_value=0.013)
    comparison, best = told.verdict.comparisons[0], told.primary_metric
    other = next(result for result in told.results if result.name == comparison.worse)

    sentence = results_sentence(told)

    assert sentence.count(". ") == 0
    assert sentence.startswith(f"On {best.documents}")
    assert f"{told.verdict.best} reached a" in sentence
    for value in (best.value, best.low, best.high, other.metrics[0].value):
        assert number(value) in sentence
    assert f" than {comparison.worse} (" in sentence
    assert f"p < 0.0001, p = 0.01 after Holm's correction for {len(told.verdict.comparisons)} comparisons" in sentence
    for seed in other.seeds or [other.seed]:
        assert str(seed) in sentence


def test_a_tie_is_called_one(loaded: LoadedRun) -> None:
    tied = with_comparison(loaded, distinguishable=False, p_value=0.4, corrected_p_value=0.8)
    sentence = results_sentence(tied)
    assert f", which is not significantly different from {tied.verdict.comparisons[0].worse} (" in sentence
    assert "p = 0.40" in sentence
    assert "significance level 0.05" in sentence


def test_the_sentence_names_the_methods_of_interval_and_test(classification_run: RunFolder) -> None:
    repeated = load_run(classification_run)
    assert "Student's t over seeds and texts" in results_sentence(repeated)
    assert "values are means over 2 trainings (seeds 12 and 13" in results_sentence(repeated)
    once = [
        entry.result.model_copy(
            update={"seeds": [], "metrics": [entry.result.metrics[0].model_copy(update={"by_seed": []})]}
        )
        for entry in repeated.contestants
    ]
    contestants = [replace(entry, result=result) for entry, result in zip(repeated.contestants, once, strict=True)]
    sentence = results_sentence(with_comparison(replace(repeated, contestants=contestants), test="McNemar"))
    assert "Wilson score interval of a proportion" in sentence
    assert "paired bootstrap; exact McNemar test, p" in sentence
    assert sentence.endswith(f"each of the {len(once)} methods was trained once, with seed 12.")


def test_folds_are_named(classification_run: RunFolder) -> None:
    run = load_run(classification_run)
    contestants = []
    for entry in run.contestants:
        metric = entry.result.metrics[0].model_copy(update={"folds": 5, "by_seed": []})
        result = entry.result.model_copy(update={"metrics": [metric], "seeds": []})
        contestants.append(replace(entry, result=result))
    data = run.data.model_copy(update={"folds": [10] * 5})

    sentence = results_sentence(replace(run, contestants=contestants, data=data))

    assert f"{contestants[0].result.metrics[0].documents} test texts in 5 folds, " in sentence
    assert "widened for the overlap of the folds after Nadeau and Bengio (2003)" in sentence
    assert sentence.endswith("methods was trained once per fold, with seed 12.")


def test_one_contestant_is_compared_with_nothing(one_contestant: LoadedRun) -> None:
    sentence = results_sentence(one_contestant)
    assert "than" not in sentence
    assert one_contestant.verdict.best in sentence


def test_p_values_are_math_in_latex() -> None:
    assert latex_sentence("95% CI (p < 0.0001, p = 0.01), a_b.") == "95\\% CI ($p < 0.0001$, $p = 0.01$), a\\_b.\n"


def test_the_table_to_copy_is_made_without_the_others(
    classification_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a thousand classes, confusion matrices have millions of cells."""
    monkeypatch.setattr("bakeoff.report.paper_tables._confusions", None)
    assert [name for name, _ in copies(load_run(classification_run))] == ["LaTeX", "Markdown", "CSV"]


def test_the_report_has_the_sentence_and_the_table_to_copy(classification_run: RunFolder) -> None:
    from bakeoff.report.html import render_html
    from bakeoff.report.markdown import render_markdown

    run = load_run(classification_run)
    page = Page(render_html(run)).text
    assert results_sentence(run) in page
    results = next(table for table in paper_tables(run) if table.name == "results")
    for text in (latex_table(results), markdown_table(results), csv_table(results)):
        assert text in page
    assert "In one sentence, for a paper: On " in render_markdown(run)
