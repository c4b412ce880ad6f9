"""Prompts with answers, without which the method has no examples, for tests/methods/test_contract.py."""

from tests.lm.example_corpora import split

DATA = split()
CONFIG = {"data": {"examples": "not read here"}, "evaluation": {"answers": 2, "max_new_tokens": 4, "resamples": 20}}
SETTINGS = {"examples": 2}
