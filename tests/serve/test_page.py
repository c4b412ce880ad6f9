"""The page in a real browser: what a person types, clicks, reads and watches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import bakeoff
from bakeoff.evaluation.wording import duration
from bakeoff.report.output import write_report
from bakeoff.runs.folder import RunFolder
from tests.plots import plots
from tests.real_runs import copy_run
from tests.serve.servers import running
from tests.serve.test_progress import evaluation, step

PHONE = {"width": 375, "height": 740}


@pytest.fixture
def page(browser, client: httpx.Client) -> Iterator[object]:
    """The page of the server with both runs. Its console must stay silent."""
    with opened(browser, str(client.base_url)) as page:
        yield page


class opened:  # noqa: N801
    """A page, and the check at its end that the browser had nothing to complain of."""

    def __init__(self, browser, address: str, **options: object) -> None:
        self._context = browser.new_context(**options)
        self._page = self._context.new_page()
        self._page.set_default_timeout(200_000)
        self.complaints: list[str] = []
        self._page.on("console", lambda message: self.complaints.append(message.text))
        self._page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self._page.goto(address)

    def __enter__(self):
        return self._page

    def __exit__(self, kind, *_: object) -> None:
        self._context.close()
        if kind is None:
            assert self.complaints == []


def test_a_text_is_classified_by_everyone(page, sentiment: Path) -> None:
    text = "A fine film, <b>moving</b> and funny"
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_role("button", name="Classify").click()
    page.get_by_text("3 answered.").wait_for()

    for name in ("majority", "linear", "lstm"):
        (expected,) = bakeoff.load_classifier(sentiment, contestant=name).predict([text])
        box = page.locator("#classify").get_by_role("article", name=name)
        assert box.locator(".answer-label").inner_text() == expected.label
        assert f"{expected.probability:.4f}" in box.inner_text()


def test_times_are_those_of_the_command_line(page) -> None:
    seconds = [0.4, 9.94, 9.96, 48, 59.6, 60, 135.2, 1380, 3599.4, 3599.6, 3600, 7519, 7530]

    said = page.evaluate(
        "async (all) => { const { duration } = await import('/static/dom.js'); return all.map(duration); }", seconds
    )

    assert said == [duration(each) for each in seconds]


def test_a_column_has_a_field(browser, tmp_path: Path) -> None:
    rows = [{"text": f"The plot, number {row}", "from": "de", "label": "good"} for row in range(30)]
    rows += [{"text": f"The cast, number {row}", "from": "us", "label": "bad"} for row in range(30)]
    config = {
        "task": "classification",
        "data": {"table": rows, "features": ["from"], "split": {"folds": 2}},
        "contestants": {"majority": {}, "linear": {}},
        "evaluation": {"resamples": 20},
    }
    run = bakeoff.run(config, tmp_path / "run").folder
    with running([run]) as client, opened(browser, str(client.base_url)) as page:
        page.get_by_label("Text", exact=True).fill("A number")
        page.get_by_label("from").fill("de")
        page.get_by_role("button", name="Classify").click()
        page.get_by_text("2 answered.").wait_for()
        box = page.locator("#classify").get_by_role("article", name="linear")
        assert box.locator(".answer-label").inner_text() == "good"
        assert "from: de (+" in box.inner_text()
        page.get_by_label("from").fill("")
        page.get_by_role("button", name="Classify").click()
        page.get_by_text("from: missing (+0.00)").wait_for()
        assert "from:" not in page.locator("#classify").get_by_role("article", name="majority").inner_text()


def test_a_prompt_is_continued_by_everyone(page, stories: Path) -> None:
    page.get_by_label("Prompt", exact=True).fill("Once upon a time")
    page.get_by_label("max_new_tokens").fill("30")
    page.get_by_role("button", name="Generate").click()
    page.get_by_text("2 finished.").wait_for()

    for name in ("pretrained", "lora"):
        model = bakeoff.load_language_model(str(stories / "contestants" / name))
        box = page.locator("#write").get_by_role("article", name=name)
        expected = "Once upon a time" + model.generate("Once upon a time", max_new_tokens=30)
        assert box.locator(".generated").text_content() == expected
        assert "tokens/s" in box.inner_text()
        assert "greedy" in box.inner_text()


def test_a_draw_and_its_seed(page, stories: Path) -> None:
    page.get_by_label("Prompt", exact=True).fill("One day")
    for name, value in {"max_new_tokens": "15", "temperature": "0.9", "seed": "7"}.items():
        page.get_by_label(name).fill(value)
    page.get_by_label("Prompt", exact=True).press("Control+Enter")
    page.get_by_text("2 finished.").wait_for()

    model = bakeoff.load_language_model(str(stories / "contestants" / "lora"))
    expected = "One day" + model.generate("One day", max_new_tokens=15, temperature=0.9, seed=7)
    box = page.locator("#write").get_by_role("article", name="lora")
    assert box.locator(".generated").text_content() == expected
    assert "temperature 0.9, seed 7" in box.inner_text()


def test_a_text_is_stopped(page) -> None:
    page.get_by_label("Prompt", exact=True).fill("Once")
    page.get_by_label("max_new_tokens").fill("500")
    page.get_by_label("temperature").fill("2")
    # Within the page, because on a busy machine the text may end before a click from outside arrives.
    page.get_by_role("button", name="Generate").evaluate(
        """async (generate, stop) => {
            generate.click();
            while (stop.disabled) await new Promise((resolve) => setTimeout(resolve));
            stop.click();
        }""",
        page.get_by_role("button", name="Stop").element_handle(),
    )

    page.get_by_text("Stopped.").wait_for()
    assert page.get_by_role("button", name="Stop").is_disabled()


def test_an_error_is_told_in_its_box(browser, client: httpx.Client) -> None:
    opening = opened(browser, str(client.base_url))
    with opening as page:
        page.get_by_label("Prompt", exact=True).fill("time " * 600)
        page.get_by_role("button", name="Generate").click()
        page.get_by_text("2 finished.").wait_for()

        assert "511 are allowed" in page.locator("#write .failed").first.inner_text()
        # The browser itself notes every refused request.
        opening.complaints = [each for each in opening.complaints if "400" not in each]


def test_a_report_opens(page, sentiment: Path) -> None:
    with plots():
        write_report(RunFolder(sentiment))
    page.get_by_role("article", name="sentiment").get_by_role("link", name="Open the report").click()
    page.get_by_role("heading", name="Verdict").wait_for()

    assert page.locator("h2").first.evaluate("each => getComputedStyle(each).fontFamily").startswith('"Iowan')
    for kind, beginning in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as saved:
            page.get_by_role("button", name=f"{kind}: intervals").click()
        assert saved.value.suggested_filename == f"intervals.{kind.lower()}"
        assert Path(saved.value.path()).read_bytes().startswith(beginning)


def test_a_run_is_watched(browser, young: RunFolder) -> None:
    lstm = young.contestant("lstm")
    with running([young.path]) as client, opened(browser, str(client.base_url)) as page:
        row = page.get_by_role("row", name="lstm")
        row.get_by_text("waiting").wait_for()
        for number in range(1, 30):
            lstm.append_metrics(step(number, 1 / number))
        lstm.append_metrics(evaluation(29, 0.61))
        row.get_by_text("step 29").wait_for()
        chart = page.get_by_role("img", name="Training loss by training words: lstm 0.0345 after 2,900.")
        assert len(chart.locator("polyline").get_attribute("points").split()) == 29
        page.get_by_role("img", name="Validation loss by training words: lstm 0.6100 after 2,900.").wait_for()

        (lstm.path / "later.json").rename(lstm.path / "result.json")
        row.get_by_text("finished").wait_for()
        assert "2 classifiers" in page.locator("#summary").inner_text()


def test_a_report_is_linked_once_it_is_there(browser, sentiment: Path, tmp_path: Path) -> None:
    run = copy_run(sentiment, tmp_path / "run")
    drawn = run.html_report.rename(tmp_path / "report.html")
    with running([run.path]) as client, opened(browser, str(client.base_url)) as page:
        page.locator(".headline").get_by_text("A tie").wait_for()
        assert page.get_by_role("link", name="Open the report").count() == 0
        drawn.rename(run.html_report)
        page.get_by_role("link", name="Open the report").wait_for()


def test_many_curves_have_a_legend_that_fits(browser, client: httpx.Client) -> None:
    with opened(browser, str(client.base_url)) as page:
        names = [f"embedding-minilm-{number}" for number in range(10)]
        names[9] = "an-endlessly-long-name-of-a-contestant-" * 3
        svg = page.evaluate_handle(
            """async (names) => {
              const { charts } = await import("/static/runs.js");
              const training = [{ tokens: 0, loss: 1 }, { tokens: 100, loss: 0.5 }];
              const curves = names.map((contestant) => ({ contestant, training, validation: training.slice(1) }));
              const drawn = charts({ task: "classification", contestants: names.map((name) => ({ name })) }, curves);
              document.getElementById("main").append(drawn);
              return drawn.firstChild;
            }""",
            names,
        ).as_element()
        width, height = svg.evaluate("each => [each.viewBox.baseVal.width, each.viewBox.baseVal.height]")
        box = "each => { const { x, y, width, height } = each.getBBox(); return [x, y, x + width, y + height]; }"
        top = min(line.evaluate(box)[1] for line in svg.query_selector_all(".grid"))
        texts = [
            text for text in svg.query_selector_all("text") if text.text_content()[:9] in ("embedding", "an-endles")
        ]
        places = [text.evaluate(box) for text in texts]
        lines = svg.query_selector_all("polyline")

        assert len(places) == 10
        assert all(left >= 0 and right <= width and lower < top for left, _, right, lower in places)
        for (_, y, right, _), (left, below, _, _) in itertools.pairwise(places):
            assert right < left or y < below
        assert height - top == pytest.approx(204)  # the plot stays as high as with one name
        looks = [(line.get_attribute("class"), line.get_attribute("stroke-dasharray")) for line in lines]
        assert len(set(looks)) == 10
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_token_is_asked_for(browser, sentiment: Path) -> None:
    with running([sentiment], token="open sesame") as client:
        opening = opened(browser, str(client.base_url))
        with opening as page:
            page.get_by_label("This server requires a token").fill("wrong")
            page.get_by_role("button", name="Sign in").click()
            page.get_by_text("Wrong token.").wait_for()
            page.get_by_label("This server requires a token").fill("open sesame")
            page.get_by_role("button", name="Sign in").click()
            page.get_by_label("Text", exact=True).wait_for()
            page.get_by_role("link", name="Open the report").click()
            page.get_by_role("heading", name="Verdict").wait_for()
            # The browser itself notes every refused request.
            opening.complaints = [each for each in opening.complaints if "401" not in each]


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, {"width": 1280, "height": 900}], ids=["phone", "desktop"])
def test_everyone_can_read_it(browser, client: httpx.Client, colors: str, size: dict) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with opened(browser, str(client.base_url), color_scheme=colors, viewport=size, bypass_csp=True) as page:
        page.get_by_label("Text", exact=True).fill("A fine film")
        page.get_by_role("button", name="Classify").click()
        page.get_by_label("Prompt", exact=True).fill("Once upon a time")
        page.get_by_label("max_new_tokens").fill("10")
        page.get_by_role("button", name="Generate").click()
        page.get_by_text("3 answered.").wait_for()
        page.get_by_text("2 finished.").wait_for()

        found = Axe().run(page).response["violations"]
        assert [each["id"] for each in found] == []
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == {"light": "rgb(253, 253, 251)", "dark": "rgb(19, 22, 24)"}[colors]
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_the_keyboard_is_enough(page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the contestants"
    page.get_by_label("Text", exact=True).wait_for()  # hidden until the server has answered
    page.get_by_label("Text", exact=True).focus()
    page.keyboard.type("A fine film")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    page.get_by_text("3 answered.").wait_for()
