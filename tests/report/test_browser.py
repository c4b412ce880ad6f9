"""Reports in a real browser: accessible, in both color schemes, on a phone and on a desktop."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageColor

from bakeoff.report.drawing import SERIES
from bakeoff.report.loaded import load_run
from bakeoff.report.output import write_report
from bakeoff.report.paper import results_sentence
from bakeoff.report.safe_text import visible
from bakeoff.runs.folder import RunFolder


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_nothing_and_the_page_does_not_scroll_sideways(browser, run: RunFolder, colors, width) -> None:
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

    assert [violation["id"] for violation in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert messages == [run.html_report.as_uri()]  # the file itself: nothing else is fetched
    context.close()


def test_every_plot_can_be_saved_and_the_sentence_copied(browser, classification_run: RunFolder) -> None:
    """Without network, under the page's policy, in dark mode: the files are those of the light mode."""
    run = classification_run
    if not run.html_report.exists():
        write_report(run)
    context = browser.new_context(color_scheme="dark", permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(run.html_report.as_uri())
    plots = page.locator("svg.plot").evaluate_all("plots => plots.map((plot) => plot.dataset.name)")

    assert plots[0] == "intervals"
    assert page.locator("figure .buttons button").all_text_contents() == ["SVG", "PNG"] * len(plots)
    svg, name = _saved(page, f"SVG: {plots[0]}")
    assert name == f"{plots[0]}.svg"
    root = ElementTree.fromstring(svg)
    assert SERIES[0].encode() in svg
    assert b"var(" not in svg
    assert b"currentColor" not in svg
    assert root.attrib["width"].endswith("pt")
    png, name = _saved(page, f"PNG: {plots[0]}")
    assert name == f"{plots[0]}.png"
    image = Image.open(io.BytesIO(png)).convert("RGB")
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    assert image.size == pytest.approx((width * 300 / 72, height * 300 / 72), abs=1)
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert ImageColor.getrgb(SERIES[0]) in {color for _, color in image.getcolors(maxcolors=1 << 20)}

    page.get_by_text("One sentence for a paper").click()
    page.get_by_role("button", name="Copy: the sentence for a paper").click()
    page.get_by_role("button", name="Copy: the sentence for a paper").get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == visible(results_sentence(load_run(run)))
    page.get_by_text("The metrics in LaTeX, Markdown and CSV").click()
    page.get_by_role("button", name="Copy: the table in LaTeX").click()
    page.get_by_role("button", name="Copy: the table in LaTeX").get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").endswith("\\end{table}")
    assert messages == []
    context.close()


def _saved(page, label: str) -> tuple[bytes, str]:
    with page.expect_download() as started:
        page.get_by_role("button", name=label, exact=True).click()
    return Path(started.value.path()).read_bytes(), started.value.suggested_filename
