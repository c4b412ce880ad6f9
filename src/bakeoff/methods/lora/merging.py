"""`merge: true`: a trained adapter becomes part of its model, and whether that shows is measured."""

from __future__ import annotations

from pathlib import Path

from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.perplexity import Scores, score_plan, summary
from bakeoff.lm.scoring_plan import ScoringPlan
from bakeoff.lm.sources import load_language_model
from bakeoff.pretrained.saving import save_full
from bakeoff.pretrained.sources import load_weights
from bakeoff.runs.checksums import write_manifest
from bakeoff.runs.writing import replaced_folder
from bakeoff.training.progress import Progress

TOLERANCE = 1e-4
"""Relative difference of two perplexities that nobody is told of."""


def is_adapter(folder: Path) -> bool:
    return (folder / "adapter_config.json").exists()


def write_merged(folder: Path) -> None:
    """Replace the adapter in `folder` by the whole model, merged in fp32, which plain transformers loads."""
    model, tokenizer, _ = load_weights(str(folder))
    with replaced_folder(folder) as temporary:
        save_full(model, temporary, {})
        tokenizer.save_pretrained(temporary)
        write_manifest(temporary)  # without it, a resume would take the training for damaged


def merging_note(folder: Path, merged: LanguageModel, scores: Scores, plan: ScoringPlan, progress: Progress) -> str:
    """Both perplexities in a sentence where merging has changed the metric; nothing where it has not.

    Args:
        folder: Holds the adapter.
        merged: The model that was evaluated; its adapter is computed apart in the same precision.
        scores: Of the merged model, under `plan`.
    """
    progress.stage("computing the adapter apart")
    apart = load_language_model(str(folder), precision=merged.precision, merged=False)
    expected, found = (summary(each).perplexity for each in (score_plan(apart, plan, progress=progress), scores))
    if abs(found / expected - 1) <= TOLERANCE:
        return ""
    return (
        f"Merged into the model, the adapter has a perplexity of {found:.4f}; computed apart from it, {expected:.4f} "
        f"({plan.protocol}, {merged.precision})."
    )
