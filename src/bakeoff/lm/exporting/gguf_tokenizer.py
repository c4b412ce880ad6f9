"""Write a tokenizer into a GGUF file: byte-level BPE (GPT-2, SmolLM2, Llama 3) or SentencePiece BPE (Llama 2)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bakeoff.errors import UserError

if TYPE_CHECKING:
    import gguf

_GPT2_SPLIT = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Any, embeddings: int) -> None:
    """Add vocabulary, merges, special tokens and chat template.

    Args:
        embeddings: Number of ids that the model knows; those without a token get a name that no text spells.

    Raises:
        UserError: llama.cpp has no tokenizer that splits texts in this way.
    """
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    model = backend["model"]
    if model["type"] != "BPE" or model.get("dropout"):
        raise _unknown(f"its type is {model['type']}")
    tokens, types = _tokens(tokenizer, backend, embeddings)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    if model["byte_fallback"]:
        _add_sentencepiece(writer, backend, tokens, merges)
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(_byte_level_name(backend))
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    _add_special_tokens(writer, tokenizer)


def _tokens(tokenizer: Any, backend: dict[str, Any], embeddings: int) -> tuple[list[str], list[int]]:
    """Return the tokens by id and llama.cpp's type of each."""
    from gguf import TokenType

    tokens = [f"[PAD{id}]" for id in range(embeddings)]
    types = [int(TokenType.UNUSED)] * embeddings
    for token, id in tokenizer.get_vocab().items():
        tokens[id], types[id] = token, int(TokenType.NORMAL)
    if backend["model"]["byte_fallback"]:
        for id, token in enumerate(tokens):
            if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
                types[id] = int(TokenType.BYTE)
    for added in backend["added_tokens"]:
        types[added["id"]] = int(TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED)
    return tokens, types


def _add_sentencepiece(writer: gguf.GGUFWriter, backend: dict[str, Any], tokens: list[str], merges: list[str]) -> None:
    """Declare a tokenizer like Llama 2's. llama.cpp merges by a token's score: here, by the order of the merges."""
    text = json.dumps([backend["normalizer"], backend["pre_tokenizer"]], ensure_ascii=False)
    if "▁" not in text:
        raise _unknown("it has no mark for the beginning of a word")
    rank: dict[str, int] = {}
    for number, merge in enumerate(merges):
        rank.setdefault(merge.replace(" ", ""), number)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_scores([-float(rank.get(token, len(merges))) for token in tokens])
    prefix = '"Prepend"' in text or '"prepend_scheme": "first"' in text or '"prepend_scheme": "always"' in text
    writer.add_add_space_prefix(prefix)


def _byte_level_name(backend: dict[str, Any]) -> str:
    """Return llama.cpp's name for the way in which a byte-level tokenizer splits a text into words."""
    steps = backend["pre_tokenizer"] or {"type": "none"}
    steps = steps["pretokenizers"] if steps["type"] == "Sequence" else [steps]
    *splits, last = steps
    if last["type"] != "ByteLevel" or last["add_prefix_space"] or backend["normalizer"]:
        raise _unknown("it is not byte-level")
    patterns = [step["pattern"].get("Regex") if step["type"] == "Split" else step["type"] for step in splits]
    if last["use_regex"]:
        patterns.append(_GPT2_SPLIT)
    if patterns == [_GPT2_SPLIT]:
        return "gpt-2"
    if patterns == ["Digits", _GPT2_SPLIT] and splits[0]["individual_digits"]:
        return "smollm"
    if patterns == [_LLAMA3_SPLIT]:
        return "llama-bpe"
    raise _unknown("it splits texts by a rule of its own")


def _add_special_tokens(writer: gguf.GGUFWriter, tokenizer: Any) -> None:
    for add, id in (
        (writer.add_bos_token_id, tokenizer.bos_token_id),
        (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_unk_token_id, tokenizer.unk_token_id),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
    ):
        if id is not None:
            add(id)
    ids = tokenizer("a", verbose=False)["input_ids"]
    writer.add_add_bos_token(tokenizer.bos_token_id is not None and ids[0] == tokenizer.bos_token_id)
    writer.add_add_eos_token(tokenizer.eos_token_id is not None and ids[-1] == tokenizer.eos_token_id)
    if isinstance(tokenizer.chat_template, str):
        writer.add_chat_template(tokenizer.chat_template)


def _unknown(reason: str) -> UserError:
    return UserError(
        f"This model cannot be exported to GGUF: llama.cpp has no tokenizer like its own ({reason}).",
        "Tokenizers of GPT-2, SmolLM2, Llama 2 and Llama 3 can be written. Export it to another format: --to merged.",
    )
