"""The decoder in C generates the tokens of transformers, and transformers takes over where it cannot."""

from __future__ import annotations

import pytest
import torch
import transformers
from gguf import GGMLQuantizationType, dequantize, quantize

from bakeoff.lm.causal_model import DECODER_PAYS_FROM
from bakeoff.lm.decoding import native_decoder
from bakeoff.lm.decoding.decoder import DraftCounts
from bakeoff.lm.decoding.native_decoder import NativeDecoder, NoDecoderError
from bakeoff.lm.decoding.speculation import repeated, speculate
from bakeoff.lm.decoding.transformers_decoder import TransformersDecoder
from bakeoff.lm.generation import WritingReport, stream_tokens
from bakeoff.lm.sources import load_language_model, ready
from bakeoff.methods.lora.adapters import add_lora
from bakeoff.methods.lora.config import LoraConfig
from tests.lm.conftest import random_gpt2

SHAPE = {
    "vocab_size": 512, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 80, "initializer_range": 0.3, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip


def tied(**changes):
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**SHAPE | changes, num_key_value_heads=2, tie_word_embeddings=True)
    )


def untied_with_biases():
    config = transformers.LlamaConfig(**SHAPE, num_key_value_heads=1, attention_bias=True, mlp_bias=True)
    model = transformers.LlamaForCausalLM(config)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def stretched():
    rope = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SHAPE, rope_parameters=rope))


def qwen2():
    return transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**SHAPE, num_key_value_heads=2))


def qwen3():
    return transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SHAPE, num_key_value_heads=2, head_dim=16))


def mistral():
    config = transformers.MistralConfig(**SHAPE, num_key_value_heads=2, sliding_window=None)
    return transformers.MistralForCausalLM(config)


def gpt_neox():
    return transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**SHAPE))


def mistral_with_a_window():
    return transformers.MistralForCausalLM(transformers.MistralConfig(**SHAPE, num_key_value_heads=2, sliding_window=8))


pytestmark = pytest.mark.skipif(native_decoder._library() is None, reason="there is no C compiler")

KNOWN = [tied, untied_with_biases, stretched, qwen2, qwen3, mistral, random_gpt2]


def made(build, stories, **changes):
    torch.manual_seed(3)
    model = build()
    for name, value in changes.items():
        setattr(model.generation_config, name, value)
    return ready(model, stories.tokenizer, name="random", reference="random", precision="fp32")


def plain(language_model, ids, count, end=2):
    """Return the continuation by transformers' own `generate`."""
    new_ids = language_model.model.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), max_new_tokens=count,
        do_sample=False, pad_token_id=0, eos_token_id=end,
    )[0, len(ids) :].tolist()  # fmt: skip
    return new_ids[: new_ids.index(end)] if end in new_ids else new_ids


def fast(language_model, ids, count, **settings):
    """Return the continuation by the decoder in C, after a check that it was used."""
    assert isinstance(language_model.decoder_for(10_000), NativeDecoder)
    report = WritingReport()
    new_ids = list(stream_tokens(language_model, ids, max_new_tokens=count, report=report, **settings))
    assert (report.engine, report.engine_reason) == ("native", "")
    assert report.tokens == len(new_ids)
    assert report.accepted <= report.drafted
    return new_ids


@pytest.mark.parametrize("build", KNOWN, ids=lambda build: build.__name__)
@pytest.mark.parametrize("count", [1, 2, 7, 8, 40])
def test_greedy_equals_plain_transformers(build, count, stories):
    language_model = made(build, stories)
    ids = [1, 17, 300, 42, 5]

    assert fast(language_model, ids, count) == plain(language_model, ids, count)


@pytest.mark.parametrize("prompt", ["Once upon a time", "The dog", ""])
def test_a_real_model_tells_its_story(stories, prompt):
    ids = stories.tokenizer(prompt)["input_ids"]
    ids = ids if ids[:1] == [1] else [1, *ids]

    assert fast(stories, ids, 200) == plain(stories, ids, 200)


def test_a_prompt_longer_than_a_chunk_and_a_cache_that_grows(monkeypatch):
    monkeypatch.setattr("bakeoff.lm.decoding.native_decoder.CHUNK", 7)
    monkeypatch.setattr("bakeoff.lm.decoding.native_decoder.ROOM", 16)
    stories = load_language_model("stories260k")
    ids = stories.tokenizer("Once upon a time, there was a little girl named Lily. She loved to play.")["input_ids"]

    assert fast(stories, [1, *ids], 50) == plain(stories, [1, *ids], 50)


@pytest.mark.parametrize("position", range(1, 12))
def test_a_text_ends_at_its_end_token_wherever_that_falls_in_a_draft(stories, position):
    language_model = made(tied, stories)
    ids = [1, 17, 300, 42, 5]
    text = plain(language_model, ids, 40)
    end = text[position]
    language_model = made(tied, stories, eos_token_id=end)

    assert fast(language_model, ids, 40) == text[: text.index(end)]


def test_a_text_ends_where_the_context_is_full(stories):
    language_model = made(random_gpt2, stories)
    prompt = [1, *range(3, 50)]

    new_ids = fast(language_model, prompt, 100)

    assert len(new_ids) == language_model.context_length - len(prompt)
    assert new_ids == plain(language_model, prompt, len(new_ids))


@pytest.mark.parametrize("settings", [{}, {"top_k": 20}, {"top_p": 0.9}, {"top_k": 50, "top_p": 0.8}])
def test_draws_are_those_of_the_plain_loop(stories, settings):
    ids = [1, *stories.tokenizer("Once upon a time")["input_ids"][1:]]
    untouched = made(lambda: stories.model, stories)
    slowly = list(stream_tokens(untouched, ids, max_new_tokens=60, temperature=0.8, seed=4, **settings))

    assert fast(stories, ids, 60, temperature=0.8, seed=4, **settings) == slowly


def test_interleaved_texts_do_not_affect_each_other(stories):
    assert isinstance(stories.decoder_for(10_000), NativeDecoder)
    prompts = [stories.tokenizer(prompt)["input_ids"] for prompt in ("Once upon a time", "The dog")]
    alone = [list(stream_tokens(stories, ids, max_new_tokens=30)) for ids in prompts]
    streams = [stream_tokens(stories, ids, max_new_tokens=30) for ids in prompts]

    assert list(zip(*streams, strict=True)) == list(zip(*alone, strict=True))


def test_a_closed_stream_leaves_nothing_behind(stories):
    ids = [1, *stories.tokenizer("Once upon a time")["input_ids"][1:]]
    whole = fast(stories, ids, 30)
    stream = stream_tokens(stories, ids, max_new_tokens=30)
    beginning = [next(stream) for _ in range(3)]
    stream.close()

    assert beginning == whole[:3]
    assert fast(stories, ids, 30) == whole


class Wrong:
    """A cache whose draft is always wrong."""

    drafts = True

    def __init__(self, cache):
        self.cache = cache

    @property
    def length(self):
        return self.cache.length

    @length.setter
    def length(self, value):
        self.cache.length = value

    def exact_logits(self, ids, wanted=1):
        return self.cache.exact_logits(ids, wanted)

    def draft_logits(self, token):
        return -self.cache.draft_logits(token)


def test_a_useless_draft_does_not_change_the_text(stories):
    language_model = made(untied_with_biases, stories)
    ids, counts = [1, 17, 300, 42, 5], DraftCounts()
    decoder = language_model.decoder_for(10_000)

    new_ids = speculate(
        Wrong(decoder.begin()), ids, limit=30, ends={2}, choose=lambda row: int(row.argmax()),
        random=torch.Generator(), counts=counts,
    )  # fmt: skip

    assert list(new_ids) == plain(language_model, ids, 30)
    assert counts.drafted > 30


def quantized(kind):
    """Return a model whose matrices are what a GGUF file of this type holds, as loaded in fp32."""

    def build():
        model = tied(intermediate_size=64)  # such files need whole blocks of 32
        with torch.no_grad():
            for weight in model.parameters():
                if weight.ndim == 2:
                    weight.copy_(torch.from_numpy(dequantize(quantize(weight.numpy(), kind), kind)))
        return model

    return build


def bf16():
    return tied().bfloat16().float()


@pytest.mark.parametrize(
    ("build", "kinds"),
    [
        (tied, {"fp32"}),
        (bf16, {"bf16"}),
        (quantized(GGMLQuantizationType.Q8_0), {"int8"}),
        (quantized(GGMLQuantizationType.Q4_1), {"int4"}),
        (quantized(GGMLQuantizationType.Q4_0), {"int4"}),
    ],
    ids=["fp32", "bf16", "Q8_0", "Q4_1", "Q4_0"],
)
def test_logits_after_given_tokens_are_those_of_transformers(build, kinds, stories):
    """In passes of every size, of a model whose widths are no multiples of the blocks in which they are computed."""
    language_model = made(build, stories)
    decoder = NativeDecoder(language_model.model, language_model.context_length)
    ids = torch.randint(512, (1, 70), generator=torch.Generator().manual_seed(1))
    cache = decoder.begin()
    passes = [13, 1, 2, 3, 4, 8, 1, 16, 17, 5]
    found = [cache.exact_logits(part, wanted=len(part)) for part in map(torch.Tensor.tolist, ids[0].split(passes))]

    with torch.inference_mode():
        expected = language_model.model(input_ids=ids).logits[0]
    torch.testing.assert_close(torch.cat(found), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
    assert decoder.exact.kinds == kinds
    assert cache.drafts == (kinds == {"fp32"})


def test_prompt_lookup_proposes_what_followed_the_last_time():
    assert repeated([9, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4]) == [5, 6, 1, 2, 3, 4]
    assert repeated([7, 7, 7, 7, 7]) == [7]
    assert repeated([1, 2, 3]) == []
    assert repeated([1, 2, 3, 4, 5]) == []


@pytest.mark.parametrize(
    ("build", "reason"),
    [(gpt_neox, "this kind of gpt_neox model"), (mistral_with_a_window, "this kind of mistral model")],
)
def test_transformers_runs_other_architectures(build, reason, stories):
    language_model = made(build, stories)
    report = WritingReport()

    new_ids = list(stream_tokens(language_model, [1, 17, 300], max_new_tokens=64, report=report))

    assert new_ids == plain(language_model, [1, 17, 300], 64)
    assert report.engine == "transformers"
    assert reason in report.engine_reason


@pytest.mark.parametrize("build", [tied, qwen2, random_gpt2])
def test_transformers_runs_adapters_that_are_not_merged(build, stories):
    language_model = made(lambda: add_lora(build(), LoraConfig(r=2), reference="random", seed=1), stories)
    report = WritingReport()

    new_ids = list(stream_tokens(language_model, [1, 17, 300], max_new_tokens=48, report=report))

    assert new_ids == plain(language_model, [1, 17, 300], 48)
    assert (report.engine, report.engine_reason) == ("transformers", "its adapters are not merged")


def test_without_a_compiler_transformers_takes_over(stories, monkeypatch):
    monkeypatch.setattr(native_decoder, "_library", lambda: None)
    language_model = made(tied, stories)
    report = WritingReport()

    new_ids = list(stream_tokens(language_model, [1, 17], max_new_tokens=64, report=report))

    assert new_ids == plain(language_model, [1, 17], 64)
    assert (report.engine, report.engine_reason) == ("transformers", "there is no C compiler")


def test_where_memory_is_short_transformers_takes_over(stories, monkeypatch):
    language_model = made(tied, stories)
    weights = sum(weight.numel() for weight in language_model.model.parameters())
    monkeypatch.setattr("bakeoff.machine.available_memory_bytes", lambda: 7 * weights)

    decoder = language_model.decoder_for(1000)

    assert isinstance(decoder, TransformersDecoder)
    assert decoder.reason == "there is not enough memory for its copy of the weights"


def test_a_short_text_does_not_wait_for_the_decoder(stories):
    language_model = made(tied, stories)

    decoder = language_model.decoder_for(DECODER_PAYS_FROM - 1)

    assert isinstance(decoder, TransformersDecoder)
    assert (decoder.engine, decoder.reason) == ("transformers", f"it pays from {DECODER_PAYS_FROM} tokens on")
    assert isinstance(language_model.decoder_for(DECODER_PAYS_FROM), NativeDecoder)
    assert isinstance(language_model.decoder_for(1), NativeDecoder)


def test_a_graph_with_other_logits_than_the_model_is_refused(stories):
    model = tied().eval()
    scaled = model.model.layers[1].self_attn.register_forward_pre_hook(
        lambda module, _, settings: ((), settings | {"hidden_states": settings["hidden_states"] * 1.01}),
        with_kwargs=True,
    )

    with pytest.raises(NoDecoderError, match="not those of transformers"):
        NativeDecoder(model, 64)
    scaled.remove()
    assert NativeDecoder(model, 64)


def test_transformers_runs_bf16(stories):
    language_model = ready(tied(), stories.tokenizer, name="random", reference="random", precision="bf16")

    decoder = language_model.decoder_for(1000)

    assert isinstance(decoder, TransformersDecoder)
    assert decoder.reason == "the model does not compute in fp32 on the CPU"
