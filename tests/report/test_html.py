"""The page is complete and self-contained, and shows hostile text without running it."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.errors import UserError
from bakeoff.evaluation.per_class import class_scores
from bakeoff.evaluation.text_statistics import repeated
from bakeoff.evaluation.wording import number
from bakeoff.report.classifier_tables import label_issue_counts, label_issue_list
from bakeoff.report.contents import stretches
from bakeoff.report.html import render_html
from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.report.markdown import render_markdown
from bakeoff.report.output import write_report
from bakeoff.report.safe_text import visible
from bakeoff.report.script import SCRIPT
from bakeoff.report.tables import more_quality_rows, quality_rows
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import Confusion, Sample
from tests.report.hostile import HOSTILE, LABELS, VISIBLE
from tests.report.pages import Page


@pytest.fixture(scope="module")
def page(run: RunFolder) -> Page:
    write_report(run)
    return Page(run.html_report.read_text(encoding="utf-8"))


def test_every_element_is_closed(page: Page) -> None:
    assert page.open == []


def test_nothing_is_fetched_and_only_the_script_of_the_package_runs(run: RunFolder, page: Page) -> None:
    html = run.html_report.read_text(encoding="utf-8")
    assert re.findall("<script[^>]*>.*?</script>", html, re.DOTALL) == [f"<script>{SCRIPT}</script>"]
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    (policy,) = (tag["content"] for name, tag in page.tags if tag.get("http-equiv") == "Content-Security-Policy")
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in {"src", "href", "xlink:href", "action", "data"}:
                assert (value or "").startswith("#")


def test_links_have_targets_and_ids_are_unique(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {
        value[1:] for _, attributes in page.tags for name, value in attributes.items() if "href" in name and value
    }
    labels = {attributes["aria-labelledby"] for _, attributes in page.tags if "aria-labelledby" in attributes}
    assert labels
    assert targets | labels <= set(ids)


def test_no_style_or_image_comes_from_elsewhere(run: RunFolder, page: Page) -> None:
    html = run.html_report.read_text(encoding="utf-8")
    assert "@import" not in html
    assert all(target.startswith("#") for target in re.findall(r"url\((.*?)\)", html))
    assert len(html) < 500_000


def test_the_best_is_the_first_of_the_contestants(run: RunFolder, page: Page) -> None:
    html = run.html_report.read_text(encoding="utf-8")
    first = re.search(r'<th scope="col"[^>]*>([^<]+)', html[html.index('id="comparison-title"') :])
    assert first is not None
    assert first[1] == run.verdict().best


def test_the_verdict_comes_first(run: RunFolder, page: Page) -> None:
    text = page.text.replace("\u00a0", " ")
    places = [text.index(sentence) for sentence in run.verdict().sentences]
    assert places == sorted(places)
    assert places[-1] < text.index("Training time")


def test_every_metric_with_its_interval_and_protocol_is_on_the_page(run: RunFolder, page: Page) -> None:
    for folder in run.contestants():
        for metric in folder.average().metrics:
            assert number(metric.value) in page.text
            if metric.low is not None:
                assert number(metric.low) in page.text
            assert metric.protocol in page.text or metric.protocol == metric.name


def test_metrics_that_few_ask_for_are_folded(classification_run: RunFolder) -> None:
    loaded = load_run(classification_run)
    titles = [row.title for row in more_quality_rows(loaded)]
    assert titles == ["Weighted F1", "Balanced accuracy", "Matthews correlation", "Average precision", "Brier score"]
    assert not {row.title for row in quality_rows(loaded)} & set(titles)
    html = render_html(loaded)
    fold = html[html.index("<summary>5 more metrics</summary>") :]
    fold = fold[: fold.index("</details>")]
    assert all(title in fold for title in titles)
    assert "<summary>5 more metrics</summary>" in render_markdown(loaded)


def test_one_reason_is_one_sentence(one_contestant: LoadedRun) -> None:
    verdict = one_contestant.verdict
    sentences = [*verdict.summary, "linear was trained once."]
    loaded = replace(one_contestant, verdict=verdict.model_copy(update={"sentences": sentences}))
    for page in (render_html(loaded), render_markdown(loaded)):
        assert "<summary>The reasons, in 1 sentence</summary>" in page


def test_the_page_has_all_it_takes_to_reproduce_the_run(run: RunFolder, page: Page) -> None:
    assert shlex.join(run.environment().command) in page.text
    assert run.data().fingerprint in page.text
    for digest in run.data().files.values():
        assert digest in page.text


def test_plots_have_text_alternatives(page: Page) -> None:
    plots = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(plots) >= 3
    for attributes in plots:
        assert attributes["role"] == "img"
        assert len(attributes["aria-label"] or "") > 20


def test_hostile_text_is_shown_and_not_run(page: Page) -> None:
    assert VISIBLE in page.text
    assert "\x1b" not in page.text


@given(text=st.text(max_size=60), label=st.text(st.characters(codec="utf-8"), min_size=1, max_size=12))
@settings(max_examples=8, deadline=None)
def test_any_text_and_any_label_read_as_they_are(one_contestant: LoadedRun, text: str, label: str) -> None:
    sample = Sample(prompt=text, label=label, predicted="other", probability=0.75, kind="mistake")
    (contestant,) = one_contestant.contestants
    matrix = Confusion(labels=[label, "other"], counts=[[1, 2], [3, 4]])
    hostile = replace(contestant, samples=[sample], result=contestant.result.model_copy(update={"confusion": matrix}))
    page = Page(render_html(replace(one_contestant, contestants=[hostile])))
    assert page.open == []
    assert visible(text) in page.text
    assert visible(label) in page.text


@pytest.fixture(scope="module")
def classified(classification_run: RunFolder) -> LoadedRun:
    return load_run(classification_run)


def test_many_classes_become_a_list_of_confusions(classified: LoadedRun) -> None:
    labels = [f"class {index}" for index in range(80)]
    counts = [[0] * 80 for _ in labels]
    counts[7][9] = 41
    contestant = classified.contestants[-1]
    matrix = Confusion(labels=labels, counts=counts)
    result = contestant.result.model_copy(update={"confusion": matrix, "classes": class_scores(matrix, 0.95)})
    html = render_html(
        replace(classified, contestants=[replace(contestant, result=result), *classified.contestants[:2]])
    )
    assert '<td class="words">class 7</td><td class="words">class 9</td><td>41</td>' in html
    assert len(html) < 500_000


def test_calibration_and_thresholds_are_in_plots_and_tables(classified: LoadedRun) -> None:
    page = Page(render_html(classified))
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert {"calibration", "selective-prediction", "label-issues"} <= ids
    assert any(result.calibration for result in classified.results)
    for result in classified.results:
        for score in result.classes:
            assert f"{score.recall.low:.3f} to {score.recall.high:.3f}" in page.text
        if result.calibration:
            assert f"{result.calibration.temperature:.2f}" in page.text
            for choice in result.selective_prediction.choices:
                assert choice.threshold is None or f"{choice.threshold:.4f}" in page.text


def test_label_issues_are_ordered_by_agreement_and_escaped(classified: LoadedRun) -> None:
    first, *others = classified.contestants
    sample = Sample(
        prompt=HOSTILE, label="<b>a</b>", predicted="b|c", probability=0.7, document="d1", kind="label_issue"
    )
    alone = sample.model_copy(update={"document": "d2", "probability": 0.99})
    readers = [
        replace(
            entry,
            samples=[sample, alone],
            suggested_labels={"d1": "b|c"},
            result=entry.result.model_copy(update={"label_issues": 1}),
        )
        for entry in others
    ]
    readers[0].suggested_labels["d2"] = "b|c"
    run = replace(classified, contestants=[first, *readers])
    issues = label_issue_list(run)
    assert [(issue.sample.document, len(issue.contestants)) for issue in issues] == [("d1", 3), ("d2", 1)]
    page = Page(render_html(run))
    assert "<b>a</b> → b|c?" in page.text
    names = [entry.name for entry in run.best_first.contestants if entry.name != first.name]
    assert f"suggested by {', '.join(names)} (0.7000); text d1" in page.text
    assert "1 suggested by more than one contestant" in label_issue_counts(run)
    assert "## Label issues" in render_markdown(run)


def test_sections_without_content_are_left_out(classified: LoadedRun) -> None:
    nothing = {"classes": [], "calibration": None, "selective_prediction": None, "label_issues": None}
    contestants = [
        replace(entry, samples=[], suggested_labels={}, result=entry.result.model_copy(update=nothing))
        for entry in classified.contestants
    ]
    page = Page(render_html(replace(classified, contestants=contestants)))
    assert page.open == []
    assert not {"calibration", "selective-prediction", "label-issues"} & {
        attributes.get("id") for _, attributes in page.tags
    }


def test_an_unfinished_run_is_refused(empty_folder: RunFolder) -> None:
    with pytest.raises(UserError, match="does not exist"):
        write_report(empty_folder)
    empty_folder.write_config_file({"format": 2, "contestants": {}})
    with pytest.raises(UserError, match="the run has not finished"):
        write_report(empty_folder)


@given(st.lists(st.sampled_from(["no", "never", "\n", "  ", "\t"]), max_size=40).map(" ".join))
def test_stretches_are_the_text_and_tell_what_is_repeated(text: str) -> None:
    parts = stretches(text)
    assert "".join(part.text for part in parts) == text
    words = text.split()
    marked = {place for start in repeated(words, 4) for place in range(start, start + 4)}
    flags = [part.repeated for part in parts for _ in part.text.split()]
    assert flags == [place in marked for place in range(len(words))]


def test_the_run_holds_hostile_text(classification_run: RunFolder, language_model_run: RunFolder) -> None:
    assert classification_run.contestant("linear").result().confusion.labels == sorted(LABELS)
    for run in (classification_run, language_model_run):
        samples = run.contestants()[1].samples()
        assert any("<script>alert('x')</script>" in sample.prompt + sample.text for sample in samples)


def test_near_duplicates_are_shown_in_pairs(classification_run: RunFolder) -> None:
    write_report(classification_run)

    page = Page(classification_run.html_report.read_text(encoding="utf-8"))

    (pair,) = classification_run.data().near_duplicates
    table = page.text[page.text.index("Near-duplicates") :]
    assert f"{pair.similarity:.2f}" in table
    for part in (*pair.names, *pair.splits, *map(visible, pair.labels), "one <u>", "other <u>"):
        assert part in table
    assert "### Near-duplicates" in classification_run.markdown_report.read_text(encoding="utf-8")


def test_a_language_model_report_shows_texts_and_documents(language_model_run: RunFolder) -> None:
    run = load_run(language_model_run)
    text = Page(render_html(run)).text

    assert "Words found in the training text" in text
    assert "Most overused word" in text
    assert "Document by document" in text
    assert all(visible(document).strip() in text for document in run.contestants[0].losses)
    assert "Results by seed" not in text
