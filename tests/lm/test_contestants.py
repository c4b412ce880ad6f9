"""Contestants from spec to result; their models load with plain transformers and plain peft."""

from __future__ import annotations

import json
import math

import peft
import pytest
import torch
import transformers

from bakeoff.errors import UserError
from bakeoff.lm.contestants import bake
from bakeoff.lm.sources import load_language_model
from bakeoff.runs.folder import ContestantFolder
from bakeoff.spec.schema import LanguageModelSpec
from bakeoff.training.progress import Progress
from tests.lm.conftest import random_gpt2

SETTINGS = {
    "pretrained": {"method": "pretrained"},
    "full": {"method": "full", "block_size": 64, "learning_rate": 1e-3},
    "lora": {"method": "lora", "block_size": 64, "r": 2, "learning_rate": 1e-2},
    "lora-lines": {
        "method": "lora", "sequences": "lines", "block_size": 32, "r": 2, "dropout": 0.1,
        "target_modules": "all-linear", "learning_rate": 1e-2,
    },
}  # fmt: skip


def spec_of(model: str = "stories260k", **changes) -> LanguageModelSpec:
    values = {
        "task": "language-model",
        "model": model,
        "data": {"text": "not read here"},
        "budget": {"epochs": 2},
        "contestants": SETTINGS,
        "judge": {"context_length": 64, "prompts": ["Once upon a time"], "max_new_tokens": 8, "resamples": 50},
        "precision": "fp32",
    }
    return LanguageModelSpec.model_validate({**values, **changes})


@pytest.fixture(scope="module")
def baked(split, tmp_path_factory):
    """Every contestant, baked once: its folder and its result."""
    path = tmp_path_factory.mktemp("contestants")

    def one(name):
        folder = ContestantFolder(path / name)
        return folder, bake(spec_of(), name, split, folder, Progress())

    return {name: one(name) for name in SETTINGS}


def document_loss(model, tokenizer, corpus) -> float:
    """Nats per token with plain transformers; every document is shorter than the model's context."""
    total, count = 0.0, 0
    for document in corpus.documents:
        ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(document.text)["input_ids"]]])
        with torch.no_grad():
            total += float(model(ids, labels=ids).loss) * (ids.shape[1] - 1)
        count += ids.shape[1] - 1
    return total / count


def test_training_lowers_perplexity(baked):
    figures = {name: result.figure("perplexity", "document").value for name, (_, result) in baked.items()}

    assert figures["full"] < 0.8 * figures["pretrained"]
    assert figures["lora"] < 0.95 * figures["pretrained"]
    assert figures["lora-lines"] < 0.95 * figures["pretrained"]


def test_figures_are_named_by_their_protocol(baked):
    for _, result in baked.values():
        assert [(figure.name, figure.protocol) for figure in result.figures] == [
            ("perplexity", "window(context=64, stride=32)"),
            ("perplexity", "document(context=64)"),
            ("word_perplexity", "document(context=64)"),
            ("byte_perplexity", "document(context=64)"),
            ("bits_per_byte", "document(context=64)"),
            ("perplexity", "lab(context=64)"),
        ]
        assert all(figure.low < figure.value < figure.high for figure in result.figures if figure.low is not None)


def test_parameters_are_counted(baked):
    counts = {name: (result.trainable_parameters, result.total_parameters) for name, (_, result) in baked.items()}

    assert counts["pretrained"] == (0, 260_032)
    assert counts["full"] == (260_032, 260_032)
    # r * (inputs + outputs) for q_proj (64 to 64) and v_proj (64 to 32) in each of 5 layers
    assert counts["lora"] == (5 * 2 * (128 + 96), 260_032 + 5 * 2 * (128 + 96))


def test_scores_hold_what_the_figures_sum_up(baked):
    folder, result = baked["full"]
    rows = [row for row in folder.scores().to_pylist() if row["protocol"].startswith("document")]

    mean = sum(row["nll"] for row in rows) / sum(row["tokens"] for row in rows)
    assert result.figure("perplexity", "document").value == pytest.approx(math.exp(mean))
    assert {row["document"] for row in rows} == {"Harbour", "Lily", "Café"}


def test_a_full_model_loads_with_plain_transformers(baked, corpus):
    folder, _ = baked["full"]
    plain = transformers.AutoModelForCausalLM.from_pretrained(folder.model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder.model)

    found = load_language_model(str(folder.path)).perplexity(corpus, protocol="document", context_length=512)
    assert plain.dtype == torch.float32
    assert found.nll == pytest.approx(document_loss(plain, tokenizer, corpus), rel=1e-5)


@pytest.mark.parametrize("name", ["lora", "lora-lines"])
def test_an_adapter_loads_with_plain_peft(baked, corpus, name):
    folder, _ = baked[name]
    plain = peft.AutoPeftModelForCausalLM.from_pretrained(folder.model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder.model)

    found = load_language_model(str(folder.path)).perplexity(corpus, protocol="document", context_length=512)
    assert found.nll == pytest.approx(document_loss(plain, tokenizer, corpus), rel=1e-5)
    assert json.loads((folder.model / "base_model.json").read_text()) == {"base_model": "stories260k"}


def test_losses_of_a_small_training(baked):
    """Pinned to four decimals: a change here is a change of the method."""
    steps, epochs = baked["full"][0].metrics()

    assert [line.loss for line in steps] == pytest.approx([6.5775, 2.3504, 3.9345, 3.4686], abs=6e-5)
    assert [line.validation_loss for line in epochs] == pytest.approx([2.5717, 2.2488], abs=6e-5)


def test_the_best_epoch_s_validation_loss_is_that_of_the_saved_model(baked, split):
    folder, _ = baked["full"]
    best = min(line.validation_loss for line in folder.metrics()[1])
    plain = transformers.AutoModelForCausalLM.from_pretrained(folder.model)
    (document,) = split.validation.documents
    tokens = transformers.AutoTokenizer.from_pretrained(folder.model)(document.text)["input_ids"]
    stream = torch.tensor([1, *tokens, 2])
    losses = []
    for start in range(0, len(stream) - 1, 64):
        block = stream[start : start + 65]
        with torch.no_grad():
            logits = plain(block[None, :-1]).logits[0]
        losses.append(torch.nn.functional.cross_entropy(logits, block[1:], reduction="none"))

    assert best == pytest.approx(float(torch.cat(losses).mean()), rel=1e-5)


def test_samples_are_the_model_s_own(baked):
    folder, _ = baked["pretrained"]
    (sample,) = folder.samples()

    assert sample.text.startswith(", there was")
    assert sample.tokens == 8
    assert sample.statistics is not None


def test_gpt2_trains_without_a_warning(split, stories, tmp_path, recwarn):
    """GPT-2 keeps its weights the other way round, which PEFT warns of where it is not told."""
    random_gpt2().save_pretrained(tmp_path / "gpt2")
    stories.tokenizer.save_pretrained(tmp_path / "gpt2")
    folder = ContestantFolder(tmp_path / "lora")

    result = bake(spec_of(str(tmp_path / "gpt2")), "lora", split, folder, Progress())

    assert [str(warning.message) for warning in recwarn if "fan_in_fan_out" in str(warning.message)] == []
    assert result.trainable_parameters == 2 * 2 * (32 + 96)  # c_attn of two layers
    assert not result.notes


def test_in_bf16_the_saved_model_is_fp32_and_near(split, baked, tmp_path):
    folder = ContestantFolder(tmp_path / "full")

    result = bake(spec_of(precision="bf16"), "full", split, folder, Progress())

    exact = baked["full"][1].figure("perplexity", "document").value
    assert result.figure("perplexity", "document").value == pytest.approx(exact, rel=0.03)
    assert json.loads((folder.model / "config.json").read_text())["dtype"] == "float32"
    assert transformers.AutoModelForCausalLM.from_pretrained(folder.model).dtype == torch.float32
    assert result.notes == ["Perplexity was computed in bf16."]


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({"judge": {"protocols": ["window"], "context_length": 512}}, "full", "fewer than one window of 512"),
        ({"judge": {"protocols": ["document"], "prompts": ["once " * 600]}}, "full", "the model sees no more than 512"),
        ({"contestants": {"lora": {"method": "lora", "target_modules": ["query"]}}}, "lora", "q_proj"),
        ({"model": "stories26k"}, "full", "Did you mean stories260k"),
    ],
)
def test_mistakes_are_found_before_any_training(split, tmp_path, monkeypatch, changes, name, expected):
    monkeypatch.setattr("bakeoff.lm.contestants.train", lambda *_: pytest.fail("trained"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(UserError, match=expected):
        bake(spec_of(**changes), name, split, ContestantFolder(tmp_path / name), Progress())


def test_texts_are_written_in_fp32_whatever_the_judge_computes_in(split, tmp_path):
    judge = {"context_length": 64, "prompts": ["Once upon a time"] * 2, "max_new_tokens": 64, "resamples": 50}
    spec = spec_of("stories260k", contestants={"pretrained": {"method": "pretrained"}}, precision="bf16", judge=judge)
    folder = ContestantFolder(tmp_path / "pretrained")

    result = bake(spec, "pretrained", split, folder, Progress())

    sample, _ = folder.samples()
    assert result.notes == ["Perplexity was computed in bf16."]
    assert sample.text == load_language_model("stories260k").generate("Once upon a time", max_new_tokens=64)
    assert (sample.engine, sample.tokens) == ("openvino", 64)
