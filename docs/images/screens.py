"""Take the pictures of the web page, the report and the site, and check them with axe.

    make docs
    bakeoff run sentiment
    python docs/images/screens.py bakeoff-ui runs/sentiment site > axe.md

The folder `bakeoff-ui` belongs to a `bakeoff ui`. Where it holds no bake-off yet, a table is uploaded and one is run,
which takes some minutes. Prints what axe found, as a table. Needs playwright, axe-playwright-python and a Chromium.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import http.server
import io
import json
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import sync_playwright

from bakeoff.data.raw_tables import read_raw_table

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
TEXT = "A fine film, moving and funny, if a little long"
PICTURES = {  # page, size and colors of each picture; whether it shows the whole page
    "ui-file.png": ("ui: a file", "desktop", "light", True),
    "ui-dark.png": ("ui: a verdict", "desktop", "dark", True),
    "ui-phone.png": ("ui: a verdict", "phone", "light", False),
    "report-phone.png": ("report", "phone", "light", False),
    "report-dark.png": ("report", "desktop", "dark", False),
    "site-phone.png": ("site: a tutorial", "phone", "light", False),
    "site-dark.png": ("site: start", "desktop", "dark", False),
}


def main(home: Path, run: Path, site: Path) -> None:
    """Photograph every page that is in `PICTURES`, and check all with axe, on a desktop and a phone, light and dark."""
    program = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as started, serving(home) as ui, hosted(site) as docs:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        bakeoff = made_bakeoff(browser, ui)
        pages = {
            "ui: start": f"{ui}/#/",
            "ui: a file": f"{ui}/#/files/{bakeoff['file']}",
            "ui: a verdict": f"{ui}/#/bakeoffs/{bakeoff['id']}",
            "report": (run / "report.html").resolve().as_uri(),
            "site: start": f"{docs}/",
            "site: a tutorial": f"{docs}/tutorials/sentiment/",
            "site: the config": f"{docs}/reference/config/",
        }
        print("| page | size | colors | rules that hold | critical, serious | moderate, minor |")
        print("| --- | --- | --- | ---: | ---: | --- |")
        for name, address in pages.items():
            for size, pixels in (("desktop", DESKTOP), ("phone", PHONE)):
                for colors in ("light", "dark"):
                    page: Any = browser.new_page(viewport=pixels, color_scheme=colors, bypass_csp=True)
                    page.goto(address)
                    ready(page, name)
                    for picture, (shown, its_size, its_colors, whole) in PICTURES.items():
                        if (shown, its_size, its_colors) == (name, size, colors):
                            page.screenshot(path=HERE / picture, full_page=whole)
                            Image.open(HERE / picture).convert("RGB").quantize(64).save(HERE / picture, optimize=True)
                    print(f"| {name} | {size} | {colors} | {axe(page)} |", flush=True)
                    page.close()
        browser.close()


def ready(page: Any, name: str) -> None:
    """Wait for what a page shows, and use it as a person would."""
    if name == "ui: a file":
        page.get_by_text("was measured on this machine").wait_for(timeout=300_000)
        page.get_by_label("10 minutes").check()
    elif name == "ui: a verdict":
        page.get_by_label("Text", exact=True).fill(TEXT)
        page.get_by_role("button", name="Ask", exact=True).click()
        page.get_by_text("answered.").wait_for(timeout=300_000)
        page.evaluate("scrollTo(0, 0)")
    elif name == "ui: start":
        page.locator(".cards li").first.wait_for()
    else:
        page.wait_for_load_state("networkidle")


def axe(page: Any) -> str:
    """Return the numbers of rules that hold and of violations, and which ones are moderate or minor."""
    found = Axe().run(page).response
    severe = [each["id"] for each in found["violations"] if each["impact"] in ("critical", "serious")]
    rest = [each["id"] for each in found["violations"] if each["id"] not in severe]
    return f"{len(found['passes'])} | {' '.join(severe) or 0} | {', '.join(rest) or 0}"


def made_bakeoff(browser: Any, address: str) -> dict[str, Any]:
    """Return a finished bake-off of the server, of a table as a spreadsheet in Windows exports it."""
    page = browser.new_page(viewport=DESKTOP)
    page.goto(address)
    listed = "async (kind) => (await (await fetch(`/v1/${kind}`)).json()).data"
    if not page.evaluate(listed, "bakeoffs"):
        page.locator("#file").set_input_files(
            {"name": "Reviews, spring.csv", "mimeType": "text/csv", "buffer": table()}
        )
        page.get_by_text("was measured on this machine").wait_for(timeout=300_000)
        page.get_by_role("checkbox", name="transformer").uncheck()  # it takes most of the time
        page.get_by_role("button", name="Start the bake-off").click()
        page.get_by_role("link", name="Open the report").wait_for(timeout=600_000)
    bakeoff: dict[str, Any] = page.evaluate(listed, "bakeoffs")[0]
    page.close()
    return bakeoff


def table() -> bytes:
    """Return 1,400 rows with semicolons and an old encoding, two of them the same, one without a text."""
    sentences = read_raw_table("sentence-polarity")
    everything = list(zip(sentences.column("text"), sentences.column("label"), strict=True))
    rows = random.Random(12).sample(everything, 1400)
    rows = [*rows, rows[0], ("", rows[1][1])]
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";")
    writer.writerow(["no", "review", "opinion"])
    writer.writerows((number, *row) for number, row in enumerate(rows, 1))
    return written.getvalue().encode("cp1252", "replace")


@contextlib.contextmanager
def serving(home: Path) -> Iterator[str]:
    """Yield the address of a `bakeoff ui` that works in this folder."""
    words = [sys.executable, "-m", "bakeoff", "ui", "--folder", str(home), "--port", "0", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["address"]
        process.terminate()


@contextlib.contextmanager
def hosted(site: Path) -> Iterator[str]:
    """Yield the address of a server of files."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
