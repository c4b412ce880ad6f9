"""What many prompts begin or end with, and what is left of each."""

from __future__ import annotations

from bakeoff.data.shared_words import SharedWords, find_shared_words

INSTRUCTION = "Read the question with care and answer it in one word of plain English:"
REMINDER = "Do not explain your answer and do not answer any other question than this."
WORDS = [f"{first}{second}" for first in "abcdefgh" for second in "vwxyz"]


def test_an_instruction_before_and_after_every_question():
    questions = [f"Where is {word}?" for word in WORDS]
    prompts = [f"{INSTRUCTION}\n\n{question} {REMINDER}" for question in questions]

    shared = find_shared_words(prompts)

    assert shared == SharedWords((f" {INSTRUCTION} Where is ",), (f" {REMINDER} ",))
    assert [shared.rest(prompt) for prompt in prompts] == [f"{word}?" for word in WORDS]
    assert shared.shortened(prompts[0]) == "beginning0 av? end0"
    assert shared.rest("Who is there?") == "Who is there?"  # has neither


def test_each_of_several_instructions_and_prompts_without_one():
    other = "Translate what follows into French, and write nothing but the translation:"
    prompts = [f"{start}{word} is what?" for start in (f"{INSTRUCTION} ", f"{other} ", "") for word in WORDS]

    shared = find_shared_words(prompts)

    assert [shared.rest(prompt) for prompt in prompts] == [f"{word} is what?" for word in WORDS] * 3
    shortened = [shared.shortened(prompt) for prompt in prompts]
    assert len(set(shortened)) == len(prompts)  # the same question after another instruction is another prompt
    assert shortened[-1] == prompts[-1]


def test_nothing_is_left_of_a_prompt_that_is_the_instruction_alone():
    shared = find_shared_words([INSTRUCTION, *(f"{INSTRUCTION} {word}" for word in WORDS)])

    assert shared.rest(INSTRUCTION) == INSTRUCTION
    assert shared.shortened(INSTRUCTION).strip() == "beginning0"


def test_short_beginnings_and_those_of_few_prompts_are_what_tells_them_apart():
    assert find_shared_words([f"Where is the old {word}?" for word in WORDS]) == SharedWords()
    assert find_shared_words([f"{INSTRUCTION} {word}" for word in WORDS[:15]]) == SharedWords()
    assert find_shared_words([]) == SharedWords()
