"""Plots of runs. Most tests leave out what matplotlib makes of them, which takes half the time of a small run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import pytest

from bakeoff.report.drawing import Plot
from bakeoff.report.safe_text import one_line

AS_HTML, AS_FILE = Plot.__html__, Plot.file


def _left_out(plot: Plot) -> str:
    return (
        f'<svg class="plot" data-name="{plot.name}" role="img" aria-label="{escape(one_line(plot.description))}"></svg>'
    )


@contextmanager
def no_plots() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Plot, "__html__", _left_out)
        patch.setattr(Plot, "file", lambda plot, kind: plot.name.encode())
        yield


@contextmanager
def plots() -> Iterator[None]:
    """Draw them, inside of `no_plots`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Plot, "__html__", AS_HTML)
        patch.setattr(Plot, "file", AS_FILE)
        yield
