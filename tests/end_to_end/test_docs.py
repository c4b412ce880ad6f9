"""The README and the pages of docs/ are true: commands run, configs load, links and paths lead somewhere.

Every line `$ bakeoff ...` of a ```console block is typed in a folder with small runs and files of the names that the
pages use; `SMALLER` gives commands that train less to do. Below `<!-- not run: REASON -->` a command is only checked:
its options must exist, and its config must load with its overrides.
"""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from bakeoff import load_config
from bakeoff.config.load import builtin_names
from tests.command import bakeoff
from tests.real_runs import LANGUAGE_MODEL, SENTIMENT

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
# add-a-method.md needs the package of its example, whose own tests run its commands.
PAGES = [README, *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name != "add-a-method.md")]

SMALLER = {
    "bakeoff run sentiment": "--set data.rows=200 --set budget.epochs=1 --set evaluation.resamples=100"
    " --set contestants.lstm.hidden_size=8 --set contestants.corrector.hidden_size=8",
    "bakeoff run language-model": "--set model=stories260k --set budget.tokens=2000 --set evaluation.max_new_tokens=5"
    " --set evaluation.resamples=100 --set data.fraction=0.01",
    "bakeoff run answers": "--set model=stories260k --set data.rows=60 --set evaluation.answers=3"
    " --set evaluation.max_new_tokens=5 --set evaluation.resamples=100",
    "bakeoff run qa.yaml": "--set model=stories260k --set budget.epochs=1 --set evaluation.answers=3"
    " --set evaluation.max_new_tokens=5 --set evaluation.resamples=100",
    "bakeoff plan qa.yaml": "--set model=stories260k",
    "bakeoff plan": "--set data.rows=40",
    "bakeoff run my.yaml": "--set data.rows=40 --set budget.epochs=1 --set contestants.wide.hidden_size=8",
    "bakeoff run my.yaml --set repeats": "--set repeats=2",
    "bakeoff run notes.yaml": "--set budget.epochs=1",
    "bakeoff run tickets.yaml": "--set budget.epochs=1 --set data.split.folds=2 --set evaluation.resamples=50"
    " --set 'contestants={linear: {}, words: {method: linear, ngrams: words}, both: {method: ensemble,"
    " members: [linear, words]}}'",
    "bakeoff run questions.yaml": "--set budget.epochs=1 --set evaluation.resamples=50",
    "bakeoff run reviews.yaml": "--set budget.epochs=1 --set contestants.corrector.hidden_size=8"
    " --set data.split.folds=2",
}
REVIEWS = "id,headline,review,stars,opinion\n" + "".join(
    f'{row},"A {word} evening in town","A {word} film, number {row}",{stars},{opinion}\n'
    for row, (word, stars, opinion) in enumerate([("fine", 5, "good"), ("dull", 1, "bad")] * 30)
)
TICKETS = "message,billing,login,bug\n" + "".join(
    f'"The {" and ".join(words) or "team"} today, number {row}",{",".join(str(row >> bit & 1) for bit in range(3))}\n'
    for row in range(80)
    for words in [[word for bit, word in enumerate(["invoice", "password", "crash"]) if row >> bit & 1]]
)
QUESTIONS = "question,intent\n" + "".join(
    f'"Please, what about my {words[row % 2]} today, number {row}?",{label}\n'
    for row in range(24)
    for label, words in [
        ("billing", ["invoice", "refund"]),
        ("login", ["password", "account"]),
        ("oos", ["moon", "soup"]),
    ]
)
MESSAGES = "message,plan,waited,urgent\n" + "".join(
    f'"Please look at my {word} today, number {row}",{plan},{waited if row % 9 else ""},{label}\n'
    for row in range(60)
    for word, plan, waited, label in [("invoice", "business", 9 + row % 5, "yes"), ("invoice", "free", row % 4, "no")]
)
QUESTION = '{"question": "What comes after %d?", "answer": "It is %d."}\n'
NOTES = "".join(f"{'ab'[row % 2]};Café, note number {row}\n" for row in range(40))

BLOCK = re.compile(r"^(?:<!-- not run: (?P<reason>.+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```", re.M | re.S)


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    not_run: bool

    @property
    def commands(self) -> list[str]:
        if self.language != "console":
            return []
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ bakeoff ")]


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(found["language"], found["text"], bool(found["reason"])) for found in BLOCK.finditer(text)]


def commands(page: Path, *, not_run: bool) -> list[str]:
    return [command for block in blocks(page) if block.not_run is not_run for command in block.commands]


def only_block(language: str) -> str:
    """Return the only block of the README in that language."""
    (text,) = [block.text for block in blocks(README) if block.language == language]
    return text


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def smaller(command: str) -> str:
    options = [options for start, options in SMALLER.items() if command.startswith(start)]
    return " ".join([command.replace("smollm2-135m", "stories260k"), *options])


def words(command: str) -> tuple[list[str], str]:
    """Return the arguments of `bakeoff ARGUMENTS < FILE` and the content of the file."""
    line, _, file = command.partition(" < ")
    program, *arguments = shlex.split(line, comments=True)
    assert program == "bakeoff"
    return arguments, Path(file).read_text(encoding="utf-8") if file else "A fine film\n"


@pytest.fixture
def folder(tmp_path, monkeypatch, sentiment_run, language_model_run) -> Path:
    """A working folder with the files and runs that the pages name."""
    monkeypatch.chdir(tmp_path)
    for run in ("sentiment", "monday", "tuesday"):
        shutil.copytree(sentiment_run, tmp_path / "runs" / run)
    shutil.copytree(language_model_run, tmp_path / "runs" / "language-model")
    Path("reviews.csv").write_text(REVIEWS)
    Path("train.csv").write_text(REVIEWS)
    Path("test.csv").write_text(REVIEWS.replace("film", "play"))
    Path("notes.csv").write_bytes(NOTES.encode("cp1252"))
    Path("reviews.txt").write_text("A fine film\nA dull film\n")
    Path("tickets.csv").write_text(TICKETS)
    Path("questions.csv").write_text(QUESTIONS)
    scope = blocks(ROOT / "docs" / "how-to" / "out-of-scope.md")
    Path("questions.yaml").write_text(next(block.text for block in scope if block.language == "yaml"))
    Path("messages.csv").write_text(MESSAGES)
    columns = blocks(ROOT / "docs" / "how-to" / "features.md")
    Path("messages.yaml").write_text(next(block.text for block in columns if block.language == "yaml"))
    Path("qa.jsonl").write_text("".join(QUESTION % (row, row + 1) for row in range(40)))
    Path("my.yaml").write_text(only_block("yaml"))
    Path("article.txt").write_text("The river rises in the hills and flows north through the old town. " * 60)
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page, not_run=False)], ids=name)
def test_the_commands_of_a_page_run(page, folder):
    output = ""
    for block in blocks(page):
        for command in [] if block.not_run else block.commands:
            if command.removeprefix("bakeoff run ") in builtin_names():
                shutil.rmtree(folder / "runs" / command.removeprefix("bakeoff run "), ignore_errors=True)
            arguments, stdin = words(smaller(command))
            typed = bakeoff(*arguments, stdin=stdin)
            assert typed.code == 0, f"{command}\n{typed.err}"
            assert typed.out or "--out" in arguments, command
            if "--json" not in arguments:
                output = typed.out
        if not block.language and not block.not_run and output:
            assert_same_rows(block.text, output)


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page, not_run=True)], ids=name)
def test_the_options_and_configs_of_long_commands_exist(page, folder):
    for command in commands(page, not_run=True):
        (subcommand, *arguments), _ = words(command)
        help_text = bakeoff(subcommand, "--help").out
        for argument in arguments:
            if argument.startswith("-"):
                assert re.search(rf"(?<![\w-]){argument}(?![\w-])", help_text), f"{command}: {argument}"
        if subcommand == "run":
            overrides = [value for key, value in pairwise(arguments) if key == "--set"]
            load_config(arguments[0], overrides)


def assert_same_rows(printed: str, actual: str) -> None:
    """Check that a table of the documentation has rows and columns that the program prints.

    The documentation leaves rows and columns out, and its numbers are those of a longer run.
    """
    columns, *rows = (cells(line) for line in printed.split("\n\n")[0].splitlines() if line.startswith(" "))
    known = [cells(line) for line in actual.splitlines()]
    assert any(set(columns) <= set(line) for line in known), columns
    titles = {line[0] for line in known}
    for title, *_ in rows:
        assert title in titles or not re.search("[a-z]{3}", title), f"{title!r} is not among {sorted(titles)}"


def cells(line: str) -> list[str]:
    """Split a line of a table; every number becomes N."""
    return re.split(r"\s{2,}", re.sub(r"[\d.,]*\d", "N", line.strip()))


def complete(block: dict, page: Path) -> dict:
    """Add the keys that an excerpt of a config leaves out."""
    whole = LANGUAGE_MODEL if page.name in ("lora.md", "distributed-training.md") else SENTIMENT
    return block if "task" in block and "contestants" in block else {**whole, **block}


@pytest.mark.parametrize(
    ("page", "text"),
    [(page, block.text) for page in PAGES for block in blocks(page) if block.language == "yaml"],
    ids=lambda value: name(value) if isinstance(value, Path) else "",
)
def test_the_configs_of_a_page_load(page, text):
    load_config(complete(yaml.safe_load(text), page))


def test_init_writes_the_config_of_the_page_about_data(folder):
    (shown, *_) = [block.text for block in blocks(ROOT / "docs/reference/data.md") if block.language == "yaml"]

    typed = bakeoff("init", "notes.csv")

    written = yaml.safe_load(Path("notes.yaml").read_text())["data"]
    assert {key: written[key] for key in yaml.safe_load(shown)["data"]} == yaml.safe_load(shown)["data"]
    assert 'Read as: semicolons, quotes ", no header, windows-1252.' in typed.out
    assert "chosen as label: column_1, whose 2 values repeat" in typed.out


def headings(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    lines = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))], ids=name)
def test_the_links_of_a_page_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), target
        assert not anchor or anchor in headings(linked), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_modules_that_a_page_names_exist(page):
    for path in re.findall(r"`(\w+/[\w/]+\.py)`", page.read_text(encoding="utf-8")):
        assert (ROOT / path).exists() or (ROOT / "src" / "bakeoff" / path).exists(), path


def test_pages_that_the_code_names_exist():
    for file in [*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.yaml"), *(ROOT / "benchmarks").rglob("*.py")]:
        for path in re.findall(r"docs/[\w/-]+\.md", file.read_text(encoding="utf-8")):
            assert (ROOT / path).exists(), f"{file}: {path}"


def test_the_python_of_the_readme(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = only_block("python").replace("smollm2-135m", "stories260k")
    fewer = ["budget.epochs=1", "data.rows=300", "contestants={linear: {}, lstm: {hidden_size: 8}}"]
    assert '["budget.epochs=2"]' in code

    exec(code.replace('["budget.epochs=2"]', repr(fewer)), {})

    verdict, label, bits = capsys.readouterr().out.splitlines()
    assert verdict.startswith("[")
    assert label in ("positive", "negative")
    assert 0 < float(bits) < 8


def test_the_python_of_the_page_on_splits(folder, capsys):
    pytest.importorskip("pandas", reason="pandas is in the extra `benchmarks`")
    (code,) = [block.text for block in blocks(ROOT / "docs" / "how-to" / "splits.md") if block.language == "python"]

    exec(code, {})

    assert "label: opinion" in capsys.readouterr().out
    assert (folder / "runs" / "from-two-frames" / "data" / "test.parquet").exists()


def test_the_python_of_the_page_on_scikit_learn(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bakeoff.report.output.write_report", lambda run: None)  # of eight bake-offs
    monkeypatch.setattr("bakeoff.config.starting._ROWS_FOR_ONE_TEST", 0)  # one training each, not six
    page = (ROOT / "docs" / "how-to" / "scikit-learn.md").read_text(encoding="utf-8")
    code = "\n".join(found["text"] for found in BLOCK.finditer(page) if found["language"] == "python")
    assert '"lstm": {"hidden_size": 16}' in code

    exec(code.replace('"lstm": {"hidden_size": 16}', '"majority": {}'), {})

    answer, verdict, report, scores, label, search, loaded = capsys.readouterr().out.splitlines()
    assert answer.startswith("linear ['good'] [[")
    assert verdict.startswith("linear is best: accuracy ")
    assert Path(report).name == "report.html"
    assert scores == "[1. 1.]"
    assert label == "good"
    assert search.startswith("{'overrides': ['contestants.linear.ngrams=")
    assert loaded == "['good']"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_make_targets_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    targets = set(re.findall(r"\bmake (\w+) +#", README.read_text(encoding="utf-8")))

    assert {"demo", "test"} <= targets
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in targets)
