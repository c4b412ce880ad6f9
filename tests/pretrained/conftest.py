"""The models that the tests of language models use."""

from tests.lm.conftest import one_thread, stories

__all__ = ["one_thread", "stories"]
