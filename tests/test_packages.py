"""A missing optional package is one clear sentence, with what to type."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from bakeoff import packages
from bakeoff.errors import UserError
from tests.command import refused

ROOT = Path(__file__).parents[1]


def hide(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


@pytest.mark.parametrize("extra", packages.EXTRAS)
def test_what_is_missing_and_how_to_install_it(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, *packages.EXTRAS[extra])

    with pytest.raises(UserError) as error:
        packages.require(extra, "This feature", "Or do without.")

    assert error.value.message.startswith("This feature needs ")
    assert error.value.hint == f"Install with: pip install 'bakeoff[{extra}]'\nOr do without."


def test_only_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    packages.require("serve", "bakeoff serve")

    hide(monkeypatch, "prometheus_client")
    with pytest.raises(UserError, match="bakeoff serve needs prometheus-client, which is not installed"):
        packages.require("serve", "bakeoff serve")


def test_serve_without_its_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hide(monkeypatch, "fastapi", "uvicorn")

    said = refused("serve", tmp_path)

    assert said == (
        "Error: bakeoff serve needs fastapi and uvicorn, which are not installed.\n"
        "Install with: pip install 'bakeoff[serve]'\n"
    )


def test_a_gguf_file_without_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hide(monkeypatch, "gguf")
    (tmp_path / "model.gguf").write_bytes(b"GGUF")

    said = refused("generate", tmp_path / "model.gguf", "Once")

    assert "Reading GGUF files needs gguf, which is not installed." in said
    assert "pip install 'bakeoff[gguf]'" in said


def test_the_extras_are_those_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]

    assert set(packages.EXTRAS) <= set(extras)
    assert extras["all"] == [f"bakeoff[{','.join(packages.EXTRAS)}]"]
    distributions = packages_distributions()
    for extra, modules in packages.EXTRAS.items():
        named = {requirement.split(">=")[0].lower().replace("_", "-") for requirement in extras[extra]}
        for module in modules:
            names = distributions.get(module, [module])
            # mlflow-skinny, which tests use, is mlflow without its server.
            plain = {name.lower().replace("_", "-").removesuffix("-skinny") for name in names}
            assert named & plain, (extra, module)


def test_no_optional_package_is_imported_by_a_module_that_others_need() -> None:
    """Only functions import them, the modules of `bakeoff serve` and `bakeoff ui`, and what an ONNX export copies."""
    optional = {module for modules in packages.EXTRAS.values() for module in modules}
    source = ROOT / "src" / "bakeoff"
    wrong = [
        f"{path.relative_to(source)}: {name}"
        for path in source.rglob("*.py")
        if path.parent.name not in ("serve", "ui") and path.name != "standalone.py"
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        for name in imported(node)
        if name.split(".")[0] in optional
    ]

    assert wrong == []


def imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []


def test_the_page_on_installing_names_every_extra() -> None:
    page = (ROOT / "docs" / "how-to" / "install.md").read_text(encoding="utf-8")

    named = {name for line in page.splitlines() if line.startswith("| `") for name in line.split("|")[1].split("`")}
    assert {*packages.EXTRAS} - {"openvino"} <= named  # which the row of `onnx` explains
