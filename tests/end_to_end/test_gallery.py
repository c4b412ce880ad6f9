"""The gallery shows the configs that are there, each with its report. `make gallery` makes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bakeoff import load_config

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "gallery.md").read_text(encoding="utf-8")
CONFIGS = sorted((DOCS / "gallery").glob("*.yaml"))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.stem)
def test_a_config_of_the_gallery_loads_and_is_shown_with_its_report(config: Path) -> None:
    load_config(config)
    assert f"```yaml\n{config.read_text(encoding='utf-8').strip()}\n```" in PAGE
    assert f"(gallery/{config.stem}.html)" in PAGE


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.stem)
def test_a_report_of_the_gallery_is_small_says_what_the_page_says_and_names_no_folder_of_its_machine(
    config: Path,
) -> None:
    report = config.with_suffix(".html").read_text(encoding="utf-8")
    assert len(report) < 400_000
    assert not re.search(r"(?<![\w.<])/(?:home|root|tmp|work|Users)/", report)
    verdict = PAGE[PAGE.index(f"{config.read_text(encoding='utf-8').strip()}\n```") :]
    (summary, *_) = re.findall(r"^> (.+)$", verdict, re.M)
    assert summary in report.replace("\u00a0", " ")
