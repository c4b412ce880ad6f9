"""The smallest real model and the text of a few articles, as the tests of the language-model engine have them."""

from __future__ import annotations

from tests.lm.conftest import corpus, gpt2, split, stories  # noqa: F401 (fixtures)
