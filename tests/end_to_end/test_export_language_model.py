"""Exporting language models through the command line, on the small run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import peft
import pytest
import torch
import transformers

from bakeoff.lm.exporting import gguf_model
from bakeoff.methods.few_shot.method import FewShotMethod
from bakeoff.methods.lora.config import LoraConfig
from bakeoff.methods.lora.method import LoraMethod
from bakeoff.methods.pretrained.config import PretrainedConfig
from bakeoff.methods.pretrained.method import PretrainedMethod
from bakeoff.pretrained.packaged_models import packaged_folder
from tests.command import bakeoff, refused

IDS = torch.tensor([[1, 403, 407, 261, 378, 432, 376, 298]])


@pytest.fixture(scope="module")
def expected(language_model_run) -> torch.Tensor:
    """Logits of the base model with the adapter on it, by transformers and PEFT alone."""
    base = transformers.AutoModelForCausalLM.from_pretrained(packaged_folder("stories260k"))
    adapted = peft.PeftModel.from_pretrained(base, language_model_run / "contestants" / "lora" / "model")
    with torch.no_grad():
        return adapted(IDS).logits


@pytest.fixture
def export(language_model_run, tmp_path):
    def export(format: str) -> tuple[Path, dict]:
        typed = bakeoff(
            "export", language_model_run, "-o", tmp_path / "out", "--contestant", "lora", "--to", format, "--json"
        )
        assert typed.code == 0, typed.err
        parity = typed.json["parity"]
        assert set(typed.json["files"]) == {file.name for file in (tmp_path / "out").iterdir()}
        assert abs(parity["exported"] / parity["original"] - 1) <= parity["tolerance"]
        assert "the run's validation text (wikitext-2-part)" in parity["source"]
        assert f"{parity['exported']:.4f} as read by {parity['program']}" in (tmp_path / "out/README.md").read_text()
        return tmp_path / "out", typed.json

    return export


def test_a_merged_folder_is_one_of_transformers(export, expected):
    folder, _ = export("merged")

    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        assert torch.allclose(model(IDS).logits, expected, atol=1e-4)
    assert transformers.AutoTokenizer.from_pretrained(folder)("Once upon a time")["input_ids"] == [403, 407, 261, 378]


@pytest.mark.parametrize(("format", "kind", "worst"), [("gguf", "F16", 0.01), ("gguf-q8_0", "Q8_0", 0.5)])
def test_a_gguf_file_holds_the_whole_model_and_its_tokenizer(export, expected, format, kind, worst):
    folder, said = export(format)

    (file,) = folder.glob("*.gguf")
    tensors = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(file).tensors}
    assert tensors["blk.0.attn_q.weight"] == kind
    assert tensors["blk.0.attn_norm.weight"] == "F32"
    assert "output.weight" not in tensors  # tied
    assert said["parity"]["program"] == f"transformers {transformers.__version__}"
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=file.name, dtype=torch.float32)
    with torch.no_grad():
        assert 0 < (model(IDS).logits - expected).abs().max() < worst


def test_the_adapter_alone_has_peft_s_matrices_in_llama_cpp_s_order(export, language_model_run):
    from safetensors.torch import load_file

    folder, _ = export("gguf-adapter")

    reader = gguf.GGUFReader(folder / "adapter-f32.gguf")
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    saved = load_file(language_model_run / "contestants/lora/model/adapter_model.safetensors")
    prefix = "base_model.model.model.layers.0.self_attn"
    assert len(tensors) == len(saved)
    assert reader.get_field("adapter.lora.alpha").contents() == 32
    assert np.array_equal(tensors["blk.0.attn_q.weight.lora_a"], saved[f"{prefix}.q_proj.lora_A.weight"])
    assert np.array_equal(tensors["blk.0.attn_v.weight.lora_b"], saved[f"{prefix}.v_proj.lora_B.weight"])
    # Eight heads of size 8: llama.cpp rotates neighbours, transformers the first half of a head against the second.
    order = [8 * head + place for head in range(8) for place in (0, 4, 1, 5, 2, 6, 3, 7)]
    assert np.array_equal(tensors["blk.0.attn_q.weight.lora_b"], saved[f"{prefix}.q_proj.lora_B.weight"][order])


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_a_graph_runs_without_torch_and_bakeoff(export, expected, format, language_model_run):
    folder, _ = export(format)
    code = (
        "import sys, numpy; from generate import generate, load; from pathlib import Path\n"
        f"print(numpy.round(load(Path('.'))(numpy.array({IDS.tolist()}))[0, -1, :5], 3).tolist())\n"
        "print(generate('Once upon a time', 8))\n"
        "assert not {'torch', 'bakeoff', 'transformers'} & set(sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    logits, text = done.stdout.split("\n", 1)
    assert np.allclose(eval(logits), expected[0, -1, :5], atol=2e-3)  # noqa: S307 (numbers that this test printed)
    contestant = language_model_run / "contestants" / "lora"
    typed = bakeoff("generate", contestant, "Once upon a time", "--max-new-tokens", "8", "--temperature", "0")
    assert text.strip() == typed.out.strip()
    assert "openvino_telemetry" not in sys.modules  # which reports usage over the network


def test_the_default_is_the_merged_folder_of_the_best_and_parity_is_printed(language_model_run, tmp_path):
    typed = bakeoff("export", language_model_run, "-o", tmp_path / "my out")

    assert typed.code == 0, typed.err
    assert re.search(
        r"Perplexity on [\d,]+ tokens of the run's validation text .*: [\d.]+ as trained, [\d.]+ as read", typed.out
    )
    assert "at most 0.01% is allowed" in typed.out
    assert (tmp_path / "my out" / "model.safetensors").exists()
    (command,) = re.findall(r"^Try it: (.+)$", typed.out, re.MULTILINE)
    assert shlex.split(command)[-1] == str(tmp_path / "my out")


def test_an_export_that_predicts_otherwise_is_refused(language_model_run, tmp_path, monkeypatch):
    monkeypatch.setattr(gguf_model, "rotated", lambda rows, name, config: rows)

    said = refused("export", language_model_run, "-o", tmp_path / "out", "--contestant", "full", "--to", "gguf")

    assert "The exported model differs from the contestant." in said
    assert list(tmp_path.iterdir()) == []


def test_what_a_contestant_cannot_be_written_in(language_model_run, tmp_path):
    asked = ("export", language_model_run, "-o", tmp_path / "out", "--contestant")
    said = refused(*asked, "full", "--to", "gguf-adapter")

    assert "'full' is of method full; this method has no export to gguf-adapter" in said
    assert "lora: merged, gguf, gguf-q8_0, onnx, openvino, gguf-adapter" in said
    assert "has no contestant 'lroa'" in refused(
        "export", language_model_run, "-o", tmp_path / "out", "--contestant", "lroa"
    )


def test_a_method_says_for_which_settings_it_has_no_file():
    method = LoraMethod()

    assert "merged" in str(method.export_refusal(LoraConfig(merge=True), "gguf-adapter"))
    assert "dora" in str(method.export_refusal(LoraConfig(variant="dora"), "gguf-adapter"))
    assert "stored in" in str(method.export_refusal(LoraConfig(quantization="int8"), "merged"))
    assert method.export_refusal(LoraConfig(variant="dora"), "gguf") is None
    assert "stored in nf4" in str(PretrainedMethod().export_refusal(PretrainedConfig(quantization="nf4"), "gguf"))
    assert PretrainedMethod().export_refusal(PretrainedConfig(), "gguf") is None
    assert FewShotMethod().exports == ()
