"""Find and load models by name: hub ids, folders, GGUF files, packaged models, contestants of a run.

Code in a model's folder is never run.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from huggingface_hub import errors as hub_errors
from huggingface_hub import snapshot_download, try_to_load_from_cache
from safetensors import SafetensorError, safe_open

from bakeoff.copied_files import here, original
from bakeoff.errors import UserError
from bakeoff.pretrained.gguf_files import load_gguf, load_gguf_tokenizer
from bakeoff.pretrained.heads import agree_on_padding, begin_evenly, missing_weights, model_class, put_in_order
from bakeoff.pretrained.names import PACKAGED_MODELS
from bakeoff.pretrained.packaged_models import packaged_folder
from bakeoff.pretrained.pointer import pointed_base, read_pointer
from bakeoff.pretrained.quantization import is_quantized, quantizer
from bakeoff.pretrained.quiet import quiet_libraries
from bakeoff.pretrained.vocabulary import fit_vocabulary
from bakeoff.runs.checksums import check_folder
from bakeoff.sections import Quantization

_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
# Weights in safetensors only: pickled ones can run code when they are read.
_HUB_FILES = ("*.json", "*.jinja", "*.safetensors", "*.model", "*.txt", "*.tiktoken")
_SUBFOLDERS = "[!1]*/*"  # except 1_Pooling, by which sentence-transformers makes one vector of a text
_LOADING_ERRORS = (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError)


@dataclass(frozen=True)
class Source:
    """The place of a model on disk."""

    path: Path  # a folder, or a GGUF file
    reference: str  # what plain transformers would load, on the machine where the run began
    quantization: Quantization | None = None  # of a contestant that points at its base model


def load_weights(
    name: str,
    *,
    labels: Sequence[str] | None = None,
    merged: bool = True,
    cache: Path | None = None,
    quantization: Quantization | None = None,
) -> tuple[Any, Any, str]:
    """Load a model in fp32 on the CPU and its tokenizer; the third value is its name for plain transformers.

    Args:
        name: A hub id (`gpt2`), a folder in Hugging Face's or PEFT's format, a GGUF file, the packaged `minilm-l6`,
            `smollm2-135m` or `stories260k`, or a contestant of a run (`runs/NAME/contestants/full`).
        labels: Load a sequence classifier for these labels instead of a causal language model; for no labels at all,
            the network without an output layer. A head that the files lack, or have for another number of labels, is
            initialized: its output layer with zeros, layers before that with random weights (torch's generator). Where
            the files have as many labels, but others, only the output layer is.
        merged: Merge adapters into the model, unless its weights are quantized; False: keep them apart.
        cache: Folder for converted packaged models; absent: `bakeoff` in $XDG_CACHE_HOME or ~/.cache.
        quantization: Quantize the weights of the linear layers as they are read, so that the whole model is never in
            memory in full precision. A contestant brings its own.

    Raises:
        UserError: there is no such model, the hub cannot be reached, the files are damaged or of an unsupported kind,
            or bitsandbytes is missing.
    """
    source = find(name, cache)
    quantization = quantization or source.quantization
    is_adapter = (source.path / "adapter_config.json").exists()
    if quantization and (is_adapter or source.path.is_file()):
        raise UserError(
            f"{name} is {'an adapter' if is_adapter else 'a GGUF file'}, which `quantization: {quantization}` is not "
            "for: it reads whole models in safetensors.",
            "Give the folder or hub id of a whole model (a contestant `lora` with `merge: true` is one), or leave "
            "`quantization` out.",
        )
    with quiet_libraries():
        if source.path.is_file():
            model, tokenizer = load_gguf(source.path, labels or None)
        elif is_adapter:
            model, tokenizer = _load_adapter(source.path, labels, cache, merged=merged)
        else:
            model, tokenizer = _load_folder(source.path, labels, quantization)
    # Without tokenizer files, transformers makes one up that has special tokens only.
    if not tokenizer.get_vocab().keys() - set(tokenizer.all_special_tokens):
        raise UserError(
            f"{source.path} has no tokenizer.", "Put the model's own tokenizer.json (or vocabulary files) there."
        )
    if not tokenizer.is_fast:
        raise UserError(
            f"The tokenizer of {name} does not report where its tokens start in a text.",
            "Convert it to a tokenizer.json (transformers' fast tokenizers) and save it in the model's folder.",
        )
    if (broken := _not_finite(_stored(source.path) if quantization else model.named_parameters())) is not None:
        raise UserError(
            f"The weights of {name} are damaged: {broken} holds values that are not numbers.",
            "Copy the model again, or train it again.",
        )
    if labels:
        agree_on_padding(model, tokenizer)
    fit_vocabulary(model, tokenizer, name, pads=bool(labels))
    if labels is not None and not labels:
        model = model.base_model
    return model, tokenizer, source.reference


def load_tokenizer(name: str, cache: Path | None = None) -> Any:
    """Load only the tokenizer of a model, as `load_weights` does.

    Raises:
        UserError: there is no such model, or its tokenizer cannot be loaded.
    """
    source = find(name, cache)
    with quiet_libraries():
        if source.path.is_file():
            return load_gguf_tokenizer(source.path)
        if (source.path / "adapter_config.json").exists() and not (source.path / "tokenizer.json").exists():
            return load_tokenizer(base_of_adapter(source.path), cache)
        return _folder_tokenizer(source.path)


def find(name: str, cache: Path | None = None) -> Source:
    """Find the model `name`, and download or convert it if needed.

    Raises:
        UserError: there is no such model.
    """
    if name in PACKAGED_MODELS:
        folder = packaged_folder(name, cache)
        return Source(folder, str(folder))
    path = Path(here(name)).expanduser()
    if path.exists():
        return _local(path, cache)
    if name.startswith((".", "/", "~")) or path.suffix == ".gguf" or not _HUB_ID.fullmatch(name):
        raise UserError(f"There is no model {name}: the file or folder does not exist.", _near(name))
    return Source(_hub_folder(name), name)


def _local(path: Path, cache: Path | None) -> Source:
    if path.is_file():
        if path.suffix != ".gguf":
            raise UserError(
                f"{path} is not a model that can be read.", "Give the folder it is in, or a file that ends in .gguf."
            )
        return _found(path)
    for folder in (path, path / "model"):
        check_folder(folder)
        pointer = read_pointer(folder)
        if pointer is not None and not (folder / "adapter_config.json").exists():
            base = find(pointer.base_model, cache)
            return replace(base, quantization=pointer.quantization or base.quantization)
        if (folder / "config.json").exists() or (folder / "adapter_config.json").exists():
            return _found(folder)
    contestants = sorted(str(folder) for folder in path.glob("contestants/*"))
    if contestants:
        raise UserError(f"{path} is a run with several models.", f"Choose one: {', '.join(contestants)}.")
    raise UserError(
        f"The folder {path} has no model: there is neither config.json nor adapter_config.json.",
        "Give a folder that `save_pretrained` wrote, or a contestant of a run (RUN/contestants/NAME).",
    )


def _found(path: Path) -> Source:
    return Source(path.resolve(), original(str(path.resolve())))


def _hub_folder(name: str) -> Path:
    try:
        return Path(snapshot_download(name, allow_patterns=list(_HUB_FILES), ignore_patterns=[_SUBFOLDERS]))
    except (hub_errors.RepositoryNotFoundError, hub_errors.HFValidationError):
        raise UserError(f"There is no model {name!r} here or on the hub (or it is not public).", _near(name)) from None
    except (hub_errors.LocalEntryNotFoundError, hub_errors.OfflineModeIsEnabled, hub_errors.HfHubHTTPError, OSError):
        cached = try_to_load_from_cache(name, "config.json")
        if isinstance(cached, str):
            return Path(cached).parent
        raise UserError(
            f"The model {name!r} is not a folder here, not in the hub's cache, and the hub cannot be reached.",
            f"{_near(name)} Or point at a local copy: a folder with config.json and model.safetensors "
            f"(in a bake-off: --set model=PATH).",
        ) from None


def _load_folder(
    folder: Path, labels: Sequence[str] | None, quantization: Quantization | None = None
) -> tuple[Any, Any]:
    kind, settings = model_class(labels)
    loading = {"quantization_config": quantizer(quantization), "device_map": {"": "cpu"}} if quantization else {}
    try:
        own = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False).id2label if labels else {}
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False, **settings)
        if getattr(config, "quantization_config", None):
            raise ValueError("its weights are quantized already")
        if labels is not None and config.is_encoder_decoder:
            raise ValueError(f"{config.model_type} is an encoder-decoder, which reads one text and writes another")
        tokenizer = _folder_tokenizer(folder)
        model, report = kind.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=bool(labels),
            trust_remote_code=False,
            **loading,
        )
    except _LOADING_ERRORS as error:
        raise _cannot_be_loaded(folder, error, labels) from None
    if missing := missing_weights(model, report, labels):
        if labels is None and not any(name.startswith(f"{model.base_model_prefix}.") for name in missing):
            raise UserError(
                f"The model in {folder} has no output layer, so it cannot predict text.",
                "Choose a causal language model, such as gpt2 or smollm2-135m.",
            )
        raise UserError(
            f"The weights in {folder} do not fit its config.json: {missing[0]} is missing or of another shape "
            f"({len(missing)} in all).",
            "Copy the model again, all files from one place.",
        )
    if labels:
        begin_evenly(model, report)
        put_in_order(model, [str(own[row]) for row in sorted(own)], labels)
    return model.eval(), tokenizer


def _folder_tokenizer(folder: Path) -> Any:
    try:
        return transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # tokenizers raises nothing more special
        raise _cannot_be_loaded(folder, error, None) from None


def _cannot_be_loaded(folder: Path, error: BaseException, labels: Sequence[str] | None) -> UserError:
    if "trust_remote_code" in str(error):
        return UserError(
            f"The model in {folder} comes with Python code of its own, which bakeoff does not run.",
            "Choose a model of an architecture that transformers itself supports.",
        )
    needed = "a causal language model" if labels is None else "a causal language model or an encoder"
    return UserError(
        f"The model in {folder} cannot be loaded: {_first_line(error)}",
        f"It needs config.json of {needed}, model.safetensors and tokenizer.json, all complete.",
    )


def _load_adapter(folder: Path, labels: Sequence[str] | None, cache: Path | None, *, merged: bool) -> tuple[Any, Any]:
    """Load a base model with a PEFT adapter. Merged, it computes the same as fast as the base."""
    base, pointer = base_of_adapter(folder), read_pointer(folder)
    quantization = pointer.quantization if pointer else None
    # An adapter changes a model with its output layer, whatever is read from it.
    model, tokenizer, _ = load_weights(base, labels=labels or None, cache=cache, quantization=quantization)
    try:
        adapted = peft.PeftModel.from_pretrained(model, folder)
        # Quantized again, the sum would lose most of what was learned.
        if merged and not any(map(is_quantized, model.modules())):
            adapted = adapted.merge_and_unload().requires_grad_(True)  # PEFT has frozen all but the adapter
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, SafetensorError) as error:
        raise UserError(
            f"The adapter in {folder} cannot be put on {base}: {_first_line(error)}",
            "Adapters that change weights (such as LoRA) can be loaded, on the model they were trained on.",
        ) from None
    if (folder / "tokenizer.json").exists():
        tokenizer = _folder_tokenizer(folder)
    return adapted.eval(), tokenizer


def base_of_adapter(folder: Path) -> str:
    """Return the name of the model that the adapter in `folder` was trained on.

    Raises:
        UserError: its config is damaged, or names none.
    """
    try:
        config = peft.PeftConfig.from_pretrained(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}/adapter_config.json cannot be read: {_first_line(error)}") from None
    base = pointed_base(folder) or config.base_model_name_or_path
    if not base:
        raise UserError(
            f"{folder}/adapter_config.json does not name its base model.", "Add base_model_name_or_path to it."
        )
    return str(base)


def _not_finite(named: Iterable[tuple[str, torch.Tensor]]) -> str | None:
    """Return the name of a weight with values that are not numbers, or None. A sum shows them, and is fast."""
    sums = ((name, weight.detach().sum(dtype=torch.float32)) for name, weight in named)
    return next((name for name, total in sums if not torch.isfinite(total)), None)


def _stored(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the floating-point tensors in a folder's files, of which a quantized model no longer shows all values."""
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (it is no dict)
                if (tensor := file.get_tensor(name)).is_floating_point():
                    yield name, tensor


def context_length(model: Any, tokenizer: Any) -> int:
    """Return the number of tokens that the model was built for; 1,024 if neither model nor tokenizer says."""
    # Beside that of images, if there are any.
    own = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    for length in (own, tokenizer.model_max_length):
        if isinstance(length, int) and 0 < length < 1_000_000_000:
            return min([length, *_usable_positions(model)])
    return 1024


def _usable_positions(model: Any) -> Iterator[int]:
    """Yield how many tokens fit into each table of positions: 512 into the 514 rows of RoBERTa's.

    RoBERTa and its kin count from the row behind that of padding, which BERT and its kin do not have.
    """
    for module in model.modules():
        table: Any = getattr(module, "position_embeddings", None)
        padding = getattr(table, "padding_idx", None)
        if padding is not None:
            yield table.weight.shape[0] - padding - 1


def _near(name: str) -> str:
    near = difflib.get_close_matches(name.rsplit("/", 1)[-1], PACKAGED_MODELS, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {near[0]}?"
    return f"Packaged models: {', '.join(PACKAGED_MODELS)}."


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
