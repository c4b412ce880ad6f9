"""The house: a part imports its own layer and those below, and the command starts without loading torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "bakeoff"
LAYERS = [
    {"errors"},
    {"config"},
    {"runs"},
    {"machine"},
    {"data", "evaluation", "training"},
    {"pretrained"},
    {"classify", "lm"},
    {"absolute_paths", "report"},
    {"comparing", "planner", "runner", "serve"},
    {"cli"},
]
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}
APART = {
    ("classify", "lm"),
    ("lm", "classify"),
    ("data", "training"),
    ("evaluation", "data"),
    ("evaluation", "training"),
}


def part_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    parts = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "bakeoff":
            parts |= {node.module.split(".")[1]} if "." in node.module else {alias.name for alias in node.names}
    return parts


def test_nothing_below_imports_something_above():
    wrong = [
        f"{path.relative_to(SOURCE)} imports {part}"
        for path in SOURCE.rglob("*.py")
        if path.parent != SOURCE or path.name not in ("__init__.py", "__main__.py")
        for part in imported_parts(path)
        if RANK[part] > RANK[part_of(path)] or (part_of(path), part) in APART
    ]

    assert wrong == []


def test_no_module_is_swollen():
    lengths = {path.relative_to(SOURCE): len(path.read_text().splitlines()) for path in SOURCE.rglob("*.py")}

    assert {path: length for path, length in lengths.items() if length > 300 and path.name != "schema.py"} == {}


def test_help_needs_no_heavy_library():
    code = (
        "import sys, bakeoff, bakeoff.cli.main\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'matplotlib', 'datasets', 'pandas'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert found.stderr.strip() == ""
