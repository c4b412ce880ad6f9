"""A linear model inside a transformer."""

from __future__ import annotations

import numpy as np
import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file

from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear_part.fitting import fit_linear_part, linear_answers
from bakeoff.methods.saved import CalibratedClassifier, write_classifier
from bakeoff.methods.transformer.config import TransformerConfig
from bakeoff.methods.transformer.learner import TransformerLearner
from bakeoff.methods.transformer.model import TransformerModel
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.tasks.classifier import load_classifier
from bakeoff.training.progress import Progress
from tests.baking import bake, plan
from tests.methods.small_data import config, small_table
from tests.methods.small_transformers import model_folder
from tests.methods.transformer.test_method import StopsAt

TABLE = small_table()
LINEAR = {"ngrams": "words", "min_document_frequency": 1}
CONTESTANTS = [("bert", "full"), ("bert", "lora"), ("llama", "full"), ("llama", "lora")]

pytestmark = pytest.mark.usefixtures("one_thread")
every_kind = pytest.mark.parametrize(("kind", "tuning"), CONTESTANTS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {kind: model_folder(tmp_path_factory.mktemp(kind), kind) for kind in ("bert", "llama")}


@pytest.fixture(scope="module")
def part():
    return fit_linear_part(TABLE.train, LinearConfig.model_validate(LINEAR), seed=1)


def settings_of(model, tuning, **changes):
    small = {"max_length": 32, "precision": "fp32", "learning_rate": 1e-3, "batch_size": 16}
    return {"model": str(model), "tuning": tuning, "linear_part": LINEAR, **small, **changes}


def learner_of(model, tuning, part):
    return TransformerLearner(TABLE, TransformerConfig.model_validate(settings_of(model, tuning)), 1, part)


def moved(learner):
    """Return the trained weights, each moved at random, as if they had learned something."""
    torch.manual_seed(4)
    trained = {name: each for name, each in learner.model.named_parameters() if each.requires_grad}
    return {name: each.detach() + 0.1 * torch.randn_like(each) for name, each in trained.items()}


def assert_answers_like_the_linear_part(learner, part):
    batch = learner.steps(1)[0][0]

    loss = learner.loss(batch).total.item()

    answers = part.training.logits[batch.rows]
    expected = torch.nn.functional.cross_entropy(answers, torch.tensor(TABLE.train.labels)[batch.rows], reduction="sum")
    assert loss == pytest.approx(expected.item())
    probabilities = learner.classifier.probabilities(learner.validation, learner.linear_validation)
    assert probabilities == pytest.approx(part.model.probabilities(TABLE.validation.texts), abs=1e-6)


@every_kind
def test_before_the_first_step_the_linear_part_answers_alone_and_then_every_weight_learns(folders, part, kind, tuning):
    learner = learner_of(folders[kind], tuning, part)
    assert_answers_like_the_linear_part(learner, part)
    trained = {name: each for name, each in learner.model.named_parameters() if each.requires_grad}

    optimizer = torch.optim.SGD(trained.values(), lr=0.1)
    for (batch,) in learner.steps(1)[:4]:  # what is below layers of zeros learns from the steps after the first
        optimizer.zero_grad()
        learner.loss(batch).total.backward()
        optimizer.step()

    assert [name for name, each in trained.items() if not each.grad.any()] == []


def test_a_head_that_knows_these_labels_starts_at_zero_too(folders, part, tmp_path):
    plain = TransformerLearner(TABLE, TransformerConfig(model=str(folders["bert"]), tuning="full", max_length=32), 1)
    plain.save_model(tmp_path, moved(plain))

    assert_answers_like_the_linear_part(learner_of(tmp_path, "full", part), part)


@every_kind
def test_its_logits_are_those_of_plain_libraries_of_the_linear_model_and_of_the_evidence(
    folders, part, tmp_path, kind, tuning
):
    learner = learner_of(folders[kind], tuning, part)
    learner.save_model(tmp_path, moved(learner))
    settings = TransformerConfig.model_validate(settings_of(folders[kind], tuning))
    labels = TABLE.label_names
    write_classifier(tmp_path, CalibratedClassifier("transformer", labels, settings.model_dump(mode="json"), 1.0))
    loaded = TransformerModel.load(tmp_path, settings, labels, "fp32")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    if tuning == "full":
        plain, report = transformers.AutoModelForSequenceClassification.from_pretrained(
            tmp_path, output_loading_info=True
        )
        assert not any(report.values())
    else:
        plain = peft.AutoPeftModelForSequenceClassification.from_pretrained(tmp_path)
        plain.config.pad_token_id = tokenizer.pad_token_id
    texts = [text for text in TABLE.test.texts if len(tokenizer(text)["input_ids"]) <= 32][:9]

    found = load_classifier(tmp_path).probabilities(texts)

    tokens = tokenizer(texts, padding=True, return_tensors="pt")
    answers = linear_answers(part.model, texts)
    with torch.no_grad():
        network = plain.eval()(**tokens).logits
        evidence = loaded.network.evidence(answers.evidence, tokens["attention_mask"].sum(dim=1))
    assert evidence.std() > 1e-2
    assert network.std() > 1e-2
    assert found == pytest.approx((network + answers.logits + evidence).softmax(dim=1).numpy(), abs=1e-5)
    alone = np.concatenate([load_classifier(tmp_path).probabilities([text]) for text in texts[:3]])
    assert found[:3] == pytest.approx(alone, abs=1e-5)
    assert loaded.parameters == learner.total_parameters + part.model.parameters


@pytest.mark.parametrize(("kind", "tuning", "precision"), [("bert", "full", "bf16"), ("llama", "lora", "fp32")])
def test_a_resumed_training_ends_as_an_uninterrupted_and_as_a_planned_one(folders, tmp_path, kind, tuning, precision):
    checked = config({"transformer": settings_of(folders[kind], tuning, precision=precision)}, epochs=2)
    whole, broken = ContestantFolder(tmp_path / "whole"), ContestantFolder(tmp_path / "broken")
    planned = plan(checked, TABLE)["transformer"]
    result = bake(checked, "transformer", TABLE, whole, Progress())

    with pytest.raises(KeyboardInterrupt):
        bake(checked, "transformer", TABLE, broken, StopsAt(11))  # in the second of two epochs of eight steps
    bake(checked, "transformer", TABLE, broken)

    assert broken.scores().equals(whole.scores())
    files = sorted(path.relative_to(whole.model) for path in whole.model.rglob("*.safetensors"))
    assert len(files) == 3
    assert [(whole.model / file).read_bytes() == (broken.model / file).read_bytes() for file in files] == [True] * 3
    assert (planned.steps, planned.tokens) == (result.training.steps, result.training.tokens)
    assert planned.trainable_parameters == result.trainable_parameters
    assert planned.total_parameters == result.total_parameters
    assert planned.model_bytes == pytest.approx(result.model_bytes, rel=0.1)
    assert any("linear part" in note for note in planned.notes)
    assert any("linear part" in note for note in result.notes)
    assert result.description.endswith("on top of a linear model")
    evidence = load_file(whole.model / "linear_part" / "evidence.safetensors")
    assert evidence["output.weight"].abs().max() > 0


@pytest.mark.parametrize(
    ("kind", "tuning", "faster"),
    [("bert", "full", {"network.classifier", "evidence.hidden"}), ("llama", "full", {"evidence.hidden"}),
     ("llama", "lora", set())],
)  # fmt: skip
def test_the_layers_of_the_evidence_are_as_new_as_an_encoder_s_head(folders, part, kind, tuning, faster):
    rates = learner_of(folders[kind], tuning, part).rate_multipliers()

    ends = ("classifier.weight", "hidden.weight")
    assert {name.removesuffix(".weight") for name in rates if name.endswith(ends)} == faster
