"""Reports in a real browser: accessible, in both color schemes, on a phone and on a desktop."""

from __future__ import annotations

import pytest

from bakeoff.report.output import write_report
from bakeoff.runs.folder import RunFolder


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_nothing_serious_and_the_page_does_not_scroll_sideways(
    browser, run: RunFolder, colors, width
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    if not run.html_report.exists():
        write_report(run)
    context = browser.new_context(color_scheme=colors, viewport={"width": width, "height": 900})
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("request", lambda request: messages.append(request.url))
    page.goto(run.html_report.as_uri())

    violations = axe.run(page).response["violations"]

    assert [violation["id"] for violation in violations if violation["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert messages == [run.html_report.as_uri()]  # the file itself: nothing else is fetched
    context.close()
