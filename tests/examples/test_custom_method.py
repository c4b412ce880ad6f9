"""The example package is installed beside bakeoff, and everything works with its method as with a built-in one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.command import Typed, forked
from tests.processes import Forked

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "custom-method"
CONFIG = {
    "task": "classification",
    "data": {"table": "sentence-polarity", "rows": 400},
    "contestants": {"majority": {}, "nearest-centroid": {"max_words": 500}},
    "evaluation": {"resamples": 50},
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """Environment variables of processes that see the package."""
    target, source = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("source") / "custom-method"
    shutil.copytree(EXAMPLE, source)  # a build writes into its folder
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    subprocess.run([*command, "--no-deps", "--no-build-isolation", "--target", target, source], check=True)
    paths = [str(target), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.fixture(scope="module")
def typed(environment, tmp_path_factory) -> Callable[..., Typed]:
    folder = tmp_path_factory.mktemp("work")
    (folder / "films.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))

    def type_(*words: str, package: bool = True) -> Typed:
        return forked(*words, cwd=folder, env=environment if package else os.environ)

    return type_


@pytest.fixture(scope="module")
def run(typed, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "films"
    done = typed("run", "films.yaml", "-o", str(path))
    assert done.code == 0, done.err
    return path


def test_the_module_is_one_page():
    assert len((EXAMPLE / "bakeoff_nearest_centroid.py").read_text().splitlines()) <= 80


def test_it_is_planned(typed):
    done = typed("plan", "films.yaml", "--json")

    assert done.code == 0, done.err
    plan = json.loads(done.out)["contestants"][1]
    assert plan["method"] == "nearest-centroid"
    assert plan["total_parameters"] == 2 * 500


def test_it_is_run_and_its_report_and_model_card_say_what_it_is(run):
    result = json.loads((run / "contestants" / "nearest-centroid" / "result.json").read_text())
    card = (run / "contestants" / "nearest-centroid" / "model" / "README.md").read_text()

    assert result["metrics"][0]["value"] > 0.55
    assert "A nearest-centroid classifier on the TF-IDF of up to 500 words" in card
    for report in (run / "report.md", run / "report.html"):
        assert "nearest-centroid" in report.read_text()


def test_it_predicts_and_explains(typed, run):
    predicted = typed("predict", str(run), "a moving film", "--contestant", "nearest-centroid", "--json")
    explained = typed("explain", str(run), "a moving film", "--contestant", "nearest-centroid", "--json")

    assert predicted.code == explained.code == 0, predicted.err + explained.err
    (answer,) = json.loads(predicted.out)["predictions"]["nearest-centroid"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    (explanation,) = json.loads(explained.out)["explanations"]["nearest-centroid"]
    assert {word["word"] for word in explanation["words"]} == {"a", "moving", "film"}


def test_it_is_not_exported_and_says_so(typed, run, tmp_path):
    done = typed("export", str(run), "-o", str(tmp_path / "out"), "--contestant", "nearest-centroid")

    assert done.code == 2
    assert "this method has no export" in done.err


def test_a_run_is_reported_and_resumed(typed, run, tmp_path):
    path = tmp_path / "cut"
    shutil.copytree(run, path)
    result = path / "contestants" / "nearest-centroid" / "result.json"
    before = json.loads(result.read_text())
    result.unlink()  # as if killed before it was written

    resumed = typed("resume", str(path))
    reported = typed("report", str(path))

    assert resumed.code == reported.code == 0, resumed.err + reported.err
    assert json.loads(result.read_text())["metrics"] == before["metrics"]


@pytest.mark.parametrize("words", [["predict", "a film", "--contestant", "nearest-centroid"], ["resume"]])
def test_without_the_package_its_name_is_refused(typed, run, words):
    done = typed(words[0], str(run), *words[1:], package=False)

    said = " ".join(done.err.split())
    assert done.code == 2
    assert "'nearest-centroid' is not a method of task classification" in said
    assert "install that package" in said


def test_it_keeps_the_contract_of_every_method(environment):
    # Without another process' answers, which needs four seconds to start: the tests above predict in several.
    words = ["-n", "0", "tests/methods/test_contract.py", "-k", "nearest-centroid and not fresh"]
    process = Forked(pytest.main, words, cwd=REPOSITORY, env=environment)
    out, _ = process.communicate(timeout=200)

    assert process.poll() == 0, out
    assert " passed" in out


def test_the_page_about_it_shows_its_code_and_configs_that_load(environment):
    page = (REPOSITORY / "docs" / "how-to" / "add-a-method.md").read_text()
    files = "\n".join((EXAMPLE / name).read_text() for name in ("bakeoff_nearest_centroid.py", "pyproject.toml"))
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    shown = [block for language, block in blocks if language in ("toml", "python")]
    (contestants,) = [block for language, block in blocks if language == "yaml"]
    (override,) = re.findall(r"^\$ bakeoff run sentiment --set (\S+)$", page, flags=re.MULTILINE)
    code = f"""
import yaml
from bakeoff.config.load import load_config
config = {{"task": "classification", "data": {{"table": "sentence-polarity"}}, **yaml.safe_load({contestants!r})}}
print(load_config(config).contestants["sharp"].sharpness)
print(load_config("sentiment", [{override!r}]).contestants["nearest-centroid"].max_words)
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)

    assert done.stdout.split() == ["30.0", "5000"], done.stderr
    lines = [line.removesuffix(" ...") for block in shown for line in block.splitlines() if "def " not in line]
    assert [line for line in lines if line not in files] == []


def test_the_walk_of_contributing_makes_a_method_of_ones_own(tmp_path):
    page = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (walk,) = re.findall(r"^<!-- walk -->\n```sh\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    clone = tmp_path / "bakeoff"
    shutil.copytree(EXAMPLE, clone / "examples" / "custom-method")

    subprocess.run(["sh", "-ec", walk], cwd=clone, check=True)

    module = tmp_path / "my-method" / "bakeoff_my_method.py"
    assert "class MyMethodMethod" in module.read_text()
    site = tmp_path / "bakeoff_my_method-0.1.0.dist-info"
    site.mkdir()
    site.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: bakeoff-my-method\nVersion: 0.1.0\n")
    points = tomllib.loads((tmp_path / "my-method" / "pyproject.toml").read_text())["project"]["entry-points"]
    (line,) = [f"{name} = {target}" for name, target in points["bakeoff.methods"].items()]
    site.joinpath("entry_points.txt").write_text(f"[bakeoff.methods]\n{line}\n")
    paths = [str(tmp_path), str(module.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    config = {**CONFIG, "contestants": {"my-method": {"max_words": 500}}}
    (tmp_path / "films.yaml").write_text(yaml.safe_dump(config))
    done = forked("run", "films.yaml", cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    assert done.code == 0, done.err
    assert "my-method" in done.out
