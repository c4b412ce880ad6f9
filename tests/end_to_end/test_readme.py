"""The commands of the README run as they stand there, on less data.

Commands that train are given less to do by `SHRUNK`; everything else is typed as it is written.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.command import type_line

ROOT = Path(__file__).parents[2]
SHRUNK = {
    "bakeoff run sentiment": "--set data.rows=300 --set budget.epochs=1 --set evaluation.resamples=100"
    " --set contestants.lstm.hidden_size=8 --set contestants.corrector.hidden_size=8",
    "bakeoff run language-model": "--set model=stories260k --set budget.tokens=2000 --set evaluation.max_new_tokens=5"
    " --set evaluation.resamples=100 --set data.fraction=0.01",
    "bakeoff plan my.yaml": "--set data.rows=40",
    "bakeoff run my.yaml": "--set data.rows=40",
}
MY_REVIEWS = "review,opinion\n" + "".join(
    f'"{("A fine", "A dull")[number % 2]} film, number {number}",{("good", "bad")[number % 2]}\n'
    for number in range(60)
)


def commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ bakeoff")]


def block(language: str) -> str:
    """The only code block of the README in that language."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return found


def shrunk(command: str) -> str:
    for start, options in SHRUNK.items():
        if command.startswith(start):
            command += " " + options
    return command.replace("smollm2-135m", "stories260k")


def test_every_command_of_the_readme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("reviews.csv").write_text(MY_REVIEWS)
    Path("my.yaml").write_text(block("yaml"))
    Path("article.txt").write_text("The river rises in the hills and flows north through the old town. " * 60)
    assert len(commands()) >= 8

    for command in commands():
        typed = type_line(shrunk(command), stdin="A fine film\n")
        assert typed.code == 0, f"{command}\n{typed.err}"
        assert typed.out, command


def test_the_python_of_the_readme(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = block("python").replace("smollm2-135m", "stories260k")
    assert "budget.epochs=2" in code

    exec(code.replace('"budget.epochs=2"', '"budget.epochs=1", "data.rows=300", "evaluation.resamples=100"'), {})

    verdict, label, bits = capsys.readouterr().out.splitlines()
    assert verdict.startswith("[")
    assert label in ("positive", "negative")
    assert 0 < float(bits) < 8


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_make_targets_of_the_readme_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    targets = set(re.findall(r"\bmake (\w+)", text))

    assert {"demo", "test"} <= targets
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in targets)
