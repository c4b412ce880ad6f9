"""Asking an endpoint: it fails in every way, costs money, and is asked no more than needed."""

from __future__ import annotations

import email.utils
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.config.classification import ClassificationConfig
from bakeoff.data.types import LabeledTexts, OutOfScopeTexts
from bakeoff.errors import UserError
from bakeoff.methods.prompt import endpoint as endpoint_module
from bakeoff.methods.prompt.config import PromptConfig
from bakeoff.methods.prompt.method import PromptMethod
from bakeoff.methods.prompt.model import Prompt, PromptModel
from bakeoff.runner import resume, run
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.tasks.base import Contestant
from bakeoff.tasks.classification import ClassificationTask
from bakeoff.training.progress import Progress
from bakeoff.trainings import describe, list_trainings
from tests.baking import bake, plan
from tests.methods.prompt.conftest import KEY
from tests.methods.prompt.fake_endpoint import FakeEndpoint, chat, last_text, refusal, rule
from tests.methods.small_data import config as small_config
from tests.methods.small_data import small_table

TEXTS = ["a fine film", "a dull film", "moving", "awful"]
ANSWERS = ["good", "bad", "good", "bad"]


def settings(endpoint: FakeEndpoint, **more: Any) -> dict[str, Any]:
    return {"model": "some-model", "base_url": endpoint.url, "api_key_env": "PROMPT_TEST_KEY", **more}


def model(endpoint: FakeEndpoint, **more: Any) -> PromptModel:
    config = PromptConfig.model_validate(settings(endpoint, **more))
    return PromptModel(config, ["bad", "good"], Prompt([], [0.75, 0.25], [0.0, 0.0], ""))


def labels(rows: Any) -> list[str]:
    return [("bad", "good")[row.argmax()] for row in rows]


def cost(endpoint: FakeEndpoint, **more: Any) -> dict[str, Any]:
    """100 tokens of prompt and 2 of answer cost 102 millionths of a dollar."""
    return {"prices": {"input": 1, "output": 1}, "max_cost": 1, **more}


# --- answers --------------------------------------------------------------------------------------------------------


def test_log_probabilities_become_probabilities(endpoint):
    rows = model(endpoint).probabilities(TEXTS)

    assert labels(rows) == ANSWERS
    assert rows[0] == pytest.approx([0.1 / 0.9, 0.8 / 0.9])
    assert rows.sum(axis=1) == pytest.approx(1)
    (asked, *_) = endpoint.requests
    assert (asked["model"], asked["temperature"], asked["logprobs"], asked["top_logprobs"]) == (
        "some-model",
        0,
        True,
        20,
    )
    assert "Labels: bad, good" in asked["messages"][0]["content"]
    assert endpoint.paths[0] == "/v1/chat/completions"


def test_tokens_that_begin_several_labels_are_told_apart_by_the_answer(endpoint):
    endpoint.answer = lambda body: chat("good", {"go": 0.9, "ba": 0.05})
    config = PromptConfig.model_validate(settings(endpoint))
    own = PromptModel(config, ["gorgeous", "good", "bad"], Prompt([], [0.4, 0.3, 0.3], [0.0] * 3, ""))

    (row,) = own.probabilities(["x"])

    assert row == pytest.approx(np.array([0.05, 0.9, 0.05]) / 1.0)


def test_without_log_probabilities_a_schema_holds_answers_to_the_labels(endpoint):
    endpoint.answer = lambda body: (
        chat(f'{{"label": "{rule(body)}"}}') if "response_format" in body else chat(f"**{rule(body)}**.")
    )
    own = model(endpoint, parallel=1)

    rows = own.probabilities(TEXTS)

    assert labels(rows) == ANSWERS
    assert rows.max(axis=1) == pytest.approx(0.9)
    assert ["response_format" in asked for asked in endpoint.requests] == [False, True, True, True]
    schema = endpoint.requests[1]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["label"]["enum"] == ["bad", "good"]
    assert any("4 of 4 answers came without log-probabilities" in note for note in own.notes)


def strict(body: dict[str, Any]) -> Any:
    """Refuse every optional setting, one at a time."""
    for key in ("logprobs", "response_format", "temperature"):
        if key in body:
            return refusal(400, f"Unsupported parameter: '{key}'")
    if "max_tokens" in body:
        return refusal(400, "Use 'max_completion_tokens' instead of 'max_tokens'.")
    return chat(rule(body))


def test_settings_that_are_refused_are_left_out_from_then_on(endpoint):
    endpoint.answer = strict

    assert labels(model(endpoint).probabilities(TEXTS)) == ANSWERS

    assert len(endpoint.requests) == 5 + 1 + 3  # fewer log-probabilities first, then none
    assert endpoint.requests[-1].keys() == {"model", "messages", "max_completion_tokens"}


def test_a_refusal_without_a_reason_is_met_with_plain_questions(endpoint):
    endpoint.answer = lambda body: (
        chat(rule(body)) if not {"logprobs", "response_format"} & body.keys() else refusal(400, "Bad request")
    )

    assert labels(model(endpoint).probabilities(TEXTS)) == ANSWERS


@pytest.mark.parametrize(
    "said", ["neither", "good or bad, hard to say", "", None, "goodness", "<think>good, I think</think> perhaps"]
)
def test_an_answer_that_is_no_label_is_counted_and_takes_the_shares_of_the_classes(endpoint, said):
    endpoint.answer = lambda body: chat(said)
    own = model(endpoint)

    assert own.probabilities(["x"]) == pytest.approx(np.array([[0.75, 0.25]]))

    assert any("1 of 1 answers named none of the labels" in note for note in own.notes)


@pytest.mark.parametrize(
    "said",
    [
        "Good",
        "**good**",
        "Label: good.",
        "<think>bad? no</think>good",
        '{"label": "good"}',
        '```json\n{"label":"good"}\n```',
    ],
)
def test_an_answer_in_other_words_is_understood(endpoint, said):
    endpoint.answer = lambda body: chat(said)

    assert labels(model(endpoint).probabilities(["x"])) == ["good"]


def test_completions_end_with_the_words_before_the_label(endpoint):
    top = {" good": -0.1, " bad": -3.0}
    endpoint.answer = lambda body: (200, {"choices": [{"text": " good", "logprobs": {"top_logprobs": [top]}}]}, {})

    rows = model(endpoint, api="completions").probabilities(["a fine film"])

    assert labels(rows) == ["good"]
    assert endpoint.paths == ["/v1/completions"]
    assert endpoint.requests[0]["prompt"] == "Classify each text.\nLabels: bad, good\n\nText: a fine film\nLabel:"
    assert endpoint.requests[0]["stop"] == ["\n"]


# --- failures -------------------------------------------------------------------------------------------------------

PASSING = {
    "429": refusal(429, "slow down", {"retry-after": "7"}),
    "500": refusal(500, "oops"),
    "503 in HTML": (503, b"<html>down</html>", {}),
    "hang-up": "hang up",
    "hang-up in the middle": "cut off",
    "no JSON": (200, b"so sorry", {}),
    "other JSON": (200, [1, 2], {}),
    "no choices": (200, {"choices": []}, {}),
    "choices of another kind": (200, {"choices": ["good"]}, {}),
}


@pytest.mark.parametrize("failure", PASSING.values(), ids=PASSING)
def test_a_failure_that_passes_is_tried_again(endpoint, pauses, failure):
    endpoint.failures = [failure, failure]

    assert labels(model(endpoint).probabilities(["a fine film"])) == ["good"]

    assert len(endpoint.requests) == 3
    assert len(pauses) == 2


@pytest.mark.parametrize("failure", PASSING.values(), ids=PASSING)
def test_a_failure_that_stays_ends_the_run_and_the_answers_are_kept(endpoint, own_cache, failure):
    own = model(endpoint, retries=2, parallel=1)
    own.probabilities(["a fine film"])
    endpoint.answer = lambda body: endpoint.failures.append(failure) or refusal(500, "down")

    with pytest.raises(UserError, match="did not answer after 3 tries") as caught:
        own.probabilities(["moving"])

    assert "bakeoff resume" in caught.value.hint
    endpoint.failures, endpoint.answer = [], lambda body: chat("bad")
    assert labels(model(endpoint).probabilities(["a fine film", "moving"])) == ["good", "bad"]  # the first is kept


def test_a_failure_of_one_request_does_not_end_later_ones(endpoint):
    own = model(endpoint)
    endpoint.answer = lambda body: refusal(404, "gone") if last_text(body) != "Text: x\nLabel:" else chat("bad")
    with pytest.raises(UserError, match="gone"):
        own.probabilities(["x", *TEXTS])

    endpoint.answer = lambda body: chat(rule(body))

    assert labels(own.probabilities(["x", *TEXTS])) == ["bad", *ANSWERS]


def test_an_endpoint_that_does_not_answer_in_time_is_asked_again(endpoint, pauses):
    endpoint.failures = ["sleep"]

    assert labels(model(endpoint, timeout=0.2).probabilities(["a fine film"])) == ["good"]

    assert len(pauses) == 1


def test_nobody_at_the_address(endpoint, pauses):
    own = model(endpoint, base_url="http://127.0.0.1:9/v1", retries=1)

    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9/v1/chat/completions did not answer after 2 tries"):
        own.probabilities(["x"])


def test_pauses_grow_with_jitter_and_honor_retry_after(endpoint, pauses):
    later = email.utils.formatdate(time.time() + 90, usegmt=True)
    endpoint.failures = [
        refusal(500, ""),
        refusal(500, ""),
        refusal(500, ""),
        refusal(429, "", {"retry-after": "33"}),
        refusal(429, "", {"retry-after": later}),
    ]

    model(endpoint).probabilities(["x"])

    assert all(0.5 * 2**number <= pauses[number] <= 2**number for number in range(3))
    assert pauses[3] == 33
    assert 85 < pauses[4] <= 90


def test_an_endpoint_that_asks_for_hours_ends_the_run(endpoint, pauses):
    endpoint.failures = [refusal(429, "daily limit", {"retry-after": "7200"})]

    with pytest.raises(UserError, match=r"daily limit\. It asks to wait for 2 h"):
        model(endpoint).probabilities(["x"])

    assert pauses == []


@pytest.mark.parametrize(
    ("reply", "message", "hint"),
    [
        (refusal(401, f"Incorrect API key provided: {KEY}"), r"refuses the API key: .*\[the key\]", "PROMPT_TEST_KEY"),
        (refusal(404, "no such model"), "HTTP 404.*no such model", "model, base_url"),
        (refusal(429, "pay first", code="insufficient_quota"), "no credit left", "kept"),
        (
            (307, b"", {"location": "https://elsewhere.example/v1"}),
            "redirects to https://elsewhere.example",
            "base_url",
        ),
    ],
    ids=["key", "model", "credit", "redirect"],
)
def test_a_refusal_is_not_tried_again(endpoint, pauses, reply, message, hint):
    endpoint.answer = lambda body: reply

    with pytest.raises(UserError, match=message) as caught:
        model(endpoint).probabilities(TEXTS)

    assert hint in caught.value.hint
    assert KEY not in str(caught.value)
    assert len(endpoint.requests) == 1
    assert pauses == []


def test_a_text_that_is_too_long_ends_the_run_without_changing_how_others_are_asked(endpoint):
    endpoint.answer = lambda body: refusal(400, "too long") if "awful" in last_text(body) else chat("bad", {"bad": 0.9})
    own = model(endpoint, parallel=1)

    with pytest.raises(UserError, match="too long") as caught:
        own.probabilities(TEXTS)

    assert "max_length" in caught.value.hint
    assert all(asked.get("logprobs") for asked in endpoint.requests)


def test_a_filtered_text_has_no_answer(endpoint):
    endpoint.answer = lambda body: refusal(400, "filtered", code="content_filter")

    assert model(endpoint).probabilities(["x"]) == pytest.approx(np.array([[0.75, 0.25]]))


def test_requests_run_side_by_side_up_to_a_limit(endpoint):
    together = threading.Barrier(3, timeout=20)

    def answer(body: dict[str, Any]) -> Any:
        if len(endpoint.requests) > 1:  # the first is asked alone
            together.wait()
        return chat("bad", {"bad": 0.9})

    endpoint.answer = answer

    model(endpoint, parallel=3).probabilities([f"text {number}" for number in range(1 + 4 * 3)])

    assert endpoint.most_at_once == 3


# --- cache and money ------------------------------------------------------------------------------------------------


def test_no_question_is_asked_twice(endpoint, own_cache):
    first = model(endpoint, **cost(endpoint))
    rows = first.probabilities([*TEXTS, *TEXTS])
    assert len(endpoint.requests) == 4

    second = model(endpoint, **cost(endpoint))

    assert second.probabilities(TEXTS) == pytest.approx(rows[:4])
    assert len(endpoint.requests) == 4
    assert second.usage == first.usage
    assert any("4 of 4 answers came from the cache" in note for note in second.notes)
    assert KEY.encode() not in own_cache.read_bytes()
    assert b"fine film" not in own_cache.read_bytes()


@pytest.mark.parametrize("change", [{"model": "other"}, {"instruction": "Judge."}, {"api": "completions"}])
def test_another_question_is_asked_anew(endpoint, change):
    model(endpoint).probabilities(["x"])
    endpoint.answer = lambda body: (200, {"choices": [{"text": "bad", "message": {"content": "bad"}}]}, {})

    model(endpoint, **change).probabilities(["x"])

    assert len(endpoint.requests) == 2


def test_tokens_money_and_times_are_counted(endpoint):
    own = model(endpoint, **cost(endpoint, prices={"input": 2, "output": 10}))

    own.probabilities(TEXTS)

    usage = own.usage
    assert (usage.requests, usage.input_tokens, usage.output_tokens) == (4, 400, 8)
    assert usage.money == pytest.approx((400 * 2 + 8 * 10) / 1e6)
    assert 0 < usage.median_seconds <= usage.slow_seconds < 5


def test_asking_ends_before_the_limit_is_exceeded_and_goes_on_with_a_higher_one(endpoint):
    texts = [f"text {number}" for number in range(50)]
    own = model(endpoint, **cost(endpoint, max_cost=2e-3))

    with pytest.raises(UserError, match="could exceed max_cost") as caught:
        own.probabilities(texts)

    spent = len(endpoint.requests)
    assert 5 < spent * 102e-6 * 1e4 <= 20  # more than a quarter of 2e-3 dollars, and not more than all
    assert "Raise max_cost" in caught.value.hint
    model(endpoint, **cost(endpoint)).probabilities(texts)
    assert len(endpoint.requests) == 50


def test_answers_that_never_came_count_as_the_most_that_they_can_cost(endpoint):
    endpoint.failures = ["cut off"]
    own = model(endpoint, **cost(endpoint))

    own.probabilities(["x"])

    assert own.usage.money > 300e-6


def test_an_endpoint_that_counts_no_tokens_is_counted_for(endpoint):
    endpoint.answer = lambda body: (200, {"choices": [{"message": {"content": "bad"}}]}, {})
    own = model(endpoint, **cost(endpoint))

    own.probabilities(["x"])

    assert own.usage.input_tokens > 100


# --- in a bake-off --------------------------------------------------------------------------------------------------


def test_a_bake_off_sends_the_texts_to_evaluate_and_nothing_else(endpoint, tmp_path):
    config, table = small_config({"prompt": settings(endpoint, **cost(endpoint), examples=1)}), small_table()
    folder = ContestantFolder(tmp_path / "prompt")

    result = bake(config, "prompt", table, folder)

    evaluated = {*table.validation.texts, *table.test.texts}
    assert result.metrics[0].value == 1.0
    assert result.usage is not None
    assert result.usage.requests == len(evaluated) == len(endpoint.requests)
    assert (result.total_parameters, result.trainable_parameters) == (None, 0)
    assert any(note.startswith("Texts were sent to") for note in result.notes)
    assert KEY not in "".join(path.read_text("utf-8", "ignore") for path in tmp_path.rglob("*") if path.is_file())
    turns = [message["role"] for message in endpoint.requests[0]["messages"]]
    assert turns == ["system", *["user", "assistant"] * 2, "user"]

    again = bake(config, "prompt", table, ContestantFolder(tmp_path / "again"))

    assert again.metrics == result.metrics
    assert again.usage == result.usage
    assert len(endpoint.requests) == len(evaluated)


def test_an_interrupted_run_keeps_its_answers(endpoint, tmp_path, monkeypatch):
    config, table = small_config({"prompt": settings(endpoint, parallel=2)}), small_table()

    class Interrupts(Progress):
        def stage(self, text, share=None):
            if text.startswith("asking") and share and share > 0.4:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bake(config, "prompt", table, ContestantFolder(tmp_path / "prompt"), Interrupts())

    before = len(endpoint.requests)
    assert before < len(table.validation) + len(table.test)
    bake(config, "prompt", table, ContestantFolder(tmp_path / "prompt"))
    assert len(endpoint.requests) == len({*table.validation.texts, *table.test.texts})


def test_a_plan_says_where_texts_go_and_what_they_cost_and_sends_nothing(endpoint):
    config, table = small_config({"prompt": settings(endpoint, **cost(endpoint))}), small_table()

    planned = plan(config, table)["prompt"]

    assert endpoint.requests == []
    assert planned.requests == len({*table.validation.texts, *table.test.texts})
    assert planned.money == pytest.approx((planned.input_tokens + planned.output_tokens) / 1e6)
    assert f"they are sent to {endpoint.url}" in planned.notes[0]
    assert "before it costs more than $1.00" in planned.notes[0]


def test_an_estimate_is_near_what_is_then_sent(endpoint, tmp_path):
    """At four characters to a token, and five tokens for the role of a message: the fake endpoint counts none."""
    config, table = small_config({"prompt": settings(endpoint, examples=2)}), small_table()
    planned = plan(config, table)["prompt"]

    bake(config, "prompt", table, ContestantFolder(tmp_path / "prompt"))

    messages = [message for asked in endpoint.requests for message in asked["messages"]]
    sent = sum(len(message["content"]) / 4 + 5 for message in messages)
    assert sent < planned.input_tokens < 1.5 * sent


def test_texts_that_belong_to_no_class_are_planned_and_asked(endpoint, tmp_path):
    table = small_table()
    unknown = OutOfScopeTexts(
        "oos", *(LabeledTexts([f"{part}-oos"], [f"a recipe for the {part}"], [0]) for part in ("choosing", "test"))
    )
    table = replace(table, out_of_scope=unknown)
    config = small_config({"prompt": settings(endpoint, **cost(endpoint))})

    planned = plan(config, table)["prompt"]
    result = bake(config, "prompt", table, ContestantFolder(tmp_path / "prompt"))

    assert planned.requests == result.usage.requests == len(endpoint.requests)
    assert "a recipe for the test" in "".join(last_text(body) for body in endpoint.requests)
    assert "that belong to no class" in planned.notes[0]


def test_a_run_that_would_cost_too_much_is_refused_before_it_begins(endpoint):
    config = small_config({"prompt": settings(endpoint, **cost(endpoint, max_cost=1e-6))})

    with pytest.raises(UserError, match=r"contestants\.prompt would cost about \$0\.00.* max_cost is") as caught:
        PromptMethod().check_together("prompt", config.contestants["prompt"], [small_table()])

    assert "Raise max_cost" in caught.value.hint


NEAREST = {"examples": 1, "choose": "nearest"}  # of all training texts, for every seed


@pytest.mark.parametrize(("prompt", "repeats", "split", "said"), [
    ({"examples": 1}, 3, {}, "in 3 trainings"),
    ({}, 3, {}, None),  # every seed asks the same
    (NEAREST, 3, {}, None),
    ({"examples": 1}, 1, {"folds": 4}, "in 5 trainings"),
    (NEAREST, 3, {"folds": 4}, "in 5 trainings"),
    ({}, 1, {"folds": 4}, "would cost about"),  # each text once, of which there are more than without folds
])  # fmt: skip
def test_the_estimate_is_that_of_all_trainings(endpoint, tmp_path, prompt, repeats, split, said):
    table = small_table().train
    lines = [f"{text},{('bad', 'good')[label]}" for text, label in zip(table.texts, table.labels, strict=True)]
    (tmp_path / "table.csv").write_text("\n".join(["text,label", *lines]))

    def config(max_cost: float, **more: Any) -> ClassificationConfig:
        contestant = {"method": "prompt", **settings(endpoint, **cost(endpoint, **prompt, max_cost=max_cost))}
        values = {"task": "classification", "contestants": {"prompt": contestant}, **more}
        values["data"] = {"table": str(tmp_path / "table.csv"), **more.get("data", {})}
        return ClassificationConfig.model_validate(values)

    data, _ = ClassificationTask().prepare(config(1))
    once = plan(config(1), data)["prompt"].money
    all_of_them = config(1.5 * once, repeats=repeats, data={"split": split})

    if said is None:
        ClassificationTask().prepare(all_of_them)
    else:
        with pytest.raises(UserError, match=said):
            ClassificationTask().prepare(all_of_them)


@pytest.mark.parametrize(("examples", "asks"), [(1, True), (0, False)])
def test_the_limit_holds_for_all_seeds_together(endpoint, tmp_path, examples, asks):
    """A training costs at least 64 answers of 102 millionths of a dollar: 0.0065."""
    config = small_config({"prompt": settings(endpoint, **cost(endpoint, examples=examples, max_cost=0.01))})
    table = small_table()
    first = Contestant("prompt", config.seed, ContestantFolder(tmp_path / "1"), "first", {})
    first.folder.write_result(bake(config, "prompt", table, first.folder))
    asked = len(endpoint.requests)

    def bake_second() -> None:
        folder = ContestantFolder(tmp_path / "2")
        second = Contestant("prompt", config.seed + 1, folder, "second", {}, before=[first])
        ClassificationTask().bake(config, second, table, Progress())

    if asks:
        with pytest.raises(UserError, match="could exceed max_cost"):
            bake_second()
    else:
        bake_second()
        assert len(endpoint.requests) == asked
    assert len(endpoint.requests) < 0.01 / 102e-6


def test_a_run_that_reached_its_limit_goes_on_with_a_higher_one(endpoint, tmp_path):
    table = small_table().train
    lines = [f"{text},{('bad', 'good')[label]}" for text, label in zip(table.texts, table.labels, strict=True)]
    (tmp_path / "table.csv").write_text("\n".join(["text,label", *lines]))
    contestant = {"method": "prompt", **settings(endpoint, **cost(endpoint))}
    values = {
        "task": "classification",
        "data": {"table": str(tmp_path / "table.csv")},
        "contestants": {"majority": {"method": "majority"}, "prompt": contestant},
        "evaluation": {"resamples": 20},
    }
    config = ClassificationConfig.model_validate(values)
    estimate = plan(config, ClassificationTask().prepare(config)[0])["prompt"].money
    contestant["max_cost"] = 1.1 * estimate
    billed = {"prompt_tokens": 400, "completion_tokens": 2}  # more than was estimated
    endpoint.answer = lambda body: chat(rule(body), {rule(body): 0.8}, usage=billed)

    with pytest.raises(UserError, match="could exceed max_cost") as caught:
        run(values, tmp_path / "run")
    assert "--set contestants.NAME.max_cost" in caught.value.hint
    asked = len(endpoint.requests)
    outcome = resume(tmp_path / "run", overrides=["contestants.prompt.max_cost=1"])

    assert 0 < asked < len(endpoint.requests) == outcome.results[1].usage.requests
    assert outcome.results[1].usage.money > contestant["max_cost"]
    assert RunFolder(tmp_path / "run").config_values()["contestants"]["prompt"]["max_cost"] == 1


def test_trainings_that_share_a_limit_run_one_after_the_other(endpoint, tmp_path):
    shared, free = (
        settings(endpoint, method="prompt", examples=1, **more) for more in (cost(endpoint), {"prices": None})
    )
    config = small_config({"prompt": shared, "free": free}).model_copy(update={"repeats": 3})
    trainings = list_trainings(RunFolder(tmp_path), config)

    needs = [set(describe(config, trainings, number, None).needs) for number in range(1, 7)]

    assert needs == [set(), {1}, {1, 2}, set(), set(), set()]


def test_a_run_without_a_key_is_refused_before_it_begins(endpoint, monkeypatch):
    monkeypatch.delenv("PROMPT_TEST_KEY")
    config = small_config({"prompt": settings(endpoint)})

    with pytest.raises(UserError, match="the environment variable PROMPT_TEST_KEY is not set") as caught:
        PromptMethod().check("prompt", config.contestants["prompt"], small_table())

    assert "export PROMPT_TEST_KEY=" in caught.value.hint


def test_the_key_goes_to_the_endpoint_alone(endpoint):
    model(endpoint).probabilities(["x"])
    model(endpoint, api_key_env=None).probabilities(["y"])

    assert endpoint.keys == [f"Bearer {KEY}", None]


def test_without_httpx_the_run_is_refused(endpoint, monkeypatch):
    monkeypatch.setattr("bakeoff.packages.missing_modules", lambda extra: ["httpx"] if extra == "llm" else [])
    config = small_config({"prompt": settings(endpoint)})

    with pytest.raises(UserError, match="needs httpx, which is not installed") as caught:
        PromptMethod().check("prompt", config.contestants["prompt"], small_table())

    assert "bakeoff[llm]" in caught.value.hint


def test_the_cache_cannot_be_used(endpoint, own_cache: Path):
    own_cache.parent.mkdir(parents=True)
    own_cache.write_bytes(b"not a database" * 100)

    with pytest.raises(UserError, match=r"answers\.sqlite, cannot be used"):
        model(endpoint).probabilities(["x"])


def test_pauses_end_when_the_work_is_stopped(monkeypatch):
    monkeypatch.undo()
    stop = threading.Event()
    stop.set()
    started = time.monotonic()

    endpoint_module.pause(stop, 30)

    assert time.monotonic() - started < 1
