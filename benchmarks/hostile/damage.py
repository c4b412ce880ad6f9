"""Damaged run folders: files truncated, flipped, replaced, deleted, swapped; every command on each of them."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bakeoff.runs.checksums import MANIFEST
from bakeoff.serve.errors import ApiError
from bakeoff.serve.models import Models, find_runs
from bakeoff.serve.progress import run_view
from hostile.cases import Case, Typed, judged, type_command
from hostile.runs import KINDS, differences, measured, write_config

TEXTS = ["a fine and moving film", "dull, long and badly made"]
_KINDS = ("classifiers", "repeats", "language-model")
_TIMES = {"seconds", "tokens_per_second", "preparing_seconds"}


def damaged_runs(choose: random.Random, folder: Path) -> Iterator[Case]:
    """Yield cases without end."""
    whole: dict[str, Path] = {}
    expected: dict[tuple[str, str], Any] = {}
    for kind in _KINDS:
        (folder / kind).mkdir()
        config = write_config(KINDS[kind], folder / kind)
        whole[kind] = folder / kind / "run"
        typed = type_command(["run", config, "-o", whole[kind]], seconds=300)
        assert typed.code == 0, typed.err
        for name, command in _commands(whole[kind], kind).items():
            expected[kind, name] = _answer(type_command(command, seconds=60))
    number = 0
    while True:
        number += 1
        kind = choose.choice(_KINDS)
        copy = folder / "copies" / f"{number}"
        shutil.copytree(whole[kind], copy)
        said = [_damage(choose, copy) for _ in range(choose.choice((1, 1, 1, 2)))]
        commands: dict[str, list[str | Path]] = {
            **_commands(copy, kind),
            "resume": ["resume", copy],
            "report": ["report", copy],
            "compare": ["compare", copy, whole[kind]],
            "serve": [],
        }
        name = choose.choice(list(commands))
        yield Case(
            f"{kind}: {'; '.join(said)}; {name}",
            _work(name, commands[name], copy, whole[kind], expected.get((kind, name)), " ".join(said)),
        )
        shutil.rmtree(copy, ignore_errors=True)


def _commands(run: Path, kind: str) -> dict[str, list[str | Path]]:
    if kind == "language-model":
        return {
            "generate": ["generate", run / "contestants" / "full", "Once", "--max-new-tokens", "3", "--json"],
            "adapter": ["generate", run / "contestants" / "lora", "Once", "--max-new-tokens", "3", "--json"],
        }
    return {"predict": ["predict", run, *TEXTS, "--json"], "explain": ["explain", run, TEXTS[0], "--json"]}


def _answer(typed: Typed) -> Any:
    """Return the JSON that a command printed, without times and the name of the folder."""
    if typed.code != 0:
        return typed.err
    return {key: value for key, value in json.loads(typed.out).items() if key not in _TIMES | {"model"}}


def _damage(choose: random.Random, run: Path) -> str:
    files = sorted(path for path in run.rglob("*") if path.is_file())
    path = choose.choice(files)
    content = path.read_bytes()
    how = choose.choice(("truncated", "flipped", "replaced", "deleted", "swapped", "folder", "unreadable line"))
    path.unlink()
    if how == "truncated":
        path.write_bytes(content[: choose.randrange(len(content) + 1)])
    elif how == "flipped" and content:
        changed = bytearray(content)
        for _ in range(choose.choice((1, 1, 8))):
            changed[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
        path.write_bytes(bytes(changed))
    elif how == "replaced":
        path.write_bytes(
            choose.choice((b"", b"{}", b"[]", b"null", b"\x00" * 1000, b"[" * 100_000, choose.randbytes(99)))
        )
    elif how == "swapped":
        shutil.copy(choose.choice([file for file in files if file != path]), path)
    elif how == "folder":
        path.mkdir()
    elif how == "unreadable line":
        lines = content.splitlines(keepends=True) or [b""]
        lines.insert(choose.randrange(len(lines)), b"{]\n")
        path.write_bytes(b"".join(lines))
    return f"{path.relative_to(run)} {how}"


def _work(
    name: str, command: list[str | Path], run: Path, whole: Path, expected: Any, said: str
) -> Callable[[], tuple[str, str]]:
    def work() -> tuple[str, str]:
        if name == "serve":
            return _serve(run, whole)
        typed = type_command(command, seconds=60 if name == "resume" else 20)
        ending, problem = judged(typed)
        if problem or typed.code != 0:
            return ending, problem
        if expected is not None and (found := _answer(typed)) != expected:
            return "other answer", f"it answered {str(found)[:300]} instead of {str(expected)[:300]}"
        unlisted = f"{MANIFEST} deleted" in said or "README" in said or "report." in said
        if name == "resume" and not unlisted and (changed := differences(measured(run), measured(whole))):
            return "other result", "; ".join(changed)[:500]
        return ending, ""

    return work


def _serve(run: Path, whole: Path) -> tuple[str, str]:
    """Load all models of a damaged run and an intact one: the latter must not suffer."""
    runs = find_runs([run, whole])
    models = Models(runs)
    refused = 0
    for served in runs.values():
        run_view(served)
    for model in models.listed():
        try:
            models.language_model(model) if model.result.task == "language-model" else models.classifier(model)
        except ApiError as error:
            refused += 1
            if model.run == whole.name:
                return "took the others down", str(error)
    return "refused in a sentence" if refused else "done", ""
