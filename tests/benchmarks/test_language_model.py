"""Check that the comparison with other programs runs, and that all of them compute the same thing. No times count."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import language_model
from comparison import figures, running
from comparison import language_model_parts as parts
from peers.job import Job, Measured, NotAvailable
from peers.worker import measure

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]

TINY = dataclasses.replace(
    parts.QUICK, steps=1, rows=6, characters=400, new_tokens=12, quality_steps=2, quality_lines=12, limit_steps=1
)


@pytest.fixture
def in_this_process(in_this_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model, "QUICK", TINY)


def run(file: Path, *only: str) -> Any:
    chosen = [word for name in only for word in ("--only", name)]
    language_model.main(["--quick", "--model", "stories260k", "--json", str(file), *chosen])
    return json.loads(file.read_text())["models"]["stories260k"]


def reached(found: Any) -> dict[str, bool | None]:
    return {each["target"]["what"]: each["reached"] for each in found["targets"]}


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("method", ["full", "lora"])
def test_everybody_trains_on_the_same_blocks(method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    found = run(tmp_path / "figures.json", method)["parts"][method]

    losses = {name: each["repetitions"][0]["details"]["losses"] for name, each in found.items()}
    for peer in (parts.PACKED_FP32, parts.PACKED_BF16):
        assert losses[peer] == pytest.approx(losses[parts.OURS], rel=1e-2)
    assert f"| {parts.PADDED} |" in capsys.readouterr().out
    in_fp32 = measure(Job(**{**found[parts.OURS]["job"], "precision": "fp32"}))
    # The first loss is that of the same weights on the same blocks, the second also that of the same update.
    assert losses[parts.PACKED_FP32][0] == pytest.approx(in_fp32.details["losses"][0], rel=1e-6)
    assert losses[parts.PACKED_FP32] == pytest.approx(in_fp32.details["losses"], rel=1e-5 if method == "full" else 1e-3)


@pytest.mark.usefixtures("in_this_process")
def test_everybody_finds_the_same_perplexity(tmp_path: Path):
    found = run(tmp_path / "figures.json", "lab", "document")

    assert reached(found)["Perplexity lab, fp32: same value"]
    if all(outcome["failure"] is None for outcome in found["parts"]["document"].values()):
        assert reached(found)["Perplexity document: same value"]


@pytest.mark.usefixtures("in_this_process")
def test_everybody_writes_the_same_text(tmp_path: Path):
    found = run(tmp_path / "figures.json", "generation")

    assert reached(found)["Generation: same text as transformers fp32"]


@pytest.mark.usefixtures("in_this_process")
def test_quality_compares_both_precisions(tmp_path: Path):
    found = run(tmp_path / "figures.json", "quality", "lab-bf16")

    assert len(found["targets"]) == 3
    assert None not in reached(found).values()


@pytest.mark.usefixtures("in_this_process")
def test_a_step_is_measured_beside_its_products(tmp_path: Path):
    found = run(tmp_path / "figures.json", "limit")

    for method in ("full", "lora"):
        (measured,) = found["parts"]["limit"][method]["repetitions"]
        ((step, alone),) = measured["details"]["each"]
        assert measured["value"] == pytest.approx(alone / step)
        assert 0 < alone < step
    assert reached(found).keys() == {"Share of the limit, full", "Share of the limit, lora"}


def test_llama_cpp_is_measured_where_it_is_installed_and_the_model_has_a_gguf_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """With a stand-in for the package, which takes minutes to build."""
    asked: list[dict[str, Any]] = []

    class Llama:
        def __init__(self, path: str, **settings: Any) -> None:
            assert Path(path).suffix == ".gguf"

        def create_completion(self, prompt: str, **settings: Any) -> dict[str, Any]:
            asked.append(settings)
            return {"usage": {"completion_tokens": 7}, "choices": [{"text": " by the"}]}

        def reset(self) -> None: ...

    monkeypatch.setitem(sys.modules, "llama_cpp", SimpleNamespace(Llama=Llama))
    with pytest.raises(NotAvailable, match="no GGUF file"):
        measure(Job("llama.generate", "stories260k"))
    (tmp_path / "model.gguf").touch()
    place = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: place)

    found = measure(Job("llama.generate", "cache/smollm2-135m-0.1.2", new_tokens=7))

    assert (found.count, found.details["text"]) == (7, " by the")
    assert asked[-1] == {"max_tokens": 7, "temperature": 0.0, "repeat_penalty": 1.0}


def test_a_process_of_its_own_answers():
    found = running.run_job(Job("prepare.model", "stories260k"))

    assert isinstance(found, Measured)
    assert Path(found.details["folder"]).name == "stories260k"
    assert found.peak_memory_bytes > 0


def test_a_process_that_fails_says_why():
    assert "has no attribute 'nonsense'" in str(running.run_job(Job("job.nonsense", "model")))
    with pytest.raises(NotAvailable, match="There is no model"):
        measure(Job("prepare.model", "./nonsense"))


def test_the_order_is_turned_round_every_other_time(monkeypatch: pytest.MonkeyPatch):
    measured: list[str] = []

    def run_job(job: Job) -> Measured:
        measured.append(job.precision)
        return Measured(1.0, 1)

    monkeypatch.setattr(running, "run_job", run_job)
    part = dataclasses.replace(parts.lab(Job("", "model"), TINY), repetitions=2)
    running.run_part(part, lambda text: None)

    assert measured == ["fp32", "bf16", "fp32", "fp32", "bf16", "fp32"]


def test_a_peer_that_cannot_be_measured_is_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch):
    from comparison import tables

    monkeypatch.setattr(running, "run_job", lambda job: "not installed: lm_eval")
    part = parts.document(Job("", "model"), TINY)
    outcomes = running.run_part(part, lambda text: None)

    assert "| lm-eval, fp32, batch 1 | not installed: lm_eval |" in tables.measurements("model", part, outcomes)
    assert [each.reached for each in figures.evaluate(part, {"document": outcomes})] == [None, None]


def test_texts_that_part_are_explained_by_the_logits():
    def texts(mine: str, best: float, second: float) -> tuple[str, bool]:
        details = {"text": "a cat sat", "text_lengths": [1, 5, 9], "best_logits": [9.0, best, 9.0]}
        reference = Measured(1.0, 3, details={**details, "second_logits": [1.0, second, 1.0]})
        return figures.compare_texts(Measured(1.0, 3, details={"text": mine}), reference)

    assert texts("a cat sat", 9.0, 1.0) == ("the same", True)
    assert texts("a dog sat", 9.0, 8.99)[1]
    said, same = texts("a dog sat", 9.0, 8.0)
    assert not same
    assert said.startswith("token 2 differs")
