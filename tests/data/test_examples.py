"""Tables of prompts with answers, and of chats: columns, splits, duplicates, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakeoff.data.example_config import ExampleData
from bakeoff.data.example_texts import pair_document
from bakeoff.data.examples import prepare_examples
from bakeoff.errors import UserError
from tests.lm.example_corpora import render

NUMBERS = [f"What is {number} and one, tell me?" for number in range(40)]


def table(path: Path, rows: list[dict]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def prepared(source: str, seed: int = 1, **settings):
    return prepare_examples(ExampleData(examples=source, **settings), seed, lambda: render)


def texts(corpus) -> list[str]:
    return [document.text for document in corpus.documents]


@pytest.mark.parametrize(
    ("names", "settings"),
    [
        (("prompt", "completion"), {}),
        (("Question", "Answer"), {}),
        (("instruction", "output"), {}),
        (("ask", "say"), {"prompt": "ask", "completion": "say"}),
    ],
)
def test_pairs(tmp_path, names, settings):
    rows = [dict(zip(names, (prompt, number), strict=True)) for number, prompt in enumerate(NUMBERS)]
    source = table(tmp_path / "qa.jsonl", rows)

    split, report = prepared(source, template="Q: {prompt}\nA: {completion}", **settings)

    assert [len(corpus.documents) for corpus in (split.train, split.validation, split.test)] == [28, 4, 8]
    everything = texts(split.train) + texts(split.validation) + texts(split.test)
    assert sorted(everything) == sorted(f"Q: {prompt}\nA: {number}" for number, prompt in enumerate(NUMBERS))
    document = split.test.documents[0]
    assert document.prompt == document.text[: document.text.index("\nA:") + 3]
    assert document.reference == str(NUMBERS.index(document.text[3 : document.text.index("\n")]))
    assert report.split_seed == 1
    assert texts(prepared(source, **settings)[0].train) != texts(prepared(source, seed=2, **settings)[0].train)


def test_an_instruction_with_its_input(tmp_path):
    rows = [{"instruction": "Add one.", "input": str(n) if n % 2 else "", "output": n + 1} for n in range(40)]

    split, report = prepared(table(tmp_path / "alpaca.jsonl", rows), split={"validation": 0.1, "test": 0.1})

    assert any(text.startswith("Add one.\n\n3\n4") for text in texts(split.train) + texts(split.test))
    assert report.notes[0] == "1 prompt occurs with different answers."


def test_chats(tmp_path):
    talk = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Yes?"}]
    rows = [
        {"messages": [*talk, {"from": "human", "value": prompt}, {"from": "gpt", "value": "I do not know."}]}
        for prompt in NUMBERS
    ]

    split, _ = prepared(table(tmp_path / "chat.jsonl", rows))

    document = split.train.documents[0]
    assert split.train.chat
    assert len(document.answers) == 2
    assert document.text.startswith("u:Hello\na:Yes?\nu:What is")
    assert document.prompt.endswith("?\na:")
    assert document.reference == "I do not know."


def test_chats_are_the_same_data_for_models_with_different_templates(tmp_path):
    def another(messages, answering):
        return "".join(f"<{each['role']}>{each['content']}</>" for each in messages) + "<assistant>" * answering

    def chats(role: str) -> str:
        asked = [{"role": role, "content": prompt} for prompt in NUMBERS]
        rows = [{"messages": [question, {"role": "assistant", "content": "Yes."}]} for question in asked]
        return table(tmp_path / f"{role}.jsonl", rows)

    data = ExampleData(examples=chats("user"))
    _, report = prepare_examples(data, 1, lambda: render)
    _, its_report = prepare_examples(data, 1, lambda: another)
    _, with_other_roles = prepared(chats("system"))

    prints = [split.fingerprint for split in report.splits]
    assert [split.fingerprint for split in its_report.splits] == prints
    assert its_report.fingerprint == report.fingerprint
    assert with_other_roles.fingerprint != report.fingerprint


INSTRUCTION = "".join(f"Keep rule {number}. " for number in range(40))
LONG = [" ".join(f"{letter}{number}" for letter in "abcdefghijklmnopqrst") for number in range(20)]


@pytest.mark.parametrize("form", ["chats", "two columns", "one column"])
def test_short_questions_behind_one_long_instruction_are_no_near_duplicates(tmp_path, form):
    def row(question: str) -> dict:
        if form == "chats":
            system, asked = {"role": "system", "content": INSTRUCTION}, {"role": "user", "content": question}
            return {"messages": [system, asked, {"role": "assistant", "content": "Yes."}]}
        if form == "two columns":
            return {"instruction": INSTRUCTION, "input": question, "output": "Yes."}
        return {"prompt": f"{INSTRUCTION}{question}", "completion": "Yes."}

    split, report = prepared(table(tmp_path / "table.jsonl", [row(question) for question in NUMBERS + LONG]))

    assert report.near_duplicate_texts == 0
    assert any("tell me?" in document.prompt for document in split.test.documents)


def test_near_duplicates_behind_one_long_instruction_stay_together(tmp_path):
    prompts = [f"{INSTRUCTION}{text}{end}" for text in LONG for end in ("", " Thanks.")]

    _, report = prepared(table(tmp_path / "qa.jsonl", [{"prompt": each, "completion": "Yes."} for each in prompts]))

    assert (report.near_duplicate_texts, report.near_across_splits) == (40, 0)
    assert report.near_duplicates[0].texts[0].startswith("Keep rule 0. Keep rule 1.")


def test_the_same_prompt_stays_in_one_split(tmp_path):
    rows = [{"prompt": prompt, "completion": f"{again}"} for prompt in NUMBERS for again in range(3)]

    split, report = prepared(table(tmp_path / "qa.jsonl", rows))

    assert report.across_splits == 0
    assert report.duplicate_texts == 120
    assert "40 prompts occur with different answers." in report.notes
    assert not {d.prompt for d in split.train.documents} & {d.prompt for d in split.test.documents}


def test_a_leak_between_given_splits_is_said(tmp_path):
    rows = [{"prompt": prompt, "completion": "yes", "part": "train"} for prompt in NUMBERS]
    rows += [{"prompt": prompt, "completion": "no", "part": "test"} for prompt in NUMBERS[:6]]

    split, report = prepared(table(tmp_path / "qa.jsonl", rows), split={"column": "part"})
    files = {
        name: table(tmp_path / f"{name}.jsonl", [r for r in rows if r["part"] == name]) for name in ("train", "test")
    }
    given, _ = prepare_examples(ExampleData(prompt="prompt", **files), 1, lambda: render)

    assert len(split.test.documents) == 6
    assert "Leakage: 6 prompts occur in more than one split (the given splits were kept as they are)." in report.notes
    assert sorted(texts(given.test)) == sorted(texts(split.test))


def test_rows_without_a_prompt_or_an_answer_are_counted(tmp_path):
    rows = [{"prompt": prompt, "completion": "yes"} for prompt in NUMBERS]
    rows += [{"prompt": "", "completion": "yes"}, {"prompt": "Why?", "completion": None}]

    _, report = prepared(table(tmp_path / "qa.jsonl", rows))

    assert report.skipped == {"the prompt is empty or missing": 1, "the answer is empty or missing": 1}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"messages": [{"role": "user", "content": "Hi"}]}, "row 41: the chat in column 'messages' has no answer"),
        ({"messages": [{"text": "Hi"}]}, 'row 41: column \'messages\' holds {"text": "Hi"}, which is not a message'),
        ({"messages": 3}, "row 41: column 'messages' holds 3, which is not a message"),
        (
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": " "}]},
            "has no answer, or an empty one",
        ),
    ],
)
def test_chats_that_are_refused(tmp_path, row, message):
    good = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}

    with pytest.raises(UserError) as caught:
        prepared(table(tmp_path / "chat.jsonl", [good] * 40 + [row]))

    assert message in str(caught.value)


def test_a_template_that_rewrites_the_past_is_refused(tmp_path):
    def forgetful(messages, answering):
        return render(messages[-2:], answering)

    talk = [{"role": role, "content": f"{role} {turn}"} for turn in range(3) for role in ("user", "assistant")]
    source = table(tmp_path / "chat.jsonl", [{"messages": talk}] * 10)

    with pytest.raises(UserError, match="row 1: the chat template of the model writes a message otherwise"):
        prepare_examples(ExampleData(examples=source), 1, lambda: forgetful)


def test_columns_that_cannot_be_found(tmp_path):
    source = table(tmp_path / "qa.jsonl", [{"a": "x", "b": "y"}] * 20)

    with pytest.raises(UserError, match="it has a, b"):
        prepared(source)
    with pytest.raises(UserError, match="no column 'c'"):
        prepared(source, prompt="a", completion="c")
    with pytest.raises(UserError, match=r"usual name for answers(.|\n)*--set data.completion=NAME"):
        prepared(source, prompt="a")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"examples": "a.csv", "template": "{prompt}{completion}"}, "something between"),
        ({"examples": "a.csv", "template": "{completion}{prompt}"}, "end in {completion}"),
        ({"examples": "a.csv", "train": "b.csv"}, "not both"),
        ({"train": "a.csv", "test": "a.csv"}, "are the same"),
        ({"prompt": "a"}, "give `examples`"),
        ({"examples": "a.csv", "prompt": "a", "messages": "b"}, "either `messages`"),
        ({"train": "a.csv", "split": {"column": "part"}}, "leave out `split.column`"),
    ],
)
def test_settings_that_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        ExampleData(**values)


def test_blanks_before_an_answer_belong_to_it():
    document = pair_document("1", "{prompt}: {completion}", "Sum", "  three\n")

    assert document.text == "Sum: three"
    assert (document.prompt, document.reference) == ("Sum:", "three")
