"""The registry of perplexity protocols: light, complete, and the only list of their names."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from bakeoff.errors import UserError
from bakeoff.lm.config import LanguageModelEvaluationConfig
from bakeoff.lm.perplexity import plan_scoring
from bakeoff.lm.protocols.registry import PROTOCOLS, ProtocolName, get_protocol
from tests.lm.conftest import corpus_of


def test_protocols_are_listed_in_the_order_in_which_users_see_them():
    assert list(PROTOCOLS) == ["window", "document", "lab"]
    assert get_args(ProtocolName) == tuple(PROTOCOLS)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_says_what_it_is(name):
    protocol = get_protocol(name)

    assert protocol.name == name
    assert protocol.version >= 1
    assert protocol.meaning.endswith(".")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_plan_predicts_the_targets_of_every_row_once(stories, corpus, name):
    plan = plan_scoring(stories.tokenizer, corpus, name, model_context=512, context_length=64)

    assert plan.protocol.startswith(f"{name}(context=64")
    assert all(piece.weight >= piece.last - piece.first for piece in plan.pieces)
    for number, row in enumerate(plan.rows):
        covered = [place for piece in plan.pieces if piece.row == number for place in range(piece.first, piece.last)]
        assert covered == list(range(len(row.targets)))


@pytest.mark.parametrize("text", ["a", "a b", "a b c", "a b c d", "a b c d e"])
def test_windows_of_any_context_and_stride_are_those_of_a_plain_loop(stories, text):
    corpus = corpus_of({"letters": text})
    ids = stories.tokenizer(text)["input_ids"]
    for context in range(2, len(ids) + 1):
        for stride in range(1, context + 1):
            plan = plan_scoring(
                stories.tokenizer, corpus, "window", model_context=512, context_length=context, stride=stride
            )

            expected, reached = [], 0
            for begin in range(0, len(ids), stride):
                expected.append(ids[max(reached, begin + 1) : begin + context])
                reached = max(reached, begin + context)
            assert [row.targets.tolist() for row in plan.rows] == [targets for targets in expected if targets]


@pytest.mark.parametrize("name", ["window", "document"])
def test_protocols_other_than_lab_divide_by_the_predicted_tokens(stories, corpus, name):
    plan = plan_scoring(stories.tokenizer, corpus, name, model_context=512, context_length=64)

    assert [piece.weight for piece in plan.pieces] == [piece.last - piece.first for piece in plan.pieces]


def test_an_unknown_name_is_refused_with_the_nearest_one(stories):
    with pytest.raises(UserError, match=r"'windows' is not a perplexity protocol(.|\n)*Did you mean 'window'\?"):
        stories.perplexity("A text.", protocol="windows")


def test_a_config_accepts_registered_protocols_only():
    assert LanguageModelEvaluationConfig(protocols=list(PROTOCOLS)).protocols == list(PROTOCOLS)
    with pytest.raises(ValueError, match="'window', 'document' or 'lab'"):
        LanguageModelEvaluationConfig(protocols=["windows"])


def test_reading_the_registry_loads_no_heavy_library():
    code = (
        "import sys\n"
        "from bakeoff.lm.protocols.registry import PROTOCOLS\n"
        "print([(protocol.name, protocol.version, protocol.meaning) for protocol in PROTOCOLS.values()])\n"
        "sys.exit(', '.join({'torch', 'numpy', 'pyarrow', 'transformers'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr.strip() == ""
    assert "published lab" in done.stdout
