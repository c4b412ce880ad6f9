"""Write docs/statements.md, one section per experiment; a section stays as it is until its experiment runs again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

from bakeoff.environment import package_version
from experiments import NUMBERS
from experiments.shared import STYLE, Result, SizeName, Table

INTRODUCTION = """\
# Ten statements, measured

A lab course on recurrent networks and transformers ended with ten statements, all of which its report took as true.
Here each is an experiment that anyone can run and read. A verdict (*holds*, *depends*, *does not hold*) follows from
the numbers by a rule that stands beside them. It is about what was measured, at the sizes that were measured.

```sh
python -m experiments                  # all, about 15 minutes on two cores
python -m experiments --quick          # all, under 2 minutes
python -m experiments gates kv_cache   # some
```

The command writes this page. The code is in `experiments/`, one file per statement. Intervals are 95% intervals.
Those of exponents are regressions through the logarithms of a few sizes: they show how straight the line is, not how
the machine varies. Those of differences are [paired](explanation/statistics.md), over test texts and, where there are
several, seeds.
"""


@dataclass(frozen=True)
class Section:
    """An experiment that has run."""

    name: str
    docstring: str  # the statement, then what is measured, then the rule
    result: Result
    size: SizeName
    seconds: float
    cpu_seconds: float  # which other programs on the machine change less


def section_text(section: Section) -> str:
    """Return the section as Markdown, between the comments by which it is found again."""
    statement, _, explanation = section.docstring.strip().partition("\n\n")
    result = section.result
    # The lab took every statement as true: another verdict is another answer.
    differs = "" if result.verdict == "holds" else " The lab's answer: true."
    image = f"images/statements/{section.name}.svg"
    parts = [
        f"<!-- begin {section.name} -->",
        f"## {NUMBERS[section.name]}. {_formula(' '.join(statement.split()).rstrip('.'))}",
        f"**Verdict: {result.verdict}.** {result.reason}{differs}",
        _formula(explanation.strip()),
        *(_table(table) for table in result.tables),
        f"![{result.description}]({image})",
        f"`python -m experiments {section.name}{' --quick' * (section.size == 'quick')}`: {section.seconds:.0f} s "
        f"({section.cpu_seconds:.0f} s of CPU time), "
        f"torch {package_version('torch')}.",
        f"<!-- end {section.name} -->",
    ]
    return "\n\n".join(parts)


def write_page(folder: Path, section: Section, text: str) -> None:
    """Put a section into the page, and its figure beside it."""
    images = folder / "images" / "statements"
    images.mkdir(parents=True, exist_ok=True)
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context(STYLE):
        section.result.figure.savefig(images / f"{section.name}.svg", format="svg", metadata=nothing)
    page = folder / "statements.md"
    sections = read_sections(page.read_text(encoding="utf-8")) if page.exists() else {}
    sections[section.name] = text
    page.write_text(page_text(sections), encoding="utf-8")


def read_sections(text: str) -> dict[str, str]:
    """Return the sections of a page by name."""
    found = re.finditer(r"<!-- begin (?P<name>\w+) -->.*?<!-- end (?P=name) -->", text, re.DOTALL)
    return {match["name"]: match[0] for match in found}


def page_text(sections: dict[str, str]) -> str:
    """Return the whole page: an introduction, the verdicts as a table, and the sections in the lab's order."""
    ordered = [sections[name] for name in NUMBERS if name in sections]
    rows = []
    for section in ordered:
        heading = re.search(r"^## (\d+)\. (.+)$", section, re.M)
        verdict = re.search(r"^\*\*Verdict: (.+?)\.\*\*", section, re.M)
        assert heading is not None
        assert verdict is not None
        rows.append([heading[1], heading[2], verdict[1]])
    summary = _table(Table("", ["", "statement", "verdict"], rows))
    return "\n\n".join([INTRODUCTION + "\n" + summary, *ordered]) + "\n"


def _table(table: Table) -> str:
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    title = [f"{_formula(table.title)}:", ""] if table.title else []
    return "\n".join([*title, *(f"| {' | '.join(_formula(cell) for cell in line)} |" for line in lines)])


def _formula(text: str) -> str:
    """Write n^2 with a raised 2."""
    return re.sub(r"\^([\d.]+\d|\d)", r"<sup>\1</sup>", text)
