"""Fixtures shared with the tests of language models."""

from tests.lm.conftest import one_thread, stories, stories_folder

__all__ = ["one_thread", "stories", "stories_folder"]
