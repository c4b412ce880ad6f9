"""A transformer from config to result: plan, resume, and what is refused."""

from __future__ import annotations

import peft
import pytest
import torch
from safetensors.torch import load_file

from bakeoff.config.load import load_config
from bakeoff.errors import UserError
from bakeoff.methods.transformer.config import LEARNING_RATES
from bakeoff.pretrained import sources
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.training.progress import Progress
from tests.baking import bake, plan
from tests.methods.small_data import config, small_table
from tests.methods.small_transformers import model_folder
from tests.pretrained.small_gguf import write_gguf

TABLE = small_table()


pytestmark = pytest.mark.usefixtures("one_thread")


def config_of(model, **settings):
    small = {"model": str(model), "max_length": 32, "precision": "fp32", "learning_rate": 1e-3}
    return config({"transformer": {**small, **settings}}, epochs=2)


class StopsAt(Progress):
    """As if the process was killed after a step."""

    def __init__(self, step: int) -> None:
        self._step = step

    def step(self, line, share):
        if line.step == self._step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_quantized_weights_are_refused(tmp_path, monkeypatch, tuning):
    """Of a contestant that brings them along: training would change only the weights that are no integers."""
    model, tokenizer, _ = sources.load_weights(str(model_folder(tmp_path / "m", "llama")), labels=TABLE.label_names)
    next(layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)).weight.SCB = torch.ones(1)
    monkeypatch.setattr("bakeoff.methods.transformer.learner.load_weights", lambda *_, **__: (model, tokenizer, "int8"))

    with pytest.raises(UserError, match="`transformer` cannot train some-model: its weights are quantized"):
        plan(config_of("some-model", tuning=tuning), TABLE)


@pytest.mark.parametrize("tuning", ["full", "lora"])
@pytest.mark.parametrize("kind", ["llama", "bert"])
def test_a_resumed_training_ends_as_an_uninterrupted_one(tmp_path, kind, tuning):
    """BERT has dropout of its own, and its pooler and head begin with random weights."""
    checked = config_of(model_folder(tmp_path / "model", kind), tuning=tuning)
    whole, broken = ContestantFolder(tmp_path / "whole"), ContestantFolder(tmp_path / "broken")
    bake(checked, "transformer", TABLE, whole)

    with pytest.raises(KeyboardInterrupt):
        bake(checked, "transformer", TABLE, broken, StopsAt(11))  # in the second of two epochs of eight steps
    bake(checked, "transformer", TABLE, broken)

    assert [line.loss for line in broken.training_log()[0]] == [line.loss for line in whole.training_log()[0]]
    assert broken.scores().equals(whole.scores())
    for file in whole.model.glob("*.safetensors"):
        assert file.read_bytes() == (broken.model / file.name).read_bytes()


@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_what_is_planned_is_what_then_happens(tmp_path, tuning):
    checked = config_of(model_folder(tmp_path / "model", "llama"), tuning=tuning)

    planned = plan(checked, TABLE)["transformer"]

    result = bake(checked, "transformer", TABLE, ContestantFolder(tmp_path / "baked"), Progress())
    cost = result.training
    assert (planned.steps, planned.tokens, planned.epochs) == (cost.steps, cost.tokens, cost.epochs)
    assert planned.training_seconds > 0
    assert (planned.trainable_parameters, planned.total_parameters) == (
        result.trainable_parameters,
        result.total_parameters,
    )
    assert planned.model_bytes == pytest.approx(result.model_bytes, rel=0.1)


def test_bf16_is_said_and_what_is_trained_is_kept_in_fp32(tmp_path):
    folder = ContestantFolder(tmp_path / "baked")

    result = bake(config_of(model_folder(tmp_path / "m", "llama"), precision="bf16"), "transformer", TABLE, folder)

    assert result.training.precision == "bf16"
    assert "Probabilities were computed in bf16." in result.notes
    kept = load_file(folder.model / "adapter_model.safetensors")
    assert {each.dtype for each in kept.values()} == {torch.float32}
    assert any(not torch.equal(each, each.bfloat16().float()) for each in kept.values())


# --- settings ---------------------------------------------------------------------------------------------------------


def test_each_tuning_has_defaults_of_its_own():
    def settings(tuning: str):
        return config_with({"model": "stories260k", "tuning": tuning}).contestants["transformer"]

    lora, full = settings("lora"), settings("full")
    assert (lora.learning_rate, lora.r, lora.lora_alpha, lora.target_modules) == (5e-4, 16, 32, "all-linear")
    assert (full.learning_rate, full.r, full.lora_alpha, full.target_modules) == (3e-5, None, None, None)


def test_the_packaged_encoder_is_the_default():
    assert config_with({}).contestants["transformer"].model == "minilm-l6"


@pytest.mark.parametrize(("kind", "tuning"), [("bert", "full"), ("llama", "lora")])
def test_a_small_encoder_is_trained_in_full_and_a_language_model_gets_adapters(tmp_path, kind, tuning):
    folder = ContestantFolder(tmp_path / "baked")

    result = bake(config_of(model_folder(tmp_path / "m", kind), learning_rate=None), "transformer", TABLE, folder)

    assert result.settings["tuning"] == tuning
    assert result.settings["learning_rate"] == LEARNING_RATES[tuning]
    assert (folder.model / "adapter_config.json").exists() == (tuning == "lora")
    assert {"lora": "LoRA adapters", "full": "full fine-tuning"}[tuning] in result.description


def test_a_setting_for_adapters_asks_for_adapters():
    assert config_with({"r": 8}).contestants["transformer"].tuning == "lora"


def test_a_resolved_config_is_a_config():
    for tuning in ("auto", "lora", "full"):
        resolved = config_with({"model": "stories260k", "tuning": tuning})
        assert load_config(resolved.model_dump(mode="json")) == resolved


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": None}, "contestants.transformer.model"),
        ({"model": "gpt2", "tuning": "ful"}, "did you mean 'full'?"),
        ({"model": "gpt2", "tuning": "full", "r": 8}, "r is for `tuning: lora`, not for `tuning: full`"),
        ({"model": "gpt2", "max_lenght": 8}, "did you mean 'max_length'?"),
    ],
)
def test_settings_that_cannot_be_meant(settings, said):
    with pytest.raises(UserError) as caught:
        config_with(settings)

    assert said in str(caught.value)


def config_with(settings):
    return load_config(
        {"task": "classification", "data": {"table": "small.csv"}, "contestants": {"transformer": settings}}
    )


# --- models that cannot serve -----------------------------------------------------------------------------------------


def refused(model, folder, **settings) -> str:
    with pytest.raises(UserError) as caught:
        bake(config_of(model, **settings), "transformer", TABLE, ContestantFolder(folder / "baked"))
    assert not (folder / "baked" / "model").exists()
    return str(caught.value)


def test_a_model_that_does_not_exist(tmp_path):
    assert "There is no model ./no-such-folder" in refused("./no-such-folder", tmp_path)


@pytest.mark.parametrize("kind", ["llama", "bert"])
def test_a_folder_without_a_tokenizer(tmp_path, kind):
    folder = model_folder(tmp_path / "model", kind)
    for file in folder.glob("tokenizer*"):
        file.unlink()

    assert "tokenizer" in refused(folder, tmp_path)


def test_a_folder_without_weights(tmp_path):
    folder = model_folder(tmp_path / "model", "bert")
    (folder / "model.safetensors").unlink()

    assert "model.safetensors" in refused(folder, tmp_path)


def test_a_network_that_is_not_complete(tmp_path):
    """The head may be missing; a layer may not."""
    folder = model_folder(tmp_path / "model", "bert")
    path = folder / "config.json"
    path.write_text(path.read_text().replace('"num_hidden_layers": 2', '"num_hidden_layers": 3'))

    assert "bert.encoder.layer.2" in refused(folder, tmp_path)


def test_a_gguf_file_is_trained_and_one_without_a_layer_is_refused(tmp_path):
    write_gguf(tmp_path / "whole.gguf")
    write_gguf(tmp_path / "part.gguf", leave_out="blk.0.ffn_up")
    folder = ContestantFolder(tmp_path / "whole")

    bake(config_of(tmp_path / "whole.gguf", tuning="full"), "transformer", TABLE, folder, Progress())

    assert load_file(folder.model / "model.safetensors")["score.weight"].shape == (2, 32)
    assert "part.gguf does not hold all weights" in refused(tmp_path / "part.gguf", tmp_path)


def test_more_tokens_than_the_model_reads(tmp_path):
    said = refused(model_folder(tmp_path / "model", "gpt2"), tmp_path, max_length=65)

    assert "reads at most 64 tokens, and max_length is 65" in said
    assert "Set max_length to 64 or less" in said


def test_a_model_that_reads_one_text_and_writes_another(tmp_path):
    assert "encoder-decoder" in refused(model_folder(tmp_path / "model", "t5"), tmp_path)


def test_code_in_a_model_s_folder_is_not_run(tmp_path):
    folder = model_folder(tmp_path / "model", "llama")
    path = folder / "config.json"
    strange = '"model_type": "strange", "auto_map": {"AutoConfig": "code.Config"}'
    path.write_text(path.read_text().replace('"model_type": "llama"', strange))
    (folder / "code.py").write_text("raise SystemExit('this code was run')")

    assert "Python code of its own" in refused(folder, tmp_path)


def test_layers_that_do_not_exist(tmp_path):
    said = refused(model_folder(tmp_path / "model", "llama"), tmp_path, target_modules=["c_attn"])

    assert "q_proj" in said


def test_a_language_model_s_adapter_is_no_base(tmp_path):
    base = model_folder(tmp_path / "model", "llama")
    model, tokenizer, _ = sources.load_weights(str(base))
    peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", r=2)).save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")

    assert "cannot be put on" in refused(tmp_path / "adapter", tmp_path)
