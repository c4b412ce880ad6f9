"""Make the gallery: PYTHONPATH=benchmarks python docs/gallery/make.py, or `make gallery`

Each config beside this file is run in build/gallery; its report and its plot come here, and docs/gallery.md is written.
With names, only these are run again: PYTHONPATH=benchmarks python docs/gallery/make.py costs stars
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import textwrap
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bakeoff.data.config import TableData
from bakeoff.data.table_sources import read_table_source
from bakeoff.evaluation.wording import duration
from bakeoff.report import classifier_tables, out_of_scope_view, slices_view, tables
from bakeoff.report.figures import figures
from bakeoff.report.html import render_html
from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.runs.folder import RunFolder
from comparison.articles import article_sentences

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "docs" / "gallery"
BUILD = ROOT / "build" / "gallery"
SEED, ROWS = 12, 4000
OTHER = "another article"


@dataclass(frozen=True)
class Question:
    """A section of the page."""

    title: str
    words: str
    shown: Callable[[LoadedRun], list[str]]  # the lines below the verdict
    explained: str  # a page of the site, and an anchor
    plot: str = ""  # the group of the plot that is shown


def table(titles: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table."""
    cells = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    return ["", *(f"| {' | '.join(row)} |" for row in cells)]


def estimates(titles: list[str], rows: list[list[tuple[str, str]]]) -> list[str]:
    """Return the lines of a table of values with intervals."""
    return table(titles, [[f"{value} ({ends})" if ends else value for value, ends in row] for row in rows])


def measures(run: LoadedRun, keys: tuple[str, ...]) -> list[str]:
    """Return the lines of a table of metrics, contestants in rows."""
    shown = [row for row in tables.quality_rows(run) + tables.more_quality_rows(run) if row.key in keys]
    cells = [[(cell.value, cell.remark) for cell in row.cells] for row in shown]
    rows = [[(result.name, ""), *values] for result, *values in zip(run.results, *cells, strict=True)]
    return estimates(["Contestant", *(row.title for row in shown)], rows)


def sentences_of(found: object) -> list[str]:
    """Return what the verdict says below its three lines about slices or the learning curve."""
    return [line for sentence in getattr(found, "sentences", []) for line in ("", *wrapped(sentence))]


QUESTIONS = {
    "several-labels": Question(
        "Several labels per text",
        "A remark can hold praise, criticism, background, or several of them. The remarks are put together from "
        "packaged sentences about films and from Wikipedia, so the labels are known.",
        lambda run: table(classifier_tables.label_f1_titles(run), classifier_tables.label_f1_rows(run)),
        "how-to/several-labels.md",
    ),
    "little-data": Question(
        "Little data",
        "With 600 sentences, every one of them is tested once, by a model that was trained on other folds.",
        lambda run: measures(run, ("accuracy", "macro_f1", "loss")),
        "how-to/little-data.md",
        "intervals",
    ),
    "how-many-labels": Question(
        "How many more labels?",
        "Every contestant is trained on nested parts of the training rows.",
        lambda run: sentences_of(run.verdict.learning_curve),
        "how-to/how-many-labels.md",
        "learning_curve",
    ),
    "where-it-fails": Question(
        "Where it fails",
        "Which of twelve Wikipedia articles does a sentence come from? The sentences are from the packaged articles.",
        lambda run: [
            *sentences_of(run.verdict.slices),
            *(table(slices_view.WEAK_TITLES, slices_view.weak_rows(run.verdict.slices)) if run.verdict.slices else []),
        ],
        "how-to/where-it-fails.md",
    ),
    "many-comparisons": Question(
        "Many comparisons",
        "Seven contestants: p-values are corrected for their number, ties are called ties, and each rank has an "
        "interval.",
        lambda run: [
            *table(tables.paired_titles(run), tables.paired_rows(run)),
            *table(tables.rank_titles(run), tables.rank_rows(run)),
        ],
        "explanation/statistics.md#how-the-verdict-is-written",
    ),
    "costs": Question(
        "What mistakes cost",
        "A missed positive sentence costs ten times as much as a false alarm. The cost decides the verdict, and which "
        "label is predicted.",
        lambda run: measures(run, ("cost", "accuracy", "balanced_accuracy", "matthews", "brier")),
        "how-to/costs-and-ordered-classes.md",
    ),
    "stars": Question(
        "Ordered classes",
        "Stars from 1 to 5, and a mistake counts by its distance. The reviews are put together from four packaged "
        "sentences, with a star more for each that is positive.",
        lambda run: measures(run, ("quadratic_kappa", "mean_absolute_error", "accuracy")),
        "how-to/costs-and-ordered-classes.md",
    ),
    "out-of-scope": Question(
        "Out of scope",
        "The twelve articles again. Sentences of all other articles belong to none of them.",
        lambda run: estimates(
            out_of_scope_view.OUT_OF_SCOPE_TITLES, out_of_scope_view.out_of_scope_rows(run)
        ),
        "how-to/out-of-scope.md",
        "out_of_scope",
    ),
    "features": Question(
        "Text beside other columns",
        "Sentences about films, with two columns that are made up: what the audience thought, from 0 to 10, which says "
        "something about the opinion, and how long the film is, which says nothing.",
        lambda run: [
            *(
                line
                for sentence in run.verdict.sentences
                if sentence.startswith("With the column")
                for line in ("", *wrapped(sentence))
            ),
            *measures(run, ("accuracy", "macro_f1", "loss")),
        ],
        "how-to/features.md",
    ),
}  # fmt: skip


def write_tables() -> None:
    """Write the tables that no package has, made of packaged texts."""
    draw = random.Random(SEED)
    source = read_table_source(TableData(table="sentence-polarity"))
    films = defaultdict(list)
    for text, label in zip(source.table.column(source.text[0]), source.table.column(source.label[0]), strict=True):
        films[label].append(text)
    articles = list(article_sentences(12))
    kinds = {
        "praise": films["positive"],
        "criticism": films["negative"],
        "background": [sentence.lower() for sentence, _ in articles],
    }
    remarks, stars = [], []
    for _ in range(ROWS):
        says = draw.sample(sorted(kinds), draw.choice([1, 1, 2, 3]))
        remarks.append({"remark": " ".join(draw.choice(kinds[kind]) for kind in says), "says": sorted(says)})
        liked = draw.randint(0, 4)
        said = draw.sample(films["positive"], liked) + draw.sample(films["negative"], 4 - liked)
        draw.shuffle(said)
        stars.append({"review": " ".join(said), "stars": 1 + liked})
    known = [{"sentence": sentence, "article": title} for sentence, title in articles if title]
    others = draw.sample([sentence for sentence, title in articles if not title], 1500)
    scope = known + [{"sentence": sentence, "article": OTHER} for sentence in others]
    seen = [
        {
            "sentence": sentence,
            "audience": min(10, max(0, round(draw.gauss(6 if opinion == "positive" else 4, 2)))),
            "minutes": round(draw.gauss(105, 15)),
            "opinion": opinion,
        }
        for opinion, sentences in films.items()
        for sentence in draw.sample(sentences, ROWS // 2)
    ]
    for name, rows in {"films": seen, "remarks": remarks, "stars": stars, "articles": known, "scope": scope}.items():
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (BUILD / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def make(name: str) -> None:
    """Run a bake-off."""
    shutil.copy(HERE / f"{name}.yaml", BUILD)
    shutil.rmtree(BUILD / name, ignore_errors=True)
    command = [sys.executable, "-m", "bakeoff", "run", f"{name}.yaml", "-o", name]
    subprocess.run(command, cwd=BUILD, check=True)


def section(name: str, question: Question) -> list[str]:
    """Write the report and the plot; return the lines of a question: config, verdict, what is shown, and links."""
    run = load_run(RunFolder(BUILD / name)).best_first
    (HERE / f"{name}.html").write_text(render_html(run).replace(f"{BUILD}/", ""), encoding="utf-8")
    picture = []
    if question.plot:
        (plot,) = getattr(figures(run), question.plot)
        (HERE / f"{name}.svg").write_bytes(plot.file("svg"))
        picture = ["", f"![{plot.description}](gallery/{name}.svg)"]
    seconds = sum(result.training.total_seconds for result in run.results)
    return [
        f"## {question.title}",
        "",
        *wrapped(question.words),
        "",
        "```yaml",
        (HERE / f"{name}.yaml").read_text(encoding="utf-8").strip(),
        "```",
        "",
        *"\n>\n".join(f"> {sentence}" for sentence in run.verdict.summary).splitlines(),
        *question.shown(run),
        *picture,
        "",
        f"**[The report](gallery/{name}.html)** of {duration(seconds)} of training and evaluating. "
        f"[How it works]({question.explained}).",
        "",
    ]


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False)


def main(names: list[str]) -> None:
    """Run bake-offs, by default all, and write the page and every report."""
    BUILD.mkdir(parents=True, exist_ok=True)
    write_tables()
    for name in names or QUESTIONS:
        make(name)
    lines = [INTRODUCTION, *(line for name, question in QUESTIONS.items() for line in section(name, question))]
    (ROOT / "docs" / "gallery.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


INTRODUCTION = """# Gallery

What people ask beyond "which is best?", each question with a small bake-off that answers it: the config, the verdict,
what to look at, and the whole report. All of it runs offline, on texts that are packaged with bakeoff, each bake-off in
less than a minute on one core. `make gallery` makes this page and the reports from nothing.

The texts are [sentences about films](reference/data.md) (Pang and Lee 2005, CC BY 4.0) and sentences of Wikipedia
articles (WikiText-2, CC BY-SA 3.0). Where a question needs other tables, they are put together from these.
"""


if __name__ == "__main__":
    main(sys.argv[1:])
