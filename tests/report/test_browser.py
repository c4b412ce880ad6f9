"""Reports in a real browser: readable for everyone, in both color schemes, on a phone and at a desk."""

from __future__ import annotations

import pytest

from bakeoff.report.html import write_report
from bakeoff.runs.folder import RunFolder


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_nothing_serious_and_nothing_runs_over_the_edge(browser, run: RunFolder, colors, width) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    write_report(run)
    context = browser.new_context(color_scheme=colors, viewport={"width": width, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: complaints.append(request.url))
    page.goto(run.html_report.as_uri())

    found = axe.run(page).response["violations"]

    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == [run.html_report.as_uri()]  # the file itself: nothing is fetched
    context.close()
