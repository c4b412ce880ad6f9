"""Plan and train LoRA on a language model of 1 to 3 billion parameters whose frozen weights are quantized.

    python benchmarks/large_model.py --parameters 1.5e9
    python benchmarks/large_model.py --parameters 3e9 --quantization int8

The model is a Llama with random weights in bf16, written to a temporary folder (2 bytes per parameter), so its losses
say only that it learns. `bakeoff.plan` forecasts the bake-off, `bakeoff.run` runs it: loading, training, evaluating,
saving. Memory is the peak of the resident set. It includes pages of the model's files that are mapped while they are
read, which the system can drop at any time.
"""

from __future__ import annotations

import argparse
import json
import lzma
import resource
import tempfile
from pathlib import Path
from typing import Any

from bakeoff import machine
from bakeoff.data.files import packaged_file
from bakeoff.evaluation.wording import size

VOCABULARY = 49_152
CHARACTERS = {"train": 100_000, "validation": 600, "test": 600}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parameters", type=float, default=1.5e9, help="about so many")
    parser.add_argument("--quantization", choices=["int8", "nf4", "none"], default="nf4")
    parser.add_argument("--steps", type=int, default=6, help="of two blocks each")
    parser.add_argument("--max-length", type=int, default=256, help="tokens in a block")
    parser.add_argument("--folder", type=Path, help="of the temporary files (absent: the system's)")
    options = parser.parse_args(arguments)
    machine.prepare()  # before torch is imported
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary)
        write_model(folder / "model", options.parameters)
        run(config(folder, options), folder / "run")


def run(values: dict[str, Any], output: Path) -> None:
    """Plan and run a bake-off of one contestant, and print what was forecast and what happened."""
    import bakeoff
    from bakeoff.runs.contestant_folder import ContestantFolder

    machine.reset_peak_memory()
    planned = bakeoff.plan(values).contestants[0]
    print(
        f"planned: {size(planned.peak_memory_bytes)}, {planned.training_seconds / planned.steps:.1f} s a step, "
        f"{planned.total_seconds:.0f} s in all",
        flush=True,
    )
    (result,) = bakeoff.run(values, output).results
    cost = result.training
    steps, _ = ContestantFolder(output / "contestants" / "lora").training_log()
    print(
        f"run: {size(cost.peak_memory_bytes)}, {cost.seconds / cost.steps:.1f} s a step, {cost.total_seconds:.0f} s in "
        f"all, {cost.tokens / cost.seconds:.0f} tokens a second in {cost.precision}"
    )
    print(f"losses of {cost.steps} steps: {', '.join(f'{step.loss:.3f}' for step in steps)}")
    print(f"{result.trainable_parameters:,} of {result.total_parameters:,} parameters were trained")
    print(f"peak of the whole process: {size(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)}")


def config(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the config, and write the beginnings of the packaged text for it."""
    data = {}
    for split, characters in CHARACTERS.items():
        text = lzma.decompress(packaged_file("wikitext-2-part", f"{split}.raw.xz")).decode()
        data[split] = str(folder / f"{split}.txt")
        Path(data[split]).write_text(text[:characters], encoding="utf-8")
    lora = {
        "quantization": None if options.quantization == "none" else options.quantization,
        "activation_checkpointing": True,
        "max_length": options.max_length,
        "batch_size": 2,
    }
    return {
        "task": "language-model",
        "model": str(folder / "model"),
        "data": data,
        "budget": {"tokens": options.steps * 2 * options.max_length, "evaluations": 1},
        "contestants": {"lora": lora},
        "evaluation": {"protocols": ["document"], "prompts": []},
    }


def write_model(folder: Path, parameters: float) -> None:
    """Write a Llama with random weights in bf16, a file for each layer, and the tokenizer of stories260k."""
    import torch
    import transformers
    from safetensors.torch import save_file

    from bakeoff.pretrained.sources import load_tokenizer

    hidden = 256 * round((parameters * 80 / 11.25) ** (1 / 3) / 256)  # a layer has about 11.25 hidden^2 parameters
    llama = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=256 * round(2.75 * hidden / 256),
        num_hidden_layers=round((parameters - VOCABULARY * hidden) / (11.25 * hidden**2)),
        num_attention_heads=hidden // 128,
        num_key_value_heads=hidden // 256,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        dtype=torch.bfloat16,
    )
    with torch.device("meta"):
        shapes = {name: weight.shape for name, weight in transformers.LlamaForCausalLM(llama).named_parameters()}
    folder.mkdir()
    llama.save_pretrained(folder)
    (folder / "config.json").write_text(
        json.dumps({**llama.to_dict(), "architectures": ["LlamaForCausalLM"], "dtype": "bfloat16"}), encoding="utf-8"
    )
    load_tokenizer("stories260k").save_pretrained(folder)
    torch.manual_seed(0)
    files: dict[str, str] = {}
    for name in shapes:
        layer = name.split(".")[2] if ".layers." in name else "rest"
        files[name] = f"model-{layer}.safetensors"
    for file in sorted(set(files.values())):
        save_file(
            {
                name: torch.ones(shape, dtype=torch.bfloat16)
                if len(shape) == 1
                else torch.empty(shape, dtype=torch.bfloat16).normal_(std=0.02)
                for name, shape in shapes.items()
                if files[name] == file
            },
            folder / file,
            metadata={"format": "pt"},
        )
    index = {"metadata": {}, "weight_map": files}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    count = sum(shape.numel() for shape in shapes.values())
    print(
        f"model: {count / 1e9:.2f} billion parameters, {llama.num_hidden_layers} layers of {hidden}, {size(2 * count)} "
        "in bf16",
        flush=True,
    )


if __name__ == "__main__":
    main()
