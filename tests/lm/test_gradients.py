"""No optimization changes the gradient: tensor by tensor, it equals that of the plain padded computation.

The oracle is transformers (and PEFT) alone: one row per text, padded on the right to the longest, with an attention
mask, labels of -100 and the library's own mean loss. It has its own model, with eager attention and no kernels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.data.types import SplitCorpus
from bakeoff.lm import loss
from bakeoff.lm.batching import TokenBatch, pad_rows
from bakeoff.lm.forward import CausalForward
from bakeoff.lm.scoring_plan import Row
from bakeoff.methods.fine_tuning import sequences
from bakeoff.methods.fine_tuning.config import FineTuningConfig
from bakeoff.methods.fine_tuning.learner import FineTuningLearner
from bakeoff.methods.full.config import FullConfig
from bakeoff.methods.lora.adapters import add_lora
from bakeoff.methods.lora.config import LoraConfig
from bakeoff.methods.lora.learner import LoraLearner
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.sections import Budget
from bakeoff.training import loop
from bakeoff.training.learner import TrainingSettings
from bakeoff.training.precision import MasterWeights
from bakeoff.training.progress import Progress
from tests.lm.conftest import ARTICLES, corpus_of, pack_texts

VOCABULARY = 512
EXACT = 1e-5
ROUNDED = 0.2
"""Relative error of a tensor's gradient in bf16 arithmetic: each operation rounds by up to 0.4 %."""

Gradients = dict[str, torch.Tensor]
Texts = Sequence[Sequence[int]]


def llama(*, tied: bool) -> Any:
    """Make a Llama with grouped queries: four heads share two heads of keys and values."""
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        initializer_range=0.2,
        tie_word_embeddings=tied,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(7)
    return transformers.LlamaForCausalLM(config)


def gpt2() -> Any:
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=64,
        n_embd=32,
        n_layer=2,
        n_head=4,
        initializer_range=0.2,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(7)
    return transformers.GPT2LMHeadModel(config)


def with_lora(model: Any) -> Any:
    """Add adapters as if trained for a while: in new ones the B matrices are zero, and so is the gradient of A."""
    adapted = add_lora(model, LoraConfig(r=4, target_modules="all-linear"), reference="random", seed=3)
    random = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.copy_(0.1 * torch.randn(weight.shape, generator=random))
    return adapted


MODELS: dict[str, Callable[[], Any]] = {
    "llama, tied": lambda: llama(tied=True),
    "llama, untied": lambda: llama(tied=False),
    "gpt2": gpt2,
    "llama, tied, lora": lambda: with_lora(llama(tied=True)),
    "llama, untied, lora": lambda: with_lora(llama(tied=False)),
    "gpt2, lora": lambda: with_lora(gpt2()),
}
all_models = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module")
def models() -> Callable[[str], Any]:
    made: dict[str, Any] = {}

    def model(name: str) -> Any:
        if name not in made:
            made[name] = MODELS[name]()
        return made[name]

    return model


# --- the oracle and the comparison ------------------------------------------------------------------------------------


def padded_gradients(name: str, texts: Texts, unpredicted: Sequence[int] | None = None) -> Gradients:
    """Return the gradient of transformers' own mean loss, in fp64, so that its rounding does not count as our error.

    Args:
        name: One of MODELS.
        unpredicted: Number of tokens at the start of each text that are context only; absent: one.
    """
    plain = MODELS[name]().double().train()
    inner = plain.get_base_model() if hasattr(plain, "get_base_model") else plain
    inner.set_attn_implementation("eager")
    ids = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, -100)
    for row, text in enumerate(texts):
        context = unpredicted[row] if unpredicted is not None else 1
        ids[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = 1
        labels[row, context : len(text)] = torch.tensor(text[context:])
    plain(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss.backward()
    return trained_gradients(plain)


def trained_gradients(model: Any) -> Gradients:
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.requires_grad}


def our_gradients(model: Any, batches: Sequence[TokenBatch]) -> Gradients:
    """Return one step's gradient as the training loop computes it: summed losses divided by the count of all."""
    model.train()
    model.zero_grad()
    forward = CausalForward(model)
    count = sum(batch.count for batch in batches)
    for batch in batches:
        (forward.summed_loss(batch) / count).backward()
    return trained_gradients(model)


def relative_errors(ours: Gradients, expected: Gradients) -> dict[str, float]:
    assert ours.keys() == expected.keys()
    return {name: float((ours[name] - exact).norm() / exact.norm()) for name, exact in expected.items()}


def assert_same(ours: Gradients, expected: Gradients, tolerance: float = EXACT) -> None:
    wrong = {name: error for name, error in relative_errors(ours, expected).items() if not error <= tolerance}
    assert wrong == {}


def some_texts(lengths: Sequence[int], seed: int = 0) -> list[list[int]]:
    random = np.random.default_rng(seed)
    return [random.integers(3, VOCABULARY, length).tolist() for length in lengths]


def row_of(text: Sequence[int], unpredicted: int = 1) -> Row:
    ids = np.array(text)
    return Row(ids[:-1], ids[unpredicted:])


def packed(texts: Texts) -> TokenBatch:
    return pack_texts([np.array(text) for text in texts])


# With texts of two tokens only, the gradient of queries and keys is zero, and a relative error is undefined.
LENGTHS = st.lists(st.integers(2, 40), max_size=6).flatmap(lambda lengths: st.permutations([12, *lengths]))


# --- one optimization at a time ---------------------------------------------------------------------------------------


@all_models
@settings(max_examples=8, deadline=None)
@given(lengths=LENGTHS, seed=st.integers(0, 99))
def test_packing(models, name, lengths, seed):
    model, texts = models(name), some_texts(lengths, seed)

    assert_same(our_gradients(model, [packed(texts)]), padded_gradients(name, texts))


@all_models
@settings(max_examples=8, deadline=None)
@given(lengths=LENGTHS, context=st.integers(1, 39))
def test_padding_of_rows_with_context(models, name, lengths, context):
    """Check rows that predict only their end, as the windows of a stream do."""
    model, texts = models(name), some_texts(lengths)
    unpredicted = [min(context, length - 1) for length in lengths]

    ours = our_gradients(model, [pad_rows([row_of(*pair) for pair in zip(texts, unpredicted, strict=True)])])

    assert_same(ours, padded_gradients(name, texts, unpredicted))


@all_models
@pytest.mark.parametrize("lengths", [[25, 25, 25, 25], [25, 25, 25, 9], [25, 2, 25, 25]])
def test_blocks_of_which_one_may_be_short(models, name, lengths):
    model, texts = models(name), some_texts(lengths)

    batches = sequences.batch_blocks([row_of(text) for text in texts], 50)

    assert len(batches) > 1
    assert_same(our_gradients(model, batches), padded_gradients(name, texts))


@all_models
@settings(max_examples=8, deadline=None)
@given(lengths=LENGTHS, room=st.integers(2, 120))
def test_accumulation_over_lines_of_unequal_counts(models, name, lengths, room):
    model, texts = models(name), some_texts(lengths)
    batches = sequences.batch_packed([row_of(text) for text in texts], room)

    assert_same(our_gradients(model, batches), padded_gradients(name, texts))


@all_models
def test_accumulation_weighs_by_tokens_and_not_by_batches(models, name):
    """Show that the mean of the batches' means, the usual mistake, is far off if counts differ."""
    model, texts = models(name), some_texts([40, 40, 3])
    batches = [packed(texts[:2]), packed(texts[2:])]
    expected = padded_gradients(name, texts)
    apart = [our_gradients(model, [batch]) for batch in batches]
    mistaken = {weight: (apart[0][weight] + apart[1][weight]) / 2 for weight in expected}

    assert min(relative_errors(mistaken, expected).values()) > 1000 * EXACT
    assert_same(our_gradients(model, batches), expected)


@all_models
@pytest.mark.parametrize("positions", [1, 5, 64])
def test_loss_in_chunks(models, monkeypatch, name, positions):
    model, texts = models(name), some_texts([17, 30, 5])
    expected = padded_gradients(name, texts)

    monkeypatch.setattr(loss, "CHUNK_BYTES", positions * VOCABULARY * 4)

    assert_same(our_gradients(model, [packed(texts)]), expected)


# --- all of them together, in the training loop's own step ------------------------------------------------------------


@pytest.fixture
def recorded(monkeypatch) -> Iterator[Gradients]:
    """The gradients of the master weights after the first step."""
    gradients: Gradients = {}

    class Recording(MasterWeights):
        def finish_gradients(self) -> None:
            super().finish_gradients()
            if not gradients:
                gradients.update({name: master.grad.clone() for name, master in self.named.items()})

    monkeypatch.setattr(loop, "MasterWeights", Recording)
    return gradients


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", EXACT), ("bf16", ROUNDED)])
@pytest.mark.parametrize("kind", ["blocks", "lines"])
@all_models
def test_a_step_of_the_training_loop(stories, tmp_path, monkeypatch, recorded, name, kind, precision, tolerance):
    """Take one step over the whole corpus, with a short last block, several micro-batches and the loss in chunks."""
    monkeypatch.setattr(FineTuningLearner, "micro_batch_tokens", 50)
    monkeypatch.setattr(LoraLearner, "micro_batch_tokens", 50)
    monkeypatch.setattr(loss, "CHUNK_BYTES", 7 * VOCABULARY * 4)
    model = MODELS[name]()
    corpus = corpus_of(ARTICLES)
    contestant: FineTuningConfig = LoraConfig() if "lora" in name else FullConfig()
    chosen = contestant.model_copy(update={"sequences": kind, "max_length": 40, "batch_size": 1000})
    base = dataclasses.replace(stories, context_length=64)
    data = SplitCorpus(train=corpus, validation=corpus, test=corpus)
    kind_of_learner = LoraLearner if "lora" in name else FineTuningLearner
    learner = kind_of_learner(model, base, data, chosen, seed=0)
    (step,) = learner.steps(1)
    assert len(step) > 2
    if kind == "blocks":
        rows = sequences.blocks(stories.tokenizer, corpus, 40)
        assert len(rows[-1].inputs) < 40
        texts = [[int(row.inputs[0]), *row.targets.tolist()] for row in rows]
    else:
        texts = [row.inputs.tolist() for row in sequences.lines(stories.tokenizer, corpus, 40)]
    expected = padded_gradients(name, texts)

    training = TrainingSettings(budget=Budget(epochs=1), learning_rate=1e-3, gradient_clip=None, precision=precision)
    cost = loop.train(learner, training, ContestantFolder(tmp_path / "contestant"), Progress())

    assert cost.steps == 1
    assert_same(recorded, expected, tolerance)
