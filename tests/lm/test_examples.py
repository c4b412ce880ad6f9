"""Prompts with answers as tokens: what is learned, what is evaluated, and that transformers agrees."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bakeoff.data.types import Corpus
from bakeoff.errors import UserError
from bakeoff.lm.batching import pad_rows
from bakeoff.lm.examples import ANSWER, END, GIVEN, ExampleTokens, cut_note, example_tokens, prompt_of
from bakeoff.lm.forward import CausalForward
from bakeoff.lm.perplexity import score, summary
from bakeoff.lm.prompting import Prompting, chat_renderer, prompting_of_chats, prompting_of_pairs, read_prompting
from bakeoff.methods.fine_tuning import sequences
from tests.lm.example_corpora import PAIRS, TEMPLATE, chats, pairs
from tests.lm.test_gradients import EXACT, MODELS, assert_same, our_gradients, relative_errors, trained_gradients
from tests.lm.tokenizers import byte_level_tokenizer, byte_tokenizer, word_tokenizer

TALKS = [
    ["Was it big?", "yes", "And red?", "It was."],
    ["Who was sad?", "Lily"],
    ["Hello", "Hello", "Hello"],
]
TOKENIZERS = {"Llama's": byte_tokenizer, "GPT-2's": byte_level_tokenizer}
both = pytest.mark.parametrize("corpus", [pairs(), chats(*TALKS)], ids=["pairs", "chats"])


def labels_of(tokenizer, document, chat: bool) -> tuple[list[int], list[int]]:
    """Return ids and labels as a simple recipe has them: by the places of the tokens of the whole text."""
    encoded = tokenizer(document.text, add_special_tokens=False, return_offsets_mapping=True)
    ids, labels = ([], []) if chat else ([tokenizer.bos_token_id], [-100])
    for token, (start, _) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        learned = any(answer.start <= start < answer.closed for answer in document.answers)
        ids.append(token)
        labels.append(token if learned else -100)
    return (ids, labels) if chat else ([*ids, tokenizer.eos_token_id], [*labels, tokenizer.eos_token_id])


def plain_gradients(name: str, tokenizer, corpus: Corpus, dtype: torch.dtype) -> tuple[float, dict[str, torch.Tensor]]:
    """Return transformers' own mean loss, and gradients, of examples side by side with labels of -100."""
    plain = MODELS[name]().to(dtype).train()
    inner = plain.get_base_model() if hasattr(plain, "get_base_model") else plain
    inner.set_attn_implementation("eager")
    rows = [labels_of(tokenizer, document, corpus.chat) for document in corpus.documents]
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in rows])
    mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in rows])
    labels = torch.tensor([labels + [-100] * (longest - len(labels)) for _, labels in rows])
    loss = plain(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
    loss.backward()
    return loss.item(), trained_gradients(plain)


@both
@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_those_of_a_masked_loss_of_transformers(stories, corpus, name):
    wanted, oracle = plain_gradients(name, stories.tokenizer, corpus, torch.float64)
    _, rounded = plain_gradients(name, stories.tokenizer, corpus, torch.float32)
    theirs = max(relative_errors(rounded, oracle).values())  # beyond 1e-5 for weights of LoRA on some processors

    batches = sequences.batch_packed(sequences.examples(stories.tokenizer, corpus, 64), 50)
    model = MODELS[name]()

    assert len(batches) > 1
    assert_same(our_gradients(model, batches), oracle, max(EXACT, 1.5 * theirs))
    loss = sum(CausalForward(model).summed_loss(batch).item() for batch in batches) / sum(b.count for b in batches)
    assert loss == pytest.approx(wanted, rel=1e-5)


@both
def test_an_example_does_not_see_those_that_share_its_row(stories, corpus):
    rows = sequences.examples(stories.tokenizer, corpus, 1000)
    (packed,) = sequences.batch_packed(rows, 10_000)

    together = stories.forward.losses(packed)
    alone = torch.cat([stories.forward.losses(pad_rows([row])) for row in rows])

    assert packed.input_ids.shape[0] == 1
    assert together.numpy() == pytest.approx(alone.numpy(), rel=1e-4, abs=1e-5)
    parts = torch.cat([stories.forward.losses(part) for part in packed.split(3)])
    assert parts.numpy() == pytest.approx(alone.numpy(), rel=1e-4, abs=1e-5)


@both
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_the_learned_tokens_are_the_answers_and_what_ends_them(corpus, tokenizer):
    tokenizer = TOKENIZERS[tokenizer]()
    for document, example in zip(corpus.documents, example_tokens(tokenizer, corpus), strict=True):
        answers = [document.text[answer.start : answer.end] for answer in document.answers]
        ends = [document.text[answer.end : answer.closed] for answer in document.answers]

        assert tokenizer.decode(example.ids[example.parts == ANSWER]).strip() == "".join(answers).strip()
        if corpus.chat:
            assert tokenizer.decode(example.ids[example.parts == END]).strip() == "".join(ends).strip()
        else:
            assert example.ids[example.parts == END].tolist() == [tokenizer.eos_token_id]
        assert example.parts[0] == GIVEN


def test_what_is_asked_is_what_was_learned(stories):
    corpus = pairs()
    prompting = Prompting(TEMPLATE)

    for (prompt, _), example in zip(PAIRS, example_tokens(stories.tokenizer, corpus), strict=True):
        assert prompting.ids(stories.tokenizer, prompt) == prompt_of(example, 1000)


def test_an_answer_is_tokenized_by_itself_where_a_token_would_cross_the_border():
    corpus = pairs([("hij", "abc")], template="{prompt} {completion}")
    document = corpus.documents[0]
    (example,) = example_tokens(byte_tokenizer(), corpus)

    assert document.text[document.answers[0].start :] == " abc"  # the blank belongs to the answer
    assert byte_tokenizer().convert_ids_to_tokens(example.ids) == ["<s>", "h", "i", "j", "▁a", "b", "c", "</s>"]
    crossing = pairs([("hij", "abc")], template="{prompt}_{completion}")
    merging = byte_level_tokenizer()
    merging.add_tokens(["_a"])
    (example,) = example_tokens(merging, crossing)
    given = merging.decode(example.ids[example.parts == GIVEN])
    assert (given, merging.decode(example.ids[example.parts == ANSWER])) == ("hij_", "abc")


def test_a_model_without_an_end_of_text_is_refused():
    with pytest.raises(UserError, match="Learning from examples needs"):
        example_tokens(word_tokenizer(), pairs())


def test_long_examples_keep_their_answer():
    parts = np.array([GIVEN] * 6 + [ANSWER] * 3 + [END], dtype=np.int8)
    example = ExampleTokens(np.arange(10), parts)

    assert example.cut(10) is example
    assert example.cut(6).ids.tolist() == [4, 5, 6, 7, 8, 9]
    assert example.cut(3).ids.tolist() == [5, 6, 7]  # the answer alone is too long: its end goes
    row = example.cut(6).row((ANSWER, END))
    assert (row.inputs.tolist(), row.targets.tolist()) == ([4, 5, 6, 7, 8], [6, 7, 8, 9])
    assert row.predicting.tolist() == [1, 2, 3, 4]
    assert cut_note([example, example.cut(3)], 6, "training") == [
        "1 of 2 training examples have more than 6 tokens. Their beginning was cut, so that the answer stays whole; of "
        "an answer that is too long by itself, the end was cut."
    ]
    assert cut_note([example], 10, "training") == []


@pytest.mark.parametrize("size", range(2, 9))
def test_a_chat_that_is_cut_inside_an_answer_predicts_nothing_from_before_its_first_token(size):
    turn = [GIVEN, ANSWER, ANSWER, END]
    row = ExampleTokens(np.arange(8), np.array(turn * 2, dtype=np.int8)).cut(size).row((ANSWER, END))

    assert row.predicting.min() >= 0
    assert row.targets.tolist() == [row.inputs[place] + 1 for place in row.predicting]  # the next token of 0, 1, 2, ...


def test_the_perplexity_of_answers_is_that_of_transformers(stories):
    corpus = pairs()
    tokenizer, total, count = stories.tokenizer, 0.0, 0
    for document in corpus.documents:
        ids, labels = labels_of(tokenizer, document, chat=False)
        ids, labels = torch.tensor([ids[:-1]]), torch.tensor([labels[:-1]])  # without the end-of-text token
        number = int((labels != -100).sum())
        with torch.no_grad():
            total += float(stories.model(ids, labels=labels).loss) * number
        count += number

    measured = summary(score(stories, corpus, "answer"))

    assert measured.tokens == count
    assert measured.perplexity == pytest.approx(math.exp(total / count), rel=1e-4)
    assert measured.protocol == "answer(context=512)"


def test_plain_texts_have_no_answers(stories, corpus):
    with pytest.raises(UserError, match="Protocol `answer` is for prompts with answers"):
        score(stories, corpus, "answer")


def test_generated_answers_end_where_those_of_the_training_do():
    assert prompting_of_pairs(pairs(), TEMPLATE).stops == ("\n",)
    assert prompting_of_pairs(pairs([("a", "one\ntwo"), ("b", "c")]), TEMPLATE).stops == ("\n\n",)
    assert prompting_of_pairs(pairs([("a", "one\n\ntwo"), ("b", "c")]), TEMPLATE).stops == ()


def test_answers_of_chats_end_by_the_mark_of_the_template(tmp_path):
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}<end>\n{% endfor %}"
    corpus = chats(*TALKS, render=chat_renderer(tokenizer))

    assert prompting_of_chats(corpus, tokenizer) == Prompting(None, stops=("<end>",))  # text like any other
    tokenizer.add_special_tokens({"additional_special_tokens": ["<end>"]})
    prompting = prompting_of_chats(corpus, tokenizer)

    assert prompting == Prompting(None, ends=(tokenizer.convert_tokens_to_ids("<end>"),))
    prompting.write(tmp_path)
    assert read_prompting(str(tmp_path)) == prompting
    assert prompting_of_chats(chats(*TALKS), tokenizer).stops == ("\n",)
    assert prompting_of_chats(chats(["a", "b\nc"]), tokenizer) == Prompting(None)  # the mark is part of an answer
    (tmp_path / "prompting.json").write_text('{"template": null, "stops": []}')  # as before there were `ends`
    assert read_prompting(str(tmp_path)) == Prompting(None)


def test_the_chat_template_of_the_tokenizer(stories):
    with pytest.raises(UserError, match="has no chat template"):
        chat_renderer(stories.tokenizer)
    tokenizer = byte_level_tokenizer()
    tokenizer.chat_template = (
        "{% for message in messages %}{% if message['role'] == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
        "<{{ message['role'] }}>{{ message['content'] }}</>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    corpus = chats(*TALKS, render=chat_renderer(tokenizer))

    assert corpus.documents[1].text == "<user>Who was sad?</><assistant>Lily</>"
    assert (corpus.documents[1].prompt, corpus.documents[1].reference) == ("<user>Who was sad?</><assistant>", "Lily")
    assert corpus.documents[2].text.count("Hello") == 2  # after the last answer nothing is learned
    assert Prompting(None).document(tokenizer, "Who was sad?").text == corpus.documents[1].prompt
    with pytest.raises(UserError, match="refuses a chat: no tools"):
        chat_renderer(tokenizer)([{"role": "tool", "content": "x"}], False)


def test_a_template_that_writes_the_date_writes_the_same_one_every_day():
    tokenizer = byte_level_tokenizer()
    tokenizer.chat_template = (
        '{% if strftime_now is defined %}{% set today = strftime_now("%d %b %Y") %}{% endif %}'
        "Today is {{ today }}, {{ strftime_now('%Y-%m-%d') }}.{% for message in messages %}{{ message['content'] }}</>"
        "{% endfor %}"
    )
    (document,) = chats(["Who was sad?", "Lily"], render=chat_renderer(tokenizer)).documents

    assert document.prompt == "Today is 26 Jul 2024, 2024-07-26.Who was sad?</>"


@pytest.mark.parametrize(
    ("heading", "given"), [("<think>\n\n</think>\n\n", "<think>\n\n</think>\n\n"), ("Robot: ", "Robot:")]
)
def test_what_a_template_writes_before_every_answer_is_given(heading, given):
    tokenizer = byte_level_tokenizer()
    tokenizer.chat_template = (
        f"{{% set heading = {heading!r} %}}"
        "{% for message in messages %}<{{ message['role'] }}>{{ heading if message['role'] == 'assistant' }}"
        "{{ message['content'] }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    (document,) = chats(["How do you greet?", "hi"], render=chat_renderer(tokenizer)).documents

    assert document.text == f"<user>How do you greet?</><assistant>{heading}hi</>"
    assert (document.prompt, document.reference) == (f"<user>How do you greet?</><assistant>{given}", "hi")
    assert Prompting(None).document(tokenizer, "How do you greet?").text == document.prompt
