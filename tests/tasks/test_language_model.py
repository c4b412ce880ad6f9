"""Contestants from config to result; their models load with plain transformers and plain peft."""

from __future__ import annotations

import json
import math

import peft
import pytest
import torch
import transformers

from bakeoff.config.language_model import LanguageModelConfig
from bakeoff.errors import UserError
from bakeoff.lm.batching import batches_of_rows
from bakeoff.lm.perplexity import plan_scoring
from bakeoff.lm.sources import load_language_model
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.tasks import evaluation_cost
from bakeoff.training.progress import Progress
from tests.baking import bake, plan
from tests.lm.conftest import random_gpt2

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = {
    "pretrained": {"method": "pretrained"},
    "full": {"method": "full", "max_length": 64, "learning_rate": 1e-3},
    "lora": {"method": "lora", "max_length": 64, "r": 2, "learning_rate": 1e-2},
    "lora-lines": {
        "method": "lora", "sequences": "lines", "max_length": 32, "r": 2, "lora_dropout": 0.1,
        "target_modules": "all-linear", "learning_rate": 1e-2,
    },
    "rslora": {"method": "lora", "max_length": 64, "variant": "rslora", "r": 16, "learning_rate": 5e-3},
    "dora": {"method": "lora", "max_length": 64, "variant": "dora", "r": 2, "learning_rate": 1e-2},
    "pissa": {"method": "lora", "max_length": 64, "variant": "pissa", "r": 2, "learning_rate": 5e-3},
    "loraplus": {"method": "lora", "max_length": 64, "variant": "loraplus", "r": 2, "learning_rate": 2e-3},
    "merged": {"method": "lora", "max_length": 64, "r": 2, "learning_rate": 1e-2, "merge": True},
    "auto": {"method": "full", "max_length": 64, "learning_rate": "auto"},
    "lora-auto": {"method": "lora", "sequences": "lines", "r": 2, "lora_dropout": 0.1, "learning_rate": "auto"},
}  # fmt: skip
for each in SETTINGS.values():
    if each["method"] == "lora":
        each.setdefault("target_modules", "default")  # few layers: quick
ADAPTERS = ["lora", "lora-lines", "rslora", "dora", "pissa", "loraplus"]


def config_of(model: str = "stories260k", **changes) -> LanguageModelConfig:
    values = {
        "task": "language-model",
        "model": model,
        "data": {"text": "not read here"},
        "budget": {"epochs": 2},
        "contestants": SETTINGS,
        "evaluation": {"context_length": 64, "prompts": ["Once upon a time"], "max_new_tokens": 8, "resamples": 50},
        "precision": "fp32",
    }
    return LanguageModelConfig.model_validate({**values, **changes})


@pytest.fixture(scope="module")
def baked(split, tmp_path_factory):
    """Every contestant, baked once: its folder and its result."""
    path = tmp_path_factory.mktemp("contestants")

    def one(name):
        folder = ContestantFolder(path / name)
        return folder, bake(config_of(), name, split, folder)

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
    metrics = {name: result.metric("perplexity", "document").value for name, (_, result) in baked.items()}

    assert metrics["full"] < 0.8 * metrics["pretrained"]
    assert all(metrics[name] < 0.95 * metrics["pretrained"] for name in ADAPTERS)


def test_metrics_are_named_by_their_protocol(baked):
    for _, result in baked.values():
        assert [(metric.name, metric.protocol) for metric in result.metrics] == [
            ("perplexity", "window(context=64, stride=32)"),
            ("perplexity", "document(context=64)"),
            ("word_perplexity", "document(context=64)"),
            ("byte_perplexity", "document(context=64)"),
            ("bits_per_byte", "document(context=64)"),
            ("perplexity", "lab(context=64)"),
        ]
        assert all(metric.low < metric.value < metric.high for metric in result.metrics if metric.low is not None)


def test_parameters_are_counted(baked):
    counts = {name: (result.trainable_parameters, result.total_parameters) for name, (_, result) in baked.items()}

    assert counts["pretrained"] == (0, 260_032)
    assert counts["full"] == (260_032, 260_032)
    # r * (inputs + outputs) for q_proj (64 to 64) and v_proj (64 to 32) in each of 5 layers
    assert counts["lora"] == (5 * 2 * (128 + 96), 260_032 + 5 * 2 * (128 + 96))
    assert counts["pissa"] == counts["loraplus"] == counts["lora"]
    assert counts["dora"][0] == counts["lora"][0] + 5 * 96  # a length for each row


def test_scores_hold_what_the_metrics_sum_up(baked):
    folder, result = baked["full"]
    rows = [row for row in folder.scores().to_pylist() if row["protocol"].startswith("document")]

    mean = sum(row["nll"] for row in rows) / sum(row["tokens"] for row in rows)
    assert result.metric("perplexity", "document").value == pytest.approx(math.exp(mean))
    assert {row["document"] for row in rows} == {"Harbour", "Lily", "Café"}


def test_a_full_model_loads_with_plain_transformers(baked, corpus):
    folder, _ = baked["full"]
    plain = transformers.AutoModelForCausalLM.from_pretrained(folder.model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder.model)

    found = load_language_model(str(folder.path)).perplexity(corpus, protocol="document", context_length=512)
    assert plain.dtype == torch.float32
    assert found.nll == pytest.approx(document_loss(plain, tokenizer, corpus), rel=1e-5)


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_loads_with_plain_peft(baked, corpus, name):
    folder, _ = baked[name]
    plain = peft.AutoPeftModelForCausalLM.from_pretrained(folder.model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder.model)

    found = load_language_model(str(folder.path)).perplexity(corpus, protocol="document", context_length=512)
    assert found.nll == pytest.approx(document_loss(plain, tokenizer, corpus), rel=1e-5)
    assert json.loads((folder.model / "base_model.json").read_text()) == {"base_model": "stories260k"}


def test_a_merged_model_is_the_adapted_one_and_loads_with_plain_transformers(baked, corpus):
    folder, result = baked["merged"]
    plain = transformers.AutoModelForCausalLM.from_pretrained(folder.model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder.model)

    apart = baked["lora"][1].metric("perplexity", "window").value
    assert result.metric("perplexity", "window").value == pytest.approx(apart, rel=1e-4)
    assert plain.dtype == torch.float32
    found = load_language_model(str(folder.path)).perplexity(corpus, protocol="document", context_length=512)
    assert found.nll == pytest.approx(document_loss(plain, tokenizer, corpus), rel=1e-5)
    assert not list(folder.model.glob("adapter*"))
    assert not (folder.model / "base_model.json").exists()
    assert result.notes == []


def test_merging_that_shows_is_said_with_both_perplexities(split, tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.methods.lora.merging.TOLERANCE", -1.0)
    said = []

    class Listening(Progress):
        def message(self, text):
            said.append(text)

    result = bake(config_of(), "merged", split, ContestantFolder(tmp_path / "merged"), Listening())

    found = result.metric("perplexity", "window").value
    (note,) = result.notes
    assert said == [f"merged: {note}"]
    assert note.startswith(
        f"Merged into the model, the adapter has a perplexity of {found:.4f}; computed apart from it"
    )
    assert note.endswith("(window(context=64, stride=32), fp32).")
    apart = float(note.split("apart from it, ")[1].split(" ")[0])
    assert apart == pytest.approx(found, rel=1e-4)


def test_in_bf16_an_adapter_is_merged_in_fp32(split, tmp_path):
    """The base weights have more digits than bf16 keeps; the layers without an adapter must not lose them."""
    folder = ContestantFolder(tmp_path / "merged")

    bake(config_of(precision="bf16"), "merged", split, folder)

    merged = dict(transformers.AutoModelForCausalLM.from_pretrained(folder.model).named_parameters())
    base = dict(load_language_model("stories260k").model.named_parameters())
    untouched = [name for name in base if not name.endswith(("q_proj.weight", "v_proj.weight"))]
    assert all(torch.equal(merged[name], base[name]) for name in untouched)
    assert not torch.equal(base["model.embed_tokens.weight"], base["model.embed_tokens.weight"].bfloat16().float())


def test_a_rate_that_was_chosen_is_the_one_in_the_settings_and_the_notes(baked):
    _, result = baked["auto"]
    test = result.training.range_test

    assert result.settings["learning_rate"] == test.learning_rate
    assert test.learning_rate > 3e-4  # a model so small is trained with more than the usual 5e-5
    (note,) = result.notes
    assert note.startswith(f"The learning rate {test.learning_rate:g} was chosen by a range test of {test.steps} steps")
    assert note.endswith(f"{test.rates[-1]:g}: {test.losses[-1]:.4f}.")
    assert result.training.total_seconds > result.training.seconds + test.seconds
    assert baked["full"][1].training.range_test is None


@pytest.mark.parametrize("name", ["auto", "lora-auto", "pissa"])
def test_a_training_with_the_chosen_rate_is_the_same_to_the_bit(baked, split, tmp_path, name):
    """`auto` leaves no trace, and neither does a second start of PiSSA."""
    folder, result = baked[name]
    again = ContestantFolder(tmp_path / name)
    rate = result.settings["learning_rate"]

    bake(config_of(contestants={name: SETTINGS[name] | {"learning_rate": rate}}), name, split, again)

    for file in folder.model.glob("*.safetensors"):
        assert file.read_bytes() == (again.model / file.name).read_bytes()


def test_losses_of_a_small_training(baked):
    """Pinned to four decimals: a change here is a change of the method."""
    steps, epochs = baked["full"][0].training_log()

    assert [line.loss for line in steps] == pytest.approx([6.5775, 2.3504, 3.9345, 3.4686], abs=6e-5)
    assert [line.validation_loss for line in epochs] == pytest.approx([2.5717, 2.2488], abs=6e-5)


def test_the_best_epoch_s_validation_loss_is_that_of_the_saved_model(baked, split):
    folder, _ = baked["full"]
    best = min(line.validation_loss for line in folder.training_log()[1])
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


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora", "pissa", "loraplus"])
def test_gpt2_trains_without_a_warning(split, stories, tmp_path, recwarn, variant):
    """GPT-2 keeps its weights the other way round, which PEFT warns of where it is not told."""
    random_gpt2().save_pretrained(tmp_path / "gpt2")
    stories.tokenizer.save_pretrained(tmp_path / "gpt2")
    folder = ContestantFolder(tmp_path / "lora")
    contestants = {"lora": SETTINGS["lora"] | {"variant": variant, "merge": True}}

    result = bake(config_of(str(tmp_path / "gpt2"), contestants=contestants), "lora", split, folder)

    assert [str(warning.message) for warning in recwarn if "fan_in_fan_out" in str(warning.message)] == []
    lengths = 2 * 96 if variant == "dora" else 0
    assert result.trainable_parameters == 2 * 2 * (32 + 96) + lengths  # c_attn of two layers
    assert not result.notes  # merging did not show


def test_in_bf16_the_saved_model_is_fp32_and_near(split, baked, tmp_path):
    folder = ContestantFolder(tmp_path / "full")

    result = bake(config_of(precision="bf16"), "full", split, folder)

    exact = baked["full"][1].metric("perplexity", "document").value
    assert result.metric("perplexity", "document").value == pytest.approx(exact, rel=0.03)
    assert json.loads((folder.model / "config.json").read_text())["dtype"] == "float32"
    assert transformers.AutoModelForCausalLM.from_pretrained(folder.model).dtype == torch.float32
    assert result.notes == ["Perplexity was computed in bf16."]


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({"evaluation": {"protocols": ["window"], "context_length": 512}}, "full", "fewer than one window of 512"),
        (
            {"evaluation": {"protocols": ["document"], "prompts": ["once " * 600]}},
            "full",
            "the model sees no more than 512",
        ),
        ({"contestants": {"lora": {"method": "lora", "target_modules": ["query"]}}}, "lora", "q_proj"),
        ({"model": "stories26k"}, "full", "Did you mean stories260k"),
    ],
)
def test_mistakes_are_found_before_any_training(split, tmp_path, monkeypatch, changes, name, expected):
    monkeypatch.setattr("bakeoff.training.loop.train", lambda *_: pytest.fail("trained"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(UserError, match=expected):
        bake(config_of(**changes), name, split, ContestantFolder(tmp_path / name))


def test_texts_are_written_in_fp32_whatever_the_evaluation_computes_in(split, tmp_path):
    evaluation = {"context_length": 64, "prompts": ["Once upon a time"] * 2, "max_new_tokens": 64, "resamples": 50}
    config = config_of(
        "stories260k", contestants={"pretrained": {"method": "pretrained"}}, precision="bf16", evaluation=evaluation
    )
    folder = ContestantFolder(tmp_path / "pretrained")

    result = bake(config, "pretrained", split, folder)

    sample, _ = folder.samples()
    assert result.notes == ["Perplexity was computed in bf16."]
    assert sample.text == load_language_model("stories260k").generate("Once upon a time", max_new_tokens=64)
    assert (sample.engine, sample.tokens) == ("transformers", 64)  # several prompts are continued together


def test_under_torchrun_the_main_process_alone_generates_texts(split, tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.training.torchrun.is_main_process", lambda: False)
    monkeypatch.setattr("bakeoff.tasks.language_model.write_samples", lambda *_: pytest.fail("generated"))

    assert bake(config_of(), "pretrained", split, ContestantFolder(tmp_path / "pretrained")) is None


PLANNED = {**SETTINGS, "checkpointed": {**SETTINGS["full"], "activation_checkpointing": True}}
PLANNED_CONFIG = config_of(budget={"tokens": 700, "evaluations": 2}, contestants=PLANNED)


@pytest.fixture(scope="module")
def plans(split):
    return plan(PLANNED_CONFIG, split)


@pytest.mark.parametrize("name", PLANNED)
def test_what_is_counted_is_what_then_happens(plans, split, tmp_path, name):
    planned = plans[name]

    result = bake(PLANNED_CONFIG, name, split, ContestantFolder(tmp_path / name))

    cost = result.training
    assert (planned.steps, planned.tokens, planned.epochs) == (cost.steps, cost.tokens, cost.epochs)
    assert planned.trainable_parameters == result.trainable_parameters
    assert planned.total_parameters == result.total_parameters
    assert planned.model_bytes == pytest.approx(result.model_bytes, rel=0.25)
    assert planned.total_seconds > planned.training_seconds + planned.evaluation_seconds > 0
    assert planned.notes == (
        ["The range test takes up to 12 steps of its own, counted in the total time."] if "auto" in name else []
    )


def test_disk_holds_an_old_and_a_new_checkpoint(plans):
    full = plans["full"]

    assert full.disk_bytes == 2 * (full.model_bytes + 3 * 4 * 260_032)


def test_the_time_of_the_evaluation_grows_with_its_text(stories, split):
    scored = plan_scoring(stories.tokenizer, split.test, "document", model_context=512, context_length=64)
    batches = [batch for _, batch in batches_of_rows(scored.rows, 256)]

    once, twice = (evaluation_cost._scoring_seconds(stories, many) for many in (batches, batches * 400))

    assert twice > 20 * once > 0


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
def test_a_quantized_contestant_is_planned_trained_and_loaded_with_the_same_weights(split, tmp_path, quantization):
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is in the extra `quantization`")
    contestants = {
        "pretrained": {"method": "pretrained", "quantization": quantization},
        "lora": {**SETTINGS["lora"], "quantization": quantization},
    }
    config = config_of(contestants=contestants, budget={"epochs": 1})
    folders = {name: ContestantFolder(tmp_path / name) for name in contestants}

    planned = plan(config, split)
    results = {name: bake(config, name, split, folder) for name, folder in folders.items()}

    assert results["lora"].metrics[0].value < 0.8 * results["pretrained"].metrics[0].value
    for name, result in results.items():
        assert planned[name].total_parameters == result.total_parameters
        loaded = load_language_model(str(folders[name].path))
        assert {weight.dtype for weight in loaded.model.parameters()} > {torch.float32}
        metric = result.metric("perplexity", "document")
        perplexity = loaded.perplexity(split.test, protocol="document", context_length=64).perplexity
        assert perplexity == pytest.approx(metric.value, rel=1e-6)
    # Another arithmetic would show: plain PEFT puts the adapter on the base model's own weights.
    model = peft.PeftModel.from_pretrained(load_language_model("stories260k").model, folders["lora"].model)
    assert document_loss(model, loaded.tokenizer, split.test) != pytest.approx(math.log(metric.value), rel=1e-4)
    assert results["lora"].description.startswith(f"LoRA (variant `lora`, rank 2) on a base model in `{quantization}`")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"variant": "pissa"}, "needs the model's weights in fp32"),
        ({"merge": True}, "saves the model in fp32"),
        ({"quantization": "int4"}, "int8"),
    ],
)
def test_settings_that_do_not_go_with_quantized_weights_are_refused(settings, expected):
    with pytest.raises(ValueError, match=expected):
        config_of(contestants={"lora": {"method": "lora", "quantization": "nf4", **settings}})
