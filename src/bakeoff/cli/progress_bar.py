"""Progress of long work on standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from bakeoff.cli.console import printable
from bakeoff.training.progress import Progress

if TYPE_CHECKING:
    from bakeoff.runs.results import ContestantResult, EpochLine, StepLine

LINE_SECONDS = 30.0
"""Seconds between lines of progress when there is no terminal to draw a bar on."""


def duration(seconds: float) -> str:
    """Return a time as on a clock: `42 s`, `3:05`, `1:02:03`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


class ConsoleProgress(Progress):
    """Progress on standard error: a bar with the time left, and the lab's table line by line."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, highlight=False)
        self._live = self._console.is_terminal
        self._bar = RichProgress(
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[news]}", markup=False),
            console=self._console,
            transient=True,
            disable=not self._live,
        )
        self._task: TaskID | None = None
        self._stage: tuple[str, float, float] | None = None  # text, share at its first report, time
        self._header_due = True
        self._last_line = time.monotonic()

    def __enter__(self) -> ConsoleProgress:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def message(self, text: str) -> None:
        self._print(f"  {text}")

    def contestant(self, name: str, number: int, total: int) -> None:
        self._header_due = True
        self._print(f"[{number}/{total}] {name}", style="bold")

    def stage(self, text: str, share: float | None = None) -> None:
        now = time.monotonic()
        if self._stage is None or self._stage[0] != text:
            self._stage = text, share or 0.0, now
        _, share_before, began = self._stage
        news = ""
        if share is not None and share > share_before:
            news = f"{duration((now - began) * (1 - share) / (share - share_before))} left"
        self._show(text, share, news)
        if news and not self._live and now - self._last_line > LINE_SECONDS:
            self._print(f"  {text}: {share:4.0%}  {news}")

    def step(self, line: StepLine, share: float) -> None:
        left = line.seconds * (1 - share) / share if share else 0.0
        speed = line.tokens / line.seconds if line.seconds else 0.0
        news = f"step {line.step}  loss {line.loss:.3f}  {speed:,.0f} tokens/s  {duration(left)} left"
        self._show("training", share, news)
        if not self._live and time.monotonic() - self._last_line > LINE_SECONDS:
            self._print(f"  {share:4.0%}  {news}")

    def epoch(self, line: EpochLine) -> None:
        if self._header_due:
            valid = "valid acc" if line.measure == "accuracy" else " micro-F1"
            self._print(f"  epoch   step  train loss  train acc  valid loss  {valid}      time")
            self._header_due = False
        cells = [
            f"{line.epoch:7d}{line.step:7d}",
            _cell(line.train_loss, 12),
            _cell(line.train_accuracy, 11),
            _cell(line.validation_loss, 12),
            _cell(line.validation_accuracy, 11),
            f"{duration(line.seconds):>10}",
            "  best so far" if line.best else "",
        ]
        self._print("".join(cells))

    def result(self, result: ContestantResult) -> None:
        metric = result.metrics[0]
        interval = f" ({metric.low:.4g} to {metric.high:.4g})" if metric.low is not None else ""
        self._print(
            f"  {metric.split} {metric.name.replace('_', ' ')} {metric.value:.4g}{interval}"
            f" in {duration(result.training.total_seconds)}"
        )

    def side_by_side(self, name: str, number: int, total: int) -> Progress:
        return _OneOfSeveral(self, name, f"[{number}/{total}]")

    def _show(self, description: str, share: float | None, news: str) -> None:
        if self._task is None:
            self._task = self._bar.add_task(description, total=1.0, news=news)
        self._bar.update(
            self._task, description=description, news=news, completed=share or 0.0, total=None if share is None else 1.0
        )

    def _print(self, text: str, style: str = "") -> None:
        self._last_line = time.monotonic()
        self._console.print(Text(printable(text), style=style), soft_wrap=True)


class _OneOfSeveral(ConsoleProgress):
    """A training beside others: it has a bar of its own, and its name in every line."""

    def __init__(self, shared: ConsoleProgress, name: str, number: str) -> None:
        self._console, self._live, self._bar = shared._console, shared._live, shared._bar
        self._task = None
        self._stage = None
        self._name = name
        self._last_line = time.monotonic()
        ConsoleProgress._print(self, f"{number} {name}", style="bold")

    def epoch(self, line: EpochLine) -> None:
        name = "valid acc" if line.measure == "accuracy" else line.measure
        accuracy = "" if line.validation_accuracy is None else f"  {name} {line.validation_accuracy:.3f}"
        best = "  best so far" if line.best else ""
        self._print(f"epoch {line.epoch}  step {line.step}  valid loss {line.validation_loss:.3f}{accuracy}{best}")

    def end(self) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)

    def _show(self, description: str, share: float | None, news: str) -> None:
        super()._show(f"{self._name}: {description}", share, news)

    def _print(self, text: str, style: str = "") -> None:
        super()._print(f"{self._name}: {text.strip()}", style)


def _cell(value: float | None, width: int) -> str:
    return f"{value:{width}.3f}" if value is not None else f"{'':>{width - 1}}-"
