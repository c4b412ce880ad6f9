"""Take the picture of a report that the README shows: python docs/images/report.py RUN docs/images/report.png

Needs playwright and a Chromium that is installed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main(run: Path, picture: Path) -> None:
    """Photograph the first screen of the report of a finished run."""
    program = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 880}, device_scale_factor=1.5)
        page.goto((run / "report.html").resolve().as_uri())
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
