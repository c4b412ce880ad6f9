"""Every protocol equals an oracle that shares no code with it: token by token, or plain transformers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from bakeoff.data.types import Corpus
from bakeoff.errors import UserError
from bakeoff.lm import batching
from bakeoff.lm.forward import CausalForward
from bakeoff.lm.perplexity import plan_scoring, score, summary
from bakeoff.lm.protocols.registry import PROTOCOLS
from bakeoff.lm.sources import load_language_model
from tests.lm.conftest import ARTICLES, corpus_of

CONTEXT = 64
MODELS = ["stories", "gpt2"]


@pytest.fixture(params=MODELS)
def language_model(request):
    return request.getfixturevalue(request.param)


def token_loss(language_model, context: list[int], token: int) -> float:
    """Return -log p(token | context) from one call of plain transformers."""
    with torch.no_grad():
        logits = language_model.model(torch.tensor([context])).logits[0, -1]
    return float(-logits.double().log_softmax(-1)[token])


def perplexity(language_model, corpus: Corpus, protocol: str, **settings) -> float:
    return summary(score(language_model, corpus, protocol, context_length=CONTEXT, **settings)).perplexity


@pytest.mark.parametrize("stride", [64, 32, 7])
def test_window_equals_a_brute_force_scorer(language_model, corpus, stride):
    ids = language_model.tokenizer(corpus.stream)["input_ids"]
    losses, reached = [], 0
    for begin in range(0, len(ids), stride):
        end = min(begin + CONTEXT, len(ids))
        for position in range(reached, end):
            if position > begin:  # the first token of a window has no context
                losses.append(token_loss(language_model, ids[begin:position], ids[position]))
        reached = end
        if end == len(ids):
            break

    measured = summary(score(language_model, corpus, "window", context_length=CONTEXT, stride=stride))

    assert measured.perplexity == pytest.approx(math.exp(np.mean(losses)), rel=1e-5)
    assert measured.tokens == len(losses)
    assert measured.protocol == f"window(context=64, stride={stride})"


def test_window_equals_the_guide_with_plain_transformers(language_model, corpus):
    """Run the guide's own loop, with labels of -100, but sum over predicted tokens instead of averaging windows."""
    encodings = torch.tensor([language_model.tokenizer(corpus.stream)["input_ids"]])
    total, count, reached = 0.0, 0, 0
    for begin in range(0, encodings.size(1), 32):
        end = min(begin + CONTEXT, encodings.size(1))
        inputs = encodings[:, begin:end]
        labels = inputs.clone()
        labels[:, : -(end - reached)] = -100
        predicted = int((labels[:, 1:] != -100).sum())
        with torch.no_grad():
            total += float(language_model.model(inputs, labels=labels).loss) * predicted
        count += predicted
        reached = end
        if end == encodings.size(1):
            break

    assert perplexity(language_model, corpus, "window", stride=32) == pytest.approx(math.exp(total / count), rel=1e-5)


def test_document_equals_the_harness_definition(language_model, corpus):
    """Compare with lm-evaluation-harness: first window from the prefix token, then disjoint targets, full contexts."""
    losses = []
    for document in corpus.documents:
        tokens = language_model.tokenizer(document.text, add_special_tokens=False)["input_ids"]
        predicted = 0
        while predicted < len(tokens):
            end = min(predicted + CONTEXT, len(tokens))
            seen = ([language_model.tokenizer.bos_token_id, *tokens])[max(0, end - CONTEXT) :]
            offset = max(0, end - CONTEXT)
            losses += [
                token_loss(language_model, seen[: position + 1 - offset], tokens[position])
                for position in range(predicted, end)
            ]
            predicted = end

    measured = summary(score(language_model, corpus, "document", context_length=CONTEXT))

    assert measured.perplexity == pytest.approx(math.exp(np.mean(losses)), rel=1e-5)
    assert measured.tokens == len(losses)
    assert measured.words == sum(len(text.split()) for text in ARTICLES.values())
    assert measured.bytes == sum(len(text.encode()) for text in ARTICLES.values())
    assert measured.word_perplexity == pytest.approx(math.exp(sum(losses) / measured.words), rel=1e-5)
    assert measured.byte_perplexity == pytest.approx(math.exp(sum(losses) / measured.bytes), rel=1e-5)
    assert measured.bits_per_byte == pytest.approx(sum(losses) / measured.bytes / math.log(2), rel=1e-5)


@pytest.mark.parametrize("padding_side", ["right", "left"])
def test_lab_equals_the_padded_recipe(language_model, corpus, padding_side):
    """Pad rows to the full context, ignore padding in the labels, divide by the sum of the attention mask."""
    tokenizer = language_model.tokenizer
    rows = [tokenizer(line)["input_ids"][:CONTEXT] for line in corpus.lines]
    total, attended = 0.0, 0
    for row in rows:
        padding = [0] * (CONTEXT - len(row))
        ids, mask = (
            (row + padding, [1] * len(row) + padding)
            if padding_side == "right"
            else (padding + row, padding + [1] * len(row))
        )
        labels = [token if seen else -100 for token, seen in zip(ids, mask, strict=True)]
        attended += sum(mask)
        if sum(label != -100 for label in labels[1:]) == 0 or len(row) < 2:
            continue
        if padding_side == "left":  # the first real token would be predicted from padding: not part of the recipe
            labels[CONTEXT - len(row)] = -100
        positions = np.maximum(np.cumsum(mask) - 1, 0)
        with torch.no_grad():
            logits = language_model.model(
                torch.tensor([ids]),
                attention_mask=torch.tensor([mask]),
                position_ids=torch.from_numpy(positions)[None],
            ).logits
        total += float(
            torch.nn.functional.cross_entropy(
                logits[0, :-1].double(), torch.tensor(labels[1:]), ignore_index=-100, reduction="sum"
            )
        )

    measured = summary(score(language_model, corpus, "lab", context_length=CONTEXT))

    assert measured.perplexity == pytest.approx(math.exp(total / attended), rel=1e-5)
    assert measured.tokens == attended


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_batch_size_does_not_change_perplexity(language_model, corpus, protocol):
    values = [perplexity(language_model, corpus, protocol, batch_tokens=tokens) for tokens in (1, 130, 100_000)]

    assert values == pytest.approx([values[0]] * 3, rel=1e-6)


@pytest.mark.parametrize("protocol", ["document", "lab"])
def test_the_order_of_documents_does_not_change_perplexity(language_model, corpus, protocol):
    reversed_corpus = replace(corpus, documents=corpus.documents[::-1])

    assert perplexity(language_model, reversed_corpus, protocol) == pytest.approx(
        perplexity(language_model, corpus, protocol), rel=1e-6
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_padding_side_of_the_tokenizer_does_not_change_perplexity(stories, corpus, protocol):
    before = perplexity(stories, corpus, protocol)
    stories.tokenizer.padding_side = "left"
    try:
        assert perplexity(stories, corpus, protocol) == pytest.approx(before, rel=1e-6)
    finally:
        stories.tokenizer.padding_side = "right"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_padded_rows_have_the_perplexity_of_packed_rows(language_model, corpus, protocol, monkeypatch):
    packed = perplexity(language_model, corpus, protocol)
    assert language_model.forward.packs

    monkeypatch.setattr(CausalForward, "packs", False)

    assert perplexity(language_model, corpus, protocol) == pytest.approx(packed, rel=1e-6)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_padding_is_at_most_a_tenth(stories, protocol):
    corpus = corpus_of({f"{name} {copy}": text[copy:] for copy in range(30) for name, text in ARTICLES.items()})
    plan = plan_scoring(stories.tokenizer, corpus, protocol, model_context=512, context_length=256)
    batches = [batch for _, batch in batching.batches_of_rows(plan.rows, 1024)]

    assert sum(batch.input_ids.numel() for batch in batches) <= sum(batch.tokens for batch in batches) / 0.9


def test_pieces_of_windows_name_their_document(stories, corpus):
    scores = score(stories, corpus, "window", context_length=CONTEXT, stride=32)
    names = list(ARTICLES)

    assert sorted(set(scores.documents), key=names.index) == names
    assert [names.index(name) for name in scores.documents] == sorted(names.index(name) for name in scores.documents)
    tokens = [len(stories.tokenizer(text)["input_ids"]) for text in ARTICLES.values()]
    predicted = [sum(scores.tokens[np.array(scores.documents) == name]) for name in names]
    # A token may cross the end of a document, and the first of the stream is not predicted.
    assert np.abs(np.array(predicted) - tokens).max() <= 2


def test_bf16_stays_near_fp32(stories, corpus):
    rounded = load_language_model("stories260k", precision="bf16")

    assert perplexity(rounded, corpus, "document") == pytest.approx(perplexity(stories, corpus, "document"), rel=0.02)


def test_word_perplexity_beyond_a_float_is_infinite(stories):
    measured = stories.perplexity("x" * 2000, protocol="document")

    assert measured.words == 1
    assert measured.word_perplexity == math.inf
    assert math.isfinite(measured.bits_per_byte)


@pytest.mark.parametrize(
    ("text", "settings", "expected"),
    [
        (
            "Too short.",
            {"protocol": "window"},
            ["fewer than one window of 512", "--context-length ", "--set evaluation.context_length=", "`document`"],
        ),
        ("A text. " * 300, {"context_length": 513}, ["between 2 and 512", "not 513"]),
        ("A text. " * 300, {"context_length": 64, "stride": 65}, ["stride of 65", "64 or less"]),
        ("a\nb\n", {"protocol": "lab", "context_length": 2}, []),
    ],
)
def test_settings_and_texts_that_do_not_fit(stories, text, settings, expected):
    if not expected:
        assert stories.perplexity(text, **settings).tokens > 0
        return
    with pytest.raises(UserError) as caught:
        stories.perplexity(text, **settings)

    assert [part for part in expected if part not in str(caught.value)] == []


def test_a_text_without_a_predicted_token(stories):
    with pytest.raises(UserError, match="no token that protocol lab predicts"):
        score(stories, corpus_of({"blank": "\n\n"}), "lab")


def test_a_path_is_read(stories, tmp_path):
    file = tmp_path / "lily.txt"
    file.write_text(ARTICLES["Lily"])

    from_file = stories.perplexity(file, protocol="document")

    assert from_file.nll == stories.perplexity(ARTICLES["Lily"], protocol="document").nll


def test_a_string_is_the_text_even_if_a_file_has_that_name(stories, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = stories.perplexity("README", protocol="document")
    (tmp_path / "README").write_text(ARTICLES["Lily"])

    after = stories.perplexity("README", protocol="document")

    assert after.nll == before.nll
    assert after.bytes == len("README")


# --- how a text was saved ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_line_ends_and_byte_order_marks_do_not_count(stories, tmp_path, protocol):
    text = "Once upon a time .\nThere was a girl .\n" * 4
    (tmp_path / "windows.txt").write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))

    plain = stories.perplexity(text, protocol=protocol, context_length=16)
    windows = stories.perplexity(tmp_path / "windows.txt", protocol=protocol, context_length=16)
    kept = stories.perplexity(
        tmp_path / "windows.txt", protocol=protocol, context_length=16, line_ends="keep"
    )  # fmt: skip

    assert (windows.nll, windows.tokens, windows.bytes) == (plain.nll, plain.tokens, plain.bytes)
    assert windows.notes == (
        "1 byte-order mark was dropped.",
        r"8 Windows line ends (\r\n) were read as \n. To keep them: --line-ends keep.",
    )
    assert kept.nll > plain.nll
