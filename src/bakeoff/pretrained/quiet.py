"""Silence transformers and PEFT: the caller decides what users see."""

from __future__ import annotations

import contextlib
import logging as standard_logging
import warnings
from collections.abc import Iterator

from transformers.utils import logging


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Suppress progress bars and reports of missing weights while models are loaded and saved."""
    shows_bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            # PEFT asks transformers for an attribute by its old name; users can do nothing about it.
            warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
            # `put_adapters` refuses such layers with its own message.
            warnings.filterwarnings("ignore", message="Model has `tie_word_embeddings=True`")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if shows_bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def quiet_exporter() -> Iterator[None]:
    """Silence torch's ONNX exporter, which warns of packages that a graph does not need and of its own deprecations."""
    logger = standard_logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(standard_logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
