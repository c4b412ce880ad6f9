"""Keeps transformers and PEFT from speaking: what is shown is the caller's affair."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

from transformers.utils import logging


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """No progress bars while models are loaded and saved, and no table of the weights that are (not) in the files."""
    drawn, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            # PEFT asks transformers for an attribute by its old name; there is nothing that a user could do about it.
            warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
            # `add_lora` refuses such layers in a sentence of its own.
            warnings.filterwarnings("ignore", message="Model has `tie_word_embeddings=True`")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if drawn:
            logging.enable_progress_bar()
