"""The page in a real browser: from the file to the verdict, with a server that is killed in between."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import signal
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import bakeoff
from tests.command import start
from tests.serve.servers import until
from tests.serve.test_page import opened
from tests.ui.conftest import FakeProcesses, planned, reviews, running

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
DROP = """([name, content]) => {
  const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name));
  const options = { dataTransfer: data, bubbles: true, cancelable: true };
  for (const kind of ["dragover", "drop"]) document.querySelector(".drop").dispatchEvent(new DragEvent(kind, options));
}"""


class Server:
    """`bakeoff ui` in a process of its own, which can be killed and started again at the same address.

    BAKEOFF_COMMAND names another bakeoff than that of this checkout, such as one that was installed from a wheel.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        command = os.environ.get("BAKEOFF_COMMAND")
        self._command = command and str(Path(shutil.which(command) or command).absolute())
        self._process: subprocess.Popen[str] | None = None
        self.address = self.start(0)

    def start(self, port: int) -> str:
        words = ["ui", "--folder", str(self._folder), "--port", str(port), "--json"]
        if self._command:
            elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            self._process = subprocess.Popen(
                [self._command, *words], stdout=subprocess.PIPE, text=True, cwd=self._folder.parent, env=elsewhere
            )
        else:
            self._process = start(*words)
        assert self._process.stdout is not None
        return str(json.loads(self._process.stdout.readline())["address"])

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()

    def start_again(self) -> None:
        assert self.start(int(self.address.rpartition(":")[2])) == self.address


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "home")
    yield server
    server.kill()
    for record in (tmp_path / "home").glob("files/*/about.json"):  # forecasts that nobody waits for
        if process := json.loads(record.read_text())["forecast"]:
            os.kill(process["pid"], signal.SIGKILL) if Path(f"/proc/{process['pid']}").exists() else None


def test_from_a_file_to_the_verdict_through_a_killed_server(browser: Any, server: Server, tmp_path: Path) -> None:
    opening = opened(browser, server.address, accept_downloads=True)
    with opening as page:
        page.evaluate(DROP, ["Bewertungen März.csv", base64.b64encode(reviews(200)).decode()])
        page.get_by_role("heading", name="Who competes").wait_for()
        assert page.get_by_text('semicolons, quotes ", header, windows-1252').is_visible()
        assert page.get_by_role("button", name="Text: Bewertung").get_attribute("aria-pressed") == "true"
        assert page.get_by_role("button", name="Label: Urteil").get_attribute("aria-pressed") == "true"
        for box in page.get_by_role("checkbox").all():
            box.set_checked(box.get_attribute("value") in ("majority", "linear"))
        page.get_by_role("button", name="Start the bake-off").click()
        page.get_by_role("button", name="Stop").wait_for()

        server.kill()
        page.get_by_text("The server does not respond.").wait_for()
        server.start_again()

        page.get_by_role("link", name="Open the report").wait_for()
        assert not page.locator("#problem").is_visible()
        assert page.locator(".headline").inner_text().startswith("linear is best: accuracy")
        row = page.get_by_role("row", name="linear recommended")
        assert row.get_by_role("cell").all_inner_texts()[-1].endswith(" s")

        page.get_by_label("Text", exact=True).fill("Das Frühstück war <b>wunderbar</b>")
        page.get_by_role("button", name="Ask", exact=True).click()
        page.get_by_text("2 answered.").wait_for()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the winner").click()
        zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())).extractall(tmp_path / "taken")
        (taken,) = bakeoff.load_classifier(tmp_path / "taken" / "linear").predict(
            ["Das Frühstück war <b>wunderbar</b>"]
        )
        answer = page.get_by_role("article", name="linear")
        assert answer.locator(".answer-label").inner_text() == taken.label == "gut"
        assert f"{taken.probability:.4f}" in answer.inner_text()
        (command,) = page.locator(".repeat code").all_inner_texts()
        assert command == f"bakeoff run {tmp_path}/home/runs/1/bakeoff.yaml -o again"

        page.get_by_role("link", name="Open the report").click()
        page.get_by_role("heading", name="Verdict").wait_for()
        opening.complaints = [each for each in opening.complaints if "Failed to load resource" not in each]
    files = json.loads((tmp_path / "home" / "runs" / "1" / "run" / "data.json").read_text())["files"]
    assert list(files) == [str(tmp_path / "home" / "files" / "1" / "content.csv")]


def test_pasted_rows_and_a_click_on_another_column(browser: Any, client: httpx.Client) -> None:
    rows = [f"{row}\tA fine line {row}\t{'ab'[row % 2]}\t{'xy'[row // 2 % 2]}" for row in range(40)]
    with opened(browser, str(client.base_url)) as page:
        page.get_by_text("Or paste rows").click()
        page.get_by_label("Rows, with the names").fill("\n".join(["id\twords\tkind\tside", *rows]))
        page.get_by_role("button", name="Look at these rows").click()
        page.get_by_text("2 classes in kind").wait_for()
        page.get_by_role("button", name="Label: side").click()
        page.get_by_text("2 classes in side").wait_for()
        assert page.get_by_role("button", name="Label: kind").get_attribute("aria-pressed") == "false"
        assert page.get_by_role("button", name="Label: side").evaluate("each => each === document.activeElement")
        page.get_by_role("button", name="Label: id").click()
        page.get_by_text("has 40 different values").wait_for()
        page.reload()
        page.get_by_text("has 40 different values").wait_for()
        for name in ("Text: words", "Label: id"):
            assert page.get_by_role("button", name=name).get_attribute("aria-pressed") == "true"
        assert not page.get_by_role("button", name="Start").is_visible()
        page.get_by_role("button", name="Label: kind").click()
        page.get_by_text("2 classes in kind").wait_for()


def test_classes_that_are_numbers_are_shown_by_their_rows(browser: Any, client: httpx.Client) -> None:
    rows = [f"A fine line {row} of it\t{int(row % 10 > 0)}" for row in range(100)]
    table = "\n".join(["text\tlabel", *rows]).encode()
    file = client.post("/v1/files", params={"name": "a.tsv"}, content=table).json()["id"]
    with opened(browser, f"{client.base_url}/#/files/{file}") as page:
        page.get_by_text("2 classes in label").wait_for()
        assert page.locator(".classes li").all_inner_texts() == ["1\n90 · 90.0%", "0\n10 · 10.0%"]
        bars = page.locator(".classes .bar > div").all()
        assert [bar.evaluate("each => each.style.width") for bar in bars] == ["100%", "11.1111%"]


def test_shares_of_labels_are_those_of_the_texts(browser: Any, client: httpx.Client) -> None:
    rows = [f"A fine line about things {row},{row & 1},{int(row % 4 > 0)}" for row in range(80)]
    table = "\n".join(["text,news,war", *rows, ",1,1"]).encode()  # the last has no text
    file = client.post("/v1/files", params={"name": "a.csv"}, content=table).json()["id"]
    with opened(browser, f"{client.base_url}/#/files/{file}") as page:
        page.get_by_role("heading", name="2 labels, of which a text can have several").wait_for()
        assert page.locator(".classes li").all_inner_texts() == ["war\n60 · 75.0%", "news\n40 · 50.0%"]
        page.get_by_text("81, 1 of them not used").wait_for()


def test_settings_the_config_and_a_file_that_is_deleted(
    browser: Any, client: httpx.Client, fake: FakeProcesses, tmp_path: Path
) -> None:
    file = client.post("/v1/files", params={"name": "a.csv"}, content=reviews()).json()["id"]
    with opened(browser, f"{client.base_url}/#/files/{file}") as page:
        page.get_by_role("checkbox", name="corrector").uncheck()
        page.get_by_role("checkbox", name="ensemble").uncheck()
        page.get_by_text("How they are compared").click()
        page.get_by_text("The config that will run", exact=True).click()
        page.get_by_label("Tested on").select_option("20% of the rows")
        page.get_by_text("on 20% of the rows, drawn at random, by accuracy, after 30 passes").wait_for()
        page.get_by_label("Decided by").select_option("macro-F1")
        page.get_by_text("by macro-F1").wait_for()
        page.get_by_label("Passes over").fill("4")
        page.get_by_label("Passes over").press("Enter")  # does not start it
        page.get_by_text("after 4 passes").wait_for()
        page.get_by_text("budget: {epochs: 4}").wait_for()
        shown = page.locator(".spec code").inner_text()
        assert "test: 0.2" in shown
        assert "evaluation: {metric: macro_f1}" in shown
        assert "corrector:" not in shown
        page.get_by_text("Settings of the contestants").click()
        page.locator("#set-linear-ngrams").select_option("words")
        page.get_by_text("linear: ngrams words").wait_for()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
        page.locator("#set-linear-max_ngram").fill("2")
        page.locator("#set-linear-max_ngram").press("Enter")
        page.get_by_text("linear: {ngrams: words, max_ngram: 2}").wait_for()
        page.locator("#set-linear-inverse_regularization").fill(".5")  # no number in JSON
        page.locator("#set-linear-inverse_regularization").press("Enter")
        page.get_by_text("inverse_regularization: 0.5}").wait_for()
        assert len(asked) == 2  # once for each: Enter ends a change, and leaving the field is no other one
        page.reload()
        page.get_by_text("by macro-F1, after 4 passes").wait_for()
        page.get_by_role("button", name="Label: Nr").click()
        page.get_by_role("button", name="Undo").click()
        page.get_by_text("by macro-F1, after 4 passes").wait_for()

        page.get_by_role("button", name="Delete a.csv").click()
        assert page.evaluate("document.activeElement.textContent") == "Keep"
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Delete a.csv").click()
        page.get_by_role("dialog", name="Delete a.csv?").get_by_role("button", name="Delete").click()
        page.get_by_text("Drop a file here").wait_for()
    assert fake.of("run") == []
    assert list((tmp_path / "home" / "files" / file).iterdir()) == []


def test_what_is_changed_during_a_look_is_kept(browser: Any, client: httpx.Client, looking: threading.Event) -> None:
    file = client.post("/v1/files", params={"name": "a.csv"}, content=reviews()).json()["id"]
    with opened(browser, f"{client.base_url}/#/files/{file}") as page:
        page.get_by_text("How they are compared").click()
        page.get_by_text("Settings of the contestants").click()
        looking.clear()
        for name, value in {"max_ngram": "2", "inverse_regularization": ".5"}.items():
            page.locator(f"#set-linear-{name}").fill(value)
            with page.expect_request("**/choices"):
                page.locator(f"#set-linear-{name}").press("Enter")
        page.locator("#set-corrector-dropout").fill("0.1")
        looking.set()
        page.get_by_text("linear: max ngram 2, linear: inverse regularization 0.5").wait_for()
        page.keyboard.type("5")
        page.keyboard.press("Enter")
        page.get_by_text("corrector: dropout 0.15").wait_for()

        looking.clear()
        with page.expect_request("**/choices"):
            page.get_by_label("Decided by").select_option("macro-F1")
        page.get_by_label("Passes over").fill("1")
        looking.set()
        page.locator(".how .summary").get_by_text("by macro-F1").wait_for()
        page.keyboard.type("2")
        page.keyboard.press("Enter")
        page.get_by_text("after 12 passes").wait_for()


def test_the_config_is_asked_for_when_it_changes(browser: Any, client: httpx.Client) -> None:
    file = client.post("/v1/files", params={"name": "a.csv"}, content=reviews()).json()["id"]
    with opened(browser, f"{client.base_url}/#/files/{file}") as page:
        page.get_by_text("The config that will run", exact=True).click()
        page.locator(".spec code").get_by_text("ensemble:").wait_for()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/config?" in request.url else None)
        for _ in range(2):  # while the forecast is measured
            with page.expect_response("**/forecast"):
                pass
        assert asked == []
        with page.expect_response("**/config?**") as answer:
            page.locator("[name=contestant][value=ensemble]").uncheck()
        assert "ensemble:" not in answer.value.json()["yaml"]


def test_who_was_left_out_stays_out_until_the_times_are_others(
    browser: Any, client: httpx.Client, fake: FakeProcesses, tmp_path: Path
) -> None:
    file = client.post("/v1/files", params={"name": "a.csv"}, content=reviews()).json()["id"]
    client.get(f"/v1/files/{file}")
    fake.alive.clear()
    plan = tmp_path / "home" / "files" / file / "plan.json"
    plan.write_text(planned({"majority": 1.0, "linear": 20.0, "corrector": 90.0}).model_dump_json())
    with opened(browser, f"{client.base_url}/#/files/{file}") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "minutes" in request.url else None)
        page.get_by_text("was measured on this machine").wait_for()
        page.get_by_role("radio", name="10 minutes").check()
        page.get_by_text("3 contestants, about").wait_for()
        page.get_by_role("checkbox", name="corrector").uncheck()
        page.get_by_text("How they are compared").click()
        for metric in ("macro-F1", "accuracy"):  # for which nothing is measured again
            with page.expect_response("**/forecast"):
                page.get_by_label("Decided by").select_option(metric)
            page.locator(".how .summary").get_by_text(f"by {metric}").wait_for()
        assert len(asked) == 1
        assert not page.get_by_role("checkbox", name="corrector").is_checked()

        plan.write_text(planned({"majority": 1.0, "linear": 20.0, "corrector": 700.0}).model_dump_json())
        with page.expect_response("**/forecast?minutes=10"):
            page.get_by_label("Decided by").select_option("macro-F1")


def test_a_time_that_is_chosen_during_a_look_counts_after_it(
    browser: Any, client: httpx.Client, fake: FakeProcesses, looking: threading.Event, tmp_path: Path
) -> None:
    id = client.post("/v1/files", params={"name": "a.csv"}, content=reviews()).json()["id"]
    client.get(f"/v1/files/{id}")
    folder = tmp_path / "home" / "files" / id
    times = planned({"majority": 1.0, "linear": 20.0, "corrector": 400.0}).model_dump_json()

    def measured() -> None:
        (folder / "plan.json").write_text(times)
        fake.alive.clear()

    measured()
    with opened(browser, f"{client.base_url}/#/files/{id}") as page:
        page.get_by_text("was measured on this machine").wait_for()
        page.get_by_text("How they are compared").click()
        linear = page.locator("[name=contestant][value=linear]")
        for label, value, minutes, fits in (("Decided by", "macro_f1", 10, 3), ("Each is trained", "3", 5, 2)):
            linear.uncheck()
            looking.clear()
            page.get_by_label(label).select_option(value)
            until(lambda: not (folder / "look.json").exists())
            with page.expect_response("**/forecast?minutes=*"):
                page.get_by_role("radio", name=f"{minutes} minutes", exact=True).check()
            page.wait_for_timeout(200)  # for a tick, if there were one
            assert not linear.is_checked()
            assert not page.locator("#problem").is_visible()
            looking.set()
            until((folder / "look.json").exists)
            measured()
            page.locator("[value=linear]:checked").wait_for()
            assert page.locator("[name=contestant]:checked").count() == fits


def test_a_bake_off_starts_once(browser: Any, client: httpx.Client, fake: FakeProcesses) -> None:
    file = client.post("/v1/files", params={"name": "a.csv"}, content=reviews()).json()["id"]
    with opened(browser, f"{client.base_url}/#/files/{file}") as page:
        held: list[Any] = []
        page.route(
            "**/v1/bakeoffs", lambda route: held.append(route) if route.request.method == "POST" else route.continue_()
        )
        page.get_by_role("button", name="Start the bake-off").click()
        for _ in range(2):  # before and after the page asks for the forecast, which is still measured
            page.get_by_role("checkbox", name="majority").press("Control+Enter")
            with page.expect_response("**/forecast"):
                pass
        assert page.get_by_role("button", name="Start the bake-off").is_disabled()
        assert len(held) == 1
        held[0].continue_()
        page.get_by_role("button", name="Stop").wait_for()
    assert len(fake.of("run")) == 1


def test_it_starts_with_the_number_in_the_field(browser: Any, client: httpx.Client, tmp_path: Path) -> None:
    file = client.post("/v1/files", params={"name": "a.csv"}, content=reviews()).json()["id"]
    opening = opened(browser, f"{client.base_url}/#/files/{file}")
    with opening as page:
        page.get_by_text("How they are compared").click()
        page.get_by_label("Passes over").fill("4")
        page.get_by_label("Passes over").press("Control+Enter")
        page.get_by_role("button", name="Stop").wait_for()
        (config,) = (tmp_path / "home" / "runs").glob("*/bakeoff.yaml")
        assert "budget: {epochs: 4}" in config.read_text()

        page.goto(f"{client.base_url}/#/files/{file}")
        page.get_by_text("How they are compared").click()
        page.get_by_label("Passes over").fill("5")
        page.route("**/choices", lambda route: route.fulfill(status=400, json={"error": {"message": "Not now."}}))
        page.get_by_label("Passes over").press("Control+Enter")
        page.get_by_text("Not now.").wait_for()
        page.unroute("**/choices")
        page.get_by_role("button", name="Start the bake-off", disabled=False).click()
        page.get_by_text("Waiting for its turn").wait_for()
        opening.complaints = [each for each in opening.complaints if "400" not in each]
    assert "budget: {epochs: 5}" in (tmp_path / "home" / "runs" / "2" / "bakeoff.yaml").read_text()


def test_what_is_dropped_and_cannot_be_taken(browser: Any, client: httpx.Client) -> None:
    opening = opened(browser, str(client.base_url))
    with opening as page:
        for name, content, said in (
            ("paper.pdf", b"%PDF", "Files like paper.pdf cannot be read."),
            ("empty.csv", b"", "The file is empty."),
        ):
            page.evaluate(DROP, [name, base64.b64encode(content).decode()])
            page.get_by_text(said).wait_for()
        page.get_by_text("Up to 200 MB and 500,000 rows").wait_for()
        page.evaluate(
            """() => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(210_000_000)], "huge.csv"));
              document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
            }"""
        )
        page.get_by_text("huge.csv has 210 MB, and this page takes up to 200 MB.").wait_for()
        page.evaluate(DROP, ["one.csv", base64.b64encode(b"text,label\n" + b"A fine one here,a\n" * 30).decode()])
        page.get_by_role("heading", name="one.csv").wait_for()
        page.get_by_text("has one class only").wait_for()
        assert page.get_by_role("button", name="Undo").count() == 0  # nobody has decided anything
        opening.complaints = [each for each in opening.complaints if "400" not in each]


def test_waiting_stopping_and_going_on(browser: Any, client: httpx.Client, fake: FakeProcesses) -> None:
    file = client.post("/v1/files", params={"name": "a.csv"}, content=reviews()).json()["id"]
    for _ in range(2):
        client.post("/v1/bakeoffs", json={"file": file, "contestants": ["majority", "linear"]})
    with opened(browser, str(client.base_url)) as page:
        page.locator(".bakeoffs li").nth(0).get_by_text("Waiting for its turn, after 1 other").wait_for()
        page.locator(".bakeoffs li").nth(0).get_by_role("link").click()
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("Stopped, 0 of 2 contestants finished.").wait_for()
        page.get_by_role("button", name="Resume").click()
        page.get_by_text("Waiting for its turn").wait_for()
        page.goto(f"{client.base_url}/#/files/{file}")
        page.get_by_role("button", name="Measure again").click()
        page.get_by_text("A bake-off was running meanwhile").wait_for()
        page.go_back()
        fake.alive.clear()
        page.get_by_text("Reading the data.").wait_for()
        page.get_by_role("link", name="bakeoff", exact=True).click()
        page.get_by_text("It could not go on").wait_for()


def test_who_leaves_a_bake_off_stops_its_answers(browser: Any, finished: Path, fake: FakeProcesses) -> None:
    with running(finished) as client, opened(browser, f"{client.base_url}/#/bakeoffs/1") as page:
        page.get_by_label("Text", exact=True).wait_for()
        page.evaluate(
            """() => {
              window.stopped = [];
              window.fetch = (path, { signal }) =>
                new Promise(() => signal?.addEventListener("abort", () => window.stopped.push(path)));
              for (const form of document.querySelectorAll(".classify form, .write form")) {
                form.querySelector("textarea").value = "Once";
                form.requestSubmit();
              }
            }"""
        )
        page.get_by_role("link", name="bakeoff", exact=True).click()
        page.get_by_text("Drop a file here").wait_for()
        assert set(page.evaluate("window.stopped")) == {"/v1/classify", "/v1/completions"}


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_everyone_can_read_it(browser: Any, finished: Path, fake: FakeProcesses, colors: str, size: dict) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with running(finished) as client:
        file = client.post("/v1/files", params={"name": f"{'long' * 30}.csv"}, content=reviews()).json()["id"]
        with opened(browser, str(client.base_url), color_scheme=colors, viewport=size, bypass_csp=True) as page:
            for address, ready in {
                "#/": ".cards li",
                f"#/files/{file}": ".contestants li",
                "#/bakeoffs/1": ".why .line",
            }.items():
                page.goto(f"{client.base_url}/{address}")
                page.locator(ready).first.wait_for()
                if "bakeoffs" in address:
                    page.get_by_label("Text", exact=True).fill("Das Frühstück war süß")
                    page.get_by_role("button", name="Ask", exact=True).click()
                    page.get_by_text("2 answered.").wait_for()
                violations = Axe().run(page).response["violations"]
                assert [each["id"] for each in violations] == [], address
                assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], address
            background = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert background == {"light": "rgb(253, 253, 251)", "dark": "rgb(19, 22, 24)"}[colors]
            assert page.get_by_role("heading", name="<b>Bewertungen</b>.csv").is_visible()


def test_the_keyboard_is_enough(browser: Any, client: httpx.Client, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(reviews())
    with opened(browser, str(client.base_url)) as page:
        page.on("filechooser", lambda chooser: chooser.set_files(file))
        page.get_by_role("button", name="Choose a file").wait_for()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Choose a file"
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Who competes").wait_for()
        assert page.evaluate("document.activeElement.id") == "title"  # a screen reader reads what is new
        page.get_by_role("checkbox", name="majority").focus()
        page.keyboard.press("Space")
        page.get_by_role("button", name="Start the bake-off").focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Stop").focus()
        page.keyboard.press("Enter")
        page.get_by_text("Stopped, 0 of").wait_for()
        assert page.evaluate("document.activeElement.textContent") == "Resume"  # what takes its place
