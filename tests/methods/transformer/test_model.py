"""Pretrained models as classifiers: what they compute is what plain transformers and plain peft compute."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import peft
import pytest
import torch
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from bakeoff.lm.sources import load_language_model
from bakeoff.methods.saved import CalibratedClassifier, write_classifier
from bakeoff.methods.transformer.config import TransformerConfig
from bakeoff.methods.transformer.learner import TransformerLearner
from bakeoff.pretrained.causality import is_causal
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import ContestantResult
from bakeoff.tasks.classifier import load_classifier
from tests.baking import bake
from tests.methods.small_data import FILLERS, TELLING, config, small_table
from tests.methods.small_transformers import DECODERS, KINDS, model_folder

TABLE = small_table()
TUNINGS = {"full": {"learning_rate": 3e-3}, "lora": {"learning_rate": 5e-3, "r": 8}}
CONTESTANTS = [(kind, tuning) for kind in KINDS for tuning in TUNINGS]
ODD_TEXTS = ["", "  \n", "?!", "dull " * 200, "日本語", "fine"]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {kind: model_folder(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


def settings_of(folder, tuning: str, **changes) -> dict:
    small = {"max_length": 32, "batch_size": 16, "precision": "fp32"}
    return {"model": str(folder), "tuning": tuning, **TUNINGS[tuning], **small, **changes}


@pytest.fixture(scope="module")
def saved(folders, tmp_path_factory):
    """Every kind with both tunings, its weights moved at random instead of trained: the folder."""

    def one(kind: str, tuning: str) -> Path:
        contestant = TransformerConfig.model_validate(settings_of(folders[kind], tuning))
        learner = TransformerLearner(TABLE, contestant, seed=1)
        torch.manual_seed(4)
        trained = {name: each for name, each in learner.model.named_parameters() if each.requires_grad}
        path = tmp_path_factory.mktemp(f"{kind}-{tuning}")
        learner.save_model(path, {name: each.detach() + 0.1 * torch.randn_like(each) for name, each in trained.items()})
        settings = contestant.model_dump(mode="json")
        write_classifier(path, CalibratedClassifier("transformer", TABLE.label_names, settings, temperature=1.0))
        return path

    return {each: one(*each) for each in CONTESTANTS}


@pytest.fixture(scope="module")
def baked(tmp_path_factory):
    """A real pretrained model with both tunings, trained: its folder and its result."""

    def one(tuning: str) -> tuple[ContestantFolder, ContestantResult]:
        folder = ContestantFolder(tmp_path_factory.mktemp(tuning) / "transformer")
        checked = config({"transformer": settings_of("stories260k", tuning)}, epochs=3)
        return folder, bake(checked, "transformer", TABLE, folder)

    return {tuning: one(tuning) for tuning in TUNINGS}


def plain_probabilities(model, tokenizer, texts: list[str]) -> np.ndarray:
    """By transformers alone, with its own padding, for texts that need no cutting."""
    with torch.no_grad():
        return model.eval()(**tokenizer(texts, padding=True, return_tensors="pt")).logits.softmax(dim=1).numpy()


@pytest.mark.parametrize("contestant", CONTESTANTS, ids="-".join)
def test_plain_libraries_load_it_and_compute_the_same(saved, contestant):
    folder = saved[contestant]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if contestant[1] == "full":
        plain = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
        assert plain.config.id2label == {0: "bad", 1: "good"}
    else:
        plain = peft.AutoPeftModelForSequenceClassification.from_pretrained(folder)
        plain.config.pad_token_id = tokenizer.pad_token_id
    texts = [text for text in TABLE.test.texts if len(tokenizer(text)["input_ids"]) <= 32][:9]

    found = load_classifier(folder).probabilities(texts)

    assert np.ptp(found[:, 0]) > 1e-3  # the texts differ
    assert found == pytest.approx(plain_probabilities(plain, tokenizer, texts), abs=1e-5)


@pytest.mark.parametrize("contestant", CONTESTANTS, ids="-".join)
def test_a_prediction_does_not_depend_on_its_neighbors(saved, contestant):
    classifier = load_classifier(saved[contestant])
    texts = [*ODD_TEXTS, *TABLE.test.texts[:12]]

    together = classifier.probabilities(texts)

    alone = np.concatenate([classifier.probabilities([text]) for text in texts])
    assert together == pytest.approx(alone, abs=1e-5)
    assert classifier.probabilities([]).shape == (0, 2)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 60), kind=st.sampled_from(["llama", "bert"]))
def test_the_size_of_a_batch_changes_neither_loss_nor_gradient(folders, monkeypatch, size, kind):
    contestant = TransformerConfig.model_validate(settings_of(folders[kind], "full", batch_size=60))
    learner = TransformerLearner(small_table(60), contestant, seed=1)
    learner.model.eval()  # dropout would draw other masks

    def loss_and_gradient(tokens: int) -> tuple[float, torch.Tensor]:
        monkeypatch.setattr("bakeoff.methods.transformer.learner.TOKENS_AT_ONCE", tokens)
        learner.model.zero_grad()
        (batches,) = learner.steps(1)
        losses = [learner.loss(batch).total for batch in batches]
        sum(losses).backward()
        return sum(losses).item(), torch.cat([each.grad.flatten() for each in learner.model.parameters()])

    whole, parts = loss_and_gradient(10**6), loss_and_gradient(32 * size)
    assert parts[0] == pytest.approx(whole[0], rel=1e-5)
    assert torch.allclose(parts[1], whole[1], atol=1e-5)


def test_balanced_weights_weigh_the_loss_as_those_of_scikit_learn(folders):
    table = small_table(60)
    table.train.labels[:12] = [0] * 12  # one class is rarer
    losses = {}
    for rule in ("none", "balanced"):
        contestant = TransformerConfig.model_validate(settings_of(folders["bert"], "full", class_weights=rule))
        learner = TransformerLearner(table, contestant, seed=1)
        learner.model.eval()
        batches = [batch for step in learner.steps(1) for whole in step for batch in whole.split(whole.count)]
        losses[rule] = {int(batch.rows[0]): learner.loss(batch).total.item() for batch in batches}
    weights = compute_sample_weight("balanced", table.train.labels)

    assert len(set(weights)) == 2
    for row, loss in losses["none"].items():
        assert losses["balanced"][row] == pytest.approx(loss * weights[row], rel=1e-4)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_real_pretrained_model_learns_and_its_best_weights_are_kept(baked, tuning):
    folder, result = baked[tuning]

    assert result.metrics[0].value >= 0.9
    _, epochs = folder.training_log()
    assert len(epochs) == 3
    best = max(epochs, key=lambda line: (line.validation_accuracy, -line.validation_loss))
    found = load_classifier(folder.model).model.probabilities(TABLE.validation.texts)
    losses = [-np.log(row[label]) for row, label in zip(found, TABLE.validation.labels, strict=True)]
    assert np.mean(losses) == pytest.approx(best.validation_loss, rel=1e-4)


def test_parameters_are_counted(baked):
    network = load_language_model("stories260k").model.num_parameters()
    head = 2 * 64
    # r * (inputs + outputs) of q, k, v, o, gate, up, down in 5 layers
    adapters = 5 * 8 * (128 + 96 + 96 + 128 + 3 * (64 + 172))

    full, lora = baked["full"][1], baked["lora"][1]
    assert full.trainable_parameters == full.total_parameters == lora.total_parameters == network + head
    assert lora.trainable_parameters == adapters + head


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_is_trained_beside_the_adapters_and_nothing_else(folders, kind):
    contestant = TransformerConfig.model_validate(settings_of(folders[kind], "lora"))
    learner = TransformerLearner(TABLE, contestant, seed=1)

    trained = {name for name, each in learner.model.named_parameters() if each.requires_grad and "lora_" not in name}

    heads = {
        "llama": {"score"}, "gpt2": {"score"}, "bert": {"pooler", "classifier"},
        "distilbert": {"pre_classifier", "classifier"}, "modernbert": {"head", "classifier"},
    }  # fmt: skip
    assert {name.split(".modules_to_save")[0].rsplit(".", 1)[-1] for name in trained} == heads[kind]


def test_a_new_head_prefers_no_class_and_the_seed_decides_the_rest_of_it(folders):
    def begun(seed: int) -> TransformerLearner:
        return TransformerLearner(TABLE, TransformerConfig.model_validate(settings_of(folders["bert"], "full")), seed)

    first, again, other = begun(1), begun(1), begun(2)
    assert first.validate().loss == pytest.approx(np.log(2))
    poolers = [learner.model.bert.pooler.dense.weight for learner in (first, again, other)]
    assert torch.equal(poolers[0], poolers[1])
    assert not torch.equal(poolers[0], poolers[2])


def test_next_to_nothing_is_padding(folders):
    contestant = TransformerConfig.model_validate(settings_of(folders["llama"], "full"))

    note = TransformerLearner(small_table(1000), contestant, seed=1).notes()[0]

    assert float(note.removesuffix("% of the work was padding.")) < 5


def test_a_long_text_keeps_both_ends_and_its_marks(folders):
    contestant = TransformerConfig.model_validate(settings_of(folders["bert"], "full", max_length=8))
    classifier = TransformerLearner(TABLE, contestant, seed=1).classifier
    words = [FILLERS[number % len(FILLERS)] for number in range(30)]

    cut = classifier.cut(classifier.encode([" ".join(words)]))

    kept = classifier.tokenizer.convert_ids_to_tokens(cut.ids.tolist())
    assert kept == ["[CLS]", *words[:3], *words[-3:], "[SEP]"]


@pytest.mark.parametrize("kind", KINDS)
def test_which_models_look_ahead(folders, kind):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folders[kind])

    assert is_causal(model) == (kind in DECODERS)


@pytest.mark.parametrize("labels", [2, 3])
def test_a_classifier_goes_on_with_its_head_where_the_number_of_labels_is_the_same(saved, labels):
    folder = saved["bert", "full"]
    contestant = TransformerConfig.model_validate(settings_of(folder, "full"))

    learner = TransformerLearner(small_table(classes=labels), contestant, seed=1)

    saved = transformers.AutoModelForSequenceClassification.from_pretrained(folder).classifier.weight
    assert learner.model.classifier.weight.shape[0] == labels
    assert torch.equal(learner.model.classifier.weight, saved) == (labels == 2)


def test_the_folder_says_what_it_is(baked):
    folder, result = baked["lora"]
    config = json.loads((folder.model / "classifier.json").read_text())

    assert (config["method"], config["labels"]) == ("transformer", list(TELLING)[:2])
    assert json.loads((folder.model / "adapter_config.json").read_text())["task_type"] == "SEQ_CLS"
    assert json.loads((folder.model / "base_model.json").read_text()) == {"base_model": "stories260k"}
    assert not list(folder.model.glob("*.bin"))
    assert "% of the work was padding" in result.notes[0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_s_new_head_learns_faster_than_its_pretrained_weights(folders, kind):
    learner = TransformerLearner(TABLE, TransformerConfig.model_validate(settings_of(folders[kind], "full")), seed=1)

    faster = learner.rate_multipliers()

    network = f"{learner.model.base_model_prefix}."
    own = {name for name, _ in learner.model.named_parameters() if not name.startswith(network) or "pooler" in name}
    assert faster.keys() == (own if kind not in DECODERS else set())
    assert all(rate > 1 for rate in faster.values())
