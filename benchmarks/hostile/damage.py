"""Damaged run folders: files cut, flipped, emptied, deleted, swapped, replaced by links; every command on each of them.

A command may refuse a damaged folder in a sentence, or answer as it would have answered before. `resume` may also train
again what was damaged, to the same numbers.
"""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.runs.checksums import MANIFEST
from bakeoff.runs.folder import RunFolder
from hostile.cases import Case, Maker, Outcome, judged
from hostile.forks import LONGEST_SECONDS, Typed, run_forked, type_command
from hostile.runs import KINDS, concluded, differences, measured, without_times, write_config

TEXTS = ["a fine and moving film", "dull, long and badly made"]
_KINDS: tuple[str, ...] = (
    "classifiers",
    "repeats",
    "folds",
    "learning-curve",
    "several-labels",
    "out-of-scope",
    "ordered",
    "tune",
    "diverged",
)
_KINDS += ("language-model", "prompts")
_INTERRUPTED = ("classifiers", "tune", "pretrain", "language-model", "learning-curve")
RESUME_SECONDS = 60.0  # of the processor: it may train everything again
SERVE_SECONDS = 60.0  # for all requests together
Command = list[str | Path]


@dataclass
class Whole:
    """An intact run, and what commands answer about it."""

    kind: str
    path: Path
    interrupted: Path | None = None
    answers: dict[str, Any] = field(default_factory=dict)

    def expected(self, name: str) -> Any:
        """Return the answer of a command; None if it has none."""
        if name not in self.answers:
            folder = self.path.parent
            copy = folder / "damaged"  # as the damaged ones are called, but whole
            if not copy.exists():
                shutil.copytree(self.path, copy)
            typed = type_command(_commands(copy, self.path, folder)[name])
            self.answers[name] = _answer(name, typed, folder)
        return self.answers[name]


def damaged_runs(folder: Path) -> Iterator[Maker]:
    """Yield a maker of cases for each kind in turn, without end."""

    @functools.cache
    def whole(kind: str) -> Whole:
        return _whole(kind, folder / f"whole-{kind}")

    def maker(kind: str, interrupted: bool) -> Maker:
        return lambda choose, place: _case(choose, place, whole(kind), interrupted)

    kinds = [(kind, False) for kind in _KINDS] + [(kind, True) for kind in _INTERRUPTED]
    while True:
        for kind, interrupted in kinds:
            yield maker(kind, interrupted)


def _whole(kind: str, folder: Path) -> Whole:
    folder.mkdir()
    config, run = write_config(KINDS[kind], folder), folder / "intact"
    typed = type_command(["run", config, "-o", run], seconds=300, watched=run, inside=folder)
    assert typed.code == 0, typed.err
    whole = Whole(kind, run)
    if kind in _INTERRUPTED:
        for share in (0.5, 0.4, 0.6, 0.3):
            half = folder / f"interrupted-{share}" / "damaged"
            type_command(["run", config, "-o", half], seconds=300, watched=half, dies_at=int(share * typed.changes))
            if RunFolder(half).holds_a_run and list(half.rglob("state.json")):
                whole.interrupted = half
                break
    return whole


def _commands(run: Path, whole: Path, scratch: Path) -> dict[str, Command]:
    """Return the commands whose answers must stay the same."""
    shared: dict[str, Command] = {
        "report": ["report", run],
        "tables": ["report", run, "--tables", scratch / "tables", "--json"],
        "compare": ["compare", run, whole, "--json"],
    }
    if RunFolder(whole).config_values()["task"] == "language-model":
        models = RunFolder(whole).config_values()["contestants"]
        wanted = ["Once", "--max-new-tokens", "3", "--json"]
        shared |= {f"generate {name}": ["generate", run / "contestants" / name, *wanted] for name in models}
        return shared | {
            "export": ["export", run, "-o", scratch / "exported", "--to", "gguf", "--contestant", "lora", "--json"],
            "generate": ["generate", run, "Once", "--contestant", "lora", "--max-new-tokens", "3", "--json"],
        }
    return shared | {
        "predict": ["predict", run, *TEXTS, "--json"],
        "explain": ["explain", run, TEXTS[0], "--json"],
        "export": ["export", run, "-o", scratch / "exported", "--json"],
    }


_NAMES = ("model", "runs", "report", "folder", "reports")  # of files and folders


def _answer(name: str, typed: Typed, scratch: Path) -> Any:
    """Return what a command answered, without times and names of folders; None if it refused."""
    if typed.code != 0:
        return None
    run = scratch / "damaged"
    if name == "report":
        return (run / "report.md").read_text(encoding="utf-8").splitlines()
    if name == "tables":
        tables = sorted((scratch / "tables").iterdir())
        answer: Any = {path.name: path.read_text(encoding="utf-8").splitlines() for path in tables}
        shutil.rmtree(scratch / "tables")
        return answer
    said = typed.out.replace(str(run), run.name).replace(str(scratch / "exported"), "exported")
    answer = without_times(json.loads(said))
    shutil.rmtree(scratch / "exported", ignore_errors=True)
    return json.loads(json.dumps({key: value for key, value in answer.items() if key not in _NAMES}))


# damage


def _damage(choose: random.Random, run: Path) -> tuple[str, bool]:
    """Damage something in a run; return what, and whether reading it obeys permissions."""
    hidden = (".lock",)
    files = sorted(path for path in run.rglob("*") if path.is_file() and path.name not in hidden)
    folders = sorted(path for path in run.rglob("*") if path.is_dir())
    how = choose.choice(list(_TO_FILES) + list(_TO_FOLDERS))
    if how in _TO_FILES:
        path = choose.choice(files)
        others = [file for file in files if file != path]
        said = _TO_FILES[how](choose, path, choose.choice(others))
    else:
        path = choose.choice(folders)
        others = [other for other in folders if not other.is_relative_to(path) and not path.is_relative_to(other)]
        said = _TO_FOLDERS[how](choose, path, choose.choice(others or [path]))
    return f"{path.relative_to(run)} {how} {said or ''}".strip(), "unreadable" in how


def _cut(choose: random.Random, path: Path, other: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: choose.randrange(len(content) + 1)])


def _flip(choose: random.Random, path: Path, other: Path) -> None:
    changed = bytearray(path.read_bytes() or b"\0")
    for _ in range(choose.choice((1, 1, 8))):
        changed[choose.randrange(len(changed))] ^= 1 << choose.randrange(8)
    path.write_bytes(bytes(changed))


def _fill(choose: random.Random, path: Path, other: Path) -> str:
    content = choose.choice((b"{}", b"[]", b"null", b"\x00" * 1000, b"[" * 100_000, b"\xff\xfe", choose.randbytes(99)))
    path.write_bytes(content)
    return f"with {content[:9]!r}"


def _swap(choose: random.Random, path: Path, other: Path) -> str:
    aside = path.with_name("aside")
    path.rename(aside)
    other.rename(path)
    aside.rename(other)
    return f"with {other.name} of {other.parent.name}"


def _swap_with_its_like(choose: random.Random, path: Path, other: Path) -> str:
    """Swap with what has the same name elsewhere in the run, such as another contestant's model."""
    run = next(parent for parent in path.parents if (parent / "bakeoff.yaml").exists() or parent.name == "damaged")
    like = [each for each in sorted(run.rglob(path.name)) if each != path and each.is_dir() == path.is_dir()]
    like = [each for each in like if not each.is_relative_to(path) and not path.is_relative_to(each)]
    return _swap(choose, path, choose.choice(like) if like else other)


def _copy_over(choose: random.Random, path: Path, other: Path) -> str:
    shutil.copy(other, path)
    return f"by {other.name} of {other.parent.name}"


def _add_a_line(choose: random.Random, path: Path, other: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True) or [b""]
    lines.insert(choose.randrange(len(lines)), choose.choice((b"{]\n", b"\n", lines[0])))
    path.write_bytes(b"".join(lines))


def _drop_a_line(choose: random.Random, path: Path, other: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True) or [b""]
    del lines[choose.randrange(len(lines))]
    path.write_bytes(b"".join(lines))


def _folder(choose: random.Random, path: Path, other: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(choose: random.Random, path: Path, other: Path) -> str:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    to = choose.choice((str(other), "nowhere", path.name, "/dev/zero", "/dev/null", "/etc/hostname", "/proc/self/mem"))
    path.symlink_to(to)
    return f"to {Path(to).name}"


def _pipe(choose: random.Random, path: Path, other: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _delete(choose: random.Random, path: Path, other: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _rename(choose: random.Random, path: Path, other: Path) -> None:
    path.rename(path.with_name(f"{path.name}~"))


def _unreadable(choose: random.Random, path: Path, other: Path) -> str:
    mode = choose.choice((0o000, 0o000, 0o200, 0o444))
    path.chmod(mode)
    return f"{mode:03o}"


def _replace_folder(choose: random.Random, path: Path, other: Path) -> None:
    shutil.rmtree(path)
    path.write_bytes(b"")


def _empty_folder(choose: random.Random, path: Path, other: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


def _copy_folder(choose: random.Random, path: Path, other: Path) -> str:
    """Put a copy beside it: what an unpacked archive or a sync program leaves behind."""
    name = choose.choice(
        (f"{path.name} (copy)", "repeat-7", "fold-9", "part-9", "repeat-x", "model", "trials", "stages")
    )
    if not path.with_name(name).exists():
        shutil.copytree(path, path.with_name(name), symlinks=True)
    return f"as {name}"


_Damage = Callable[[random.Random, Path, Path], str | None]
_TO_FILES: dict[str, _Damage] = {
    "cut": _cut,
    "flipped": _flip,
    "emptied": lambda choose, path, other: (path.write_bytes(b""), None)[1],
    "filled": _fill,
    "deleted": _delete,
    "renamed": _rename,
    "swapped": _swap,
    "swapped with its like": _swap_with_its_like,
    "overwritten": _copy_over,
    "given a line": _add_a_line,
    "without a line": _drop_a_line,
    "replaced by a folder": _folder,
    "replaced by a link": _link,
    "replaced by a pipe": _pipe,
    "unreadable": _unreadable,
}
_TO_FOLDERS: dict[str, _Damage] = {
    "folder deleted": _delete,
    "folder renamed": _rename,
    "folder swapped": _swap,
    "folder swapped with its like": _swap_with_its_like,
    "folder replaced by a link": _link,
    "folder replaced by a file": _replace_folder,
    "folder emptied": _empty_folder,
    "folder copied": _copy_folder,
    "folder unreadable": _unreadable,
}


# cases


def _case(choose: random.Random, place: Path, whole: Whole, interrupted: bool) -> Case:
    source = whole.interrupted if interrupted and whole.interrupted else whole.path
    copy = place / "damaged"
    shutil.copytree(source, copy)
    said: list[str] = []
    obeys = False
    for _ in range(choose.choice((1, 1, 1, 2))):
        if obeys:
            break
        try:
            what, obeys = _damage(choose, copy)
        except OSError as error:  # what was damaged before is in the way
            what = f"({error.strerror})"
        said.append(what)
    commands = list(_commands(copy, whole.path, place))
    name = choose.choice([*commands, "resume", "resume", "serve", "serve"])
    group = f"{whole.kind}, interrupted" if interrupted else whole.kind

    def work() -> Outcome:
        try:
            outcome = _try(name, copy, whole, place, obeys, interrupted, " ".join(said))
        finally:
            _make_readable(copy)
        return outcome

    return Case(group, f"{'; '.join(said)}; {name}", work)


def _make_readable(path: Path) -> None:
    for each in (path, *path.rglob("*")):
        if not each.is_symlink():
            each.chmod(0o755)


def _try(name: str, copy: Path, whole: Whole, place: Path, obeys: bool, interrupted: bool, said: str) -> Outcome:
    if name == "serve":
        typed = run_forked(lambda: _serve(copy, whole), seconds=SERVE_SECONDS, scratch=place, obeys_permissions=obeys)
        outcome = judged(typed)
        if outcome.problem or typed.code:
            return outcome
        return Outcome(*json.loads(typed.out.splitlines()[-1]))
    command: Command = ["resume", copy] if name == "resume" else _commands(copy, whole.path, place)[name]
    seconds = RESUME_SECONDS if name == "resume" else LONGEST_SECONDS
    typed = type_command(command, seconds=seconds, scratch=place, obeys_permissions=obeys)
    outcome = judged(typed)
    if outcome.problem or typed.code != 0:
        return outcome
    unlisted = f"{MANIFEST} " in said  # without it nothing is checked, as documented
    if name == "resume":
        changed = differences(measured(copy), measured(whole.path))
        changed += [] if changed else differences(concluded(copy), concluded(whole.path), "verdict")
        if changed and not unlisted:
            return Outcome("other result", f"{'; '.join(changed)[:500]}. It said: {typed.err[-500:]}")
        return outcome
    if interrupted and name in ("report", "tables", "compare"):
        return Outcome("other answer", "it has not finished, and was reported on")
    found, expected = _answer(name, typed, place), whole.expected(name)
    if found != expected and expected is not None and not unlisted:
        return Outcome("other answer", "; ".join(differences(found, expected))[:600])
    return outcome


def _serve(damaged: Path, whole: Whole) -> int:
    """Ask a server for everything about a damaged run and an intact one; print how it ended and what is wrong."""
    from fastapi.testclient import TestClient

    from bakeoff.errors import UserError
    from bakeoff.serve.app import create_app
    from bakeoff.serve.models import find_runs

    try:
        alone = find_runs([damaged])
        name = next(iter(alone))
    except UserError:
        name = ""
    runs = find_runs([whole.path, damaged])
    ours = whole.path.name
    problems: list[str] = []
    refused = 0
    with TestClient(create_app(runs), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        listed = client.get("/v1/models").json()["data"]
        texts = {"texts": TEXTS}
        prompt = {"prompt": "Once", "max_tokens": 3}
        answers: dict[str, Any] = {}
        for model in listed:
            if whole.kind in ("language-model", "prompts"):
                answer = client.post("/v1/completions", json={"model": model["id"], **prompt})
                value = answer.json().get("choices", answer.json())
            else:
                answer = client.post("/v1/classify", json={"models": [model["id"]], **texts})
                value = answer.json().get("data", [{}])
                value = value[0].get("predictions") if value else value
            refused += answer.status_code >= 400
            if answer.status_code < 400:
                answers[model["id"]] = value
            elif (model["run"] == ours and model["id"] not in _WITHOUT_MODEL) or "Internal" in answer.text:
                problems.append(f"{model['id']}: {answer.status_code} {answer.text[:200]}")
        for id, value in answers.items():
            run, _, contestant = id.partition("/")
            intact = answers.get(f"{ours}/{contestant}")
            if run != ours and intact is not None and value != intact:
                problems.append(f"{id} answers {str(value)[:200]} instead of {str(intact)[:200]}")
        missing = {f"{ours}/{each}" for each in RunFolder(whole.path).config_values()["contestants"]} - answers.keys()
        if missing - _WITHOUT_MODEL:
            problems.append(f"missing: {sorted(missing)}")
        for path in ("/v1/runs", "/metrics", *(f"/v1/runs/{run}" for run in runs)):
            answer = client.get(path)
            if answer.status_code != 200:
                problems.append(f"{path}: {answer.status_code} {answer.text[:200]}")
        for run in runs:
            answer = client.get(f"/runs/{run}/report.html")
            if answer.status_code == 500 or (answer.status_code != 200 and run == ours):
                problems.append(f"report of {run}: {answer.status_code} {answer.text[:200]}")
    print(json.dumps(["refused" if refused or not name else "done", "; ".join(problems)]))
    return 0


_WITHOUT_MODEL = {"intact/said", "intact/wild"}  # answers in a file, which has none for other texts; diverged
