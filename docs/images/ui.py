"""Take the pictures of `bakeoff ui` in docs/how-to/web-page.md: python docs/images/ui.py ADDRESS docs/images

ADDRESS is that of a server with a file 1 and a finished bake-off 1. Needs playwright and a Chromium that is installed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TEXT = "A fine film, moving and funny, if a little long"


def main(address: str, folder: Path) -> None:
    """Photograph a file in a light browser, and its verdict in a dark one and on a phone."""
    program = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])

        def opened(view: str, width: int, height: int, colors: Any) -> Any:
            size: Any = {"width": width, "height": height}
            page = browser.new_page(viewport=size, color_scheme=colors)
            page.goto(f"{address}/#/{view}")
            return page

        page = opened("files/1", 1100, 900, "light")
        page.get_by_text("was measured on this machine").wait_for(timeout=300_000)
        page.get_by_label("10 minutes").check()
        page.screenshot(path=folder / "ui-file.png", full_page=True)
        for name, width, height, colors in (("ui-dark.png", 1100, 1300, "dark"), ("ui-phone.png", 390, 844, "light")):
            page = opened("bakeoffs/1", width, height, colors)
            page.get_by_label("Text", exact=True).fill(TEXT)
            page.get_by_role("button", name="Ask", exact=True).click()
            page.get_by_text("answered.").wait_for(timeout=300_000)
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=folder / name)
        browser.close()
    for picture in folder.glob("ui-*.png"):
        Image.open(picture).convert("RGB").quantize(64).save(picture, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
