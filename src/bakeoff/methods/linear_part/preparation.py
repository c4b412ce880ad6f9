"""What a method does about a contestant's `linear_part`: check the data, fit the part, forecast its cost."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from bakeoff.errors import UserError
from bakeoff.methods.base import planned_part
from bakeoff.methods.context import FitContext, PlanContext
from bakeoff.methods.gradient import Preparation
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.runs.results import TrainingCost

if TYPE_CHECKING:
    from bakeoff.data.types import SplitTable


def check_linear_part(name: str, data: SplitTable) -> None:
    """Refuse data with a class of a single training text, or with several labels for a text.

    Raises:
        UserError: naming `contestants.NAME.linear_part`.
    """
    if data.multilabel:
        raise UserError(
            f"contestants.{name}.linear_part corrects a linear model that gives every text one label, and here a text "
            "can have several.",
            f"Remove linear_part. To let both answer together: {{method: ensemble, members: [linear, {name}]}}",
        )
    label, texts = Counter(data.train.labels).most_common()[-1]
    if texts < 2:
        raise UserError(
            f"contestants.{name}.linear_part needs two training texts of every class, because it learns from "
            f"linear models' answers to texts that they have not seen. {data.label_names[label]!r} has one.",
            "Add texts of that class, or remove linear_part.",
        )


def prepare_linear_part(settings: LinearConfig, data: SplitTable, context: FitContext, prepared: Preparation) -> None:
    """Fit the linear part, and add it with its cost and its notes to what is prepared.

    The trials of a search share it, unless they have other settings of it; the first one counts its cost.
    """
    from bakeoff.methods.linear_part.fitting import fit_linear_part

    kept: dict[str, Any] = {} if context.kept is None else context.kept
    key = f"linear part, seed {context.seed}: {settings.model_dump_json()}"
    if key in kept:
        note = "Its linear part is that of an earlier trial, which counts the time of the fit."
    else:
        context.progress.stage("fitting the linear part")
        started = time.perf_counter()
        kept[key] = fit_linear_part(data.train, settings, context.seed)
        seconds = time.perf_counter() - started
        context.fitted_before.append(TrainingCost(seconds=seconds))
        prepared.cost = prepared.cost.model_copy(update={"seconds": prepared.cost.seconds + seconds})
        note = f"{seconds:.0f} s of the training time were spent on its linear part."
    linear = kept[key]
    prepared.parts["linear_part"] = linear
    prepared.parameters = linear.model.parameters
    prepared.notes.insert(0, note if not linear.note else f"{note} {linear.note}")


def plan_linear_part(settings: LinearConfig, data: SplitTable, context: PlanContext, prepared: Preparation) -> None:
    """Add the forecast of the linear part, from the plan of a linear contestant."""
    from bakeoff.methods.linear.method import choose_for_plan, plan_of_part
    from bakeoff.methods.linear_part.fitting import FITS_OF_ALL_TEXTS, LinearPart, unanswered

    settings, _ = choose_for_plan(settings, data)
    linear, model = plan_of_part(settings, data, context)
    part = planned_part(data)
    answers = unanswered(len(data.train), len(data.label_names), settings)
    prepared.parts["linear_part"] = LinearPart(model, answers, settings)
    seconds = linear.training_seconds * FITS_OF_ALL_TEXTS
    # The learner's model/ has the model of the part already.
    prepared.model_bytes = int(linear.model_bytes * (1 - len(part.train) / len(data.train)))
    prepared.parameters = linear.total_parameters
    prepared.cost = TrainingCost(
        steps=prepared.cost.steps,
        tokens=prepared.cost.tokens,
        seconds=prepared.cost.seconds + seconds,
        peak_memory_bytes=linear.peak_memory_bytes,
    )
    prepared.notes.append(
        f"{seconds:.0f} s of the training time are for its linear part, measured on a part of the texts."
    )
