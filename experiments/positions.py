"""Positional embeddings are added to token embeddings, not multiplied.

**Measured:** the same small causal transformer (2 layers of width 64, texts of 64 characters), trained on the
packaged part of WikiText-2 from the same seeds on the same batches: without positions, with learned vectors that are
added to the embeddings, with learned vectors that multiply them, and with rotary positions, which turn queries and
keys and leave the embeddings alone. Learned vectors begin without effect (adding 0, multiplying by 1) and are scaled
so that both move at the same speed. Compared are the losses of the test documents in nats per character, paired by
document and seed. *The cost of shuffling* is what it costs to shuffle the first 48 of 64 characters before the last
16 are predicted: a model that does not use the order loses nothing. Without positions, causal attention still knows
how many characters came before.

**Rule:** after each length of training, the statement holds if adding has a lower loss than multiplying and no other
way a lower one than adding, by intervals; it does not hold if multiplying has a lower loss than adding; otherwise it
depends. If the lengths disagree, it depends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch
import torch.nn.functional as F

from experiments.shared import Gap, Result, SizeName, Table, Verdict, new_figure, paired_gap, plot_gaps
from experiments.small_transformer import CONTEXT, Positions, SmallTransformer, document_losses, train
from experiments.texts import beginnings, build_encoder, first_characters, wikitext

WAYS: tuple[Positions, ...] = get_args(Positions)
SCORED = 16
"""Characters at the end of a window whose loss tells what shuffling the others costs."""


@dataclass(frozen=True)
class Size:
    characters: int  # of training text
    test_documents: int
    test_characters: int  # of each document, from its beginning
    steps: tuple[int, ...]  # lengths of training
    seeds: tuple[int, ...]


SIZES: dict[SizeName, Size] = {
    "tiny": Size(20_000, 4, 500, (1, 2), (12, 13)),
    "quick": Size(1_000_000, 60, 1500, (350,), (12, 13)),
    "full": Size(1_000_000, 100, 3000, (500, 2000), (12, 13, 14)),
}


def decide(gaps: Mapping[int, Mapping[str, Gap]]) -> tuple[Verdict, str]:
    """Apply the rule.

    Args:
        gaps: By steps of training: loss of each other way minus that of adding, in nats per character.
    """
    verdicts = {_decide_one(found) for found in gaps.values()}
    longest = max(gaps)
    differences = ", ".join(f"{way} {gap}" for way, gap in gaps[longest].items())
    said = f"After {longest:,} steps, compared with adding, in nats per character: {differences}."
    return (verdicts.pop() if len(verdicts) == 1 else "depends"), said


def _decide_one(gaps: Mapping[str, Gap]) -> Verdict:
    if gaps["multiplied"].below:
        return "does not hold"
    better = [way for way, gap in gaps.items() if gap.below]
    return "holds" if gaps["multiplied"].above and not better else "depends"


@torch.no_grad()
def cost_of_shuffling(model: SmallTransformer, documents: Sequence[Sequence[int]], seed: int) -> float:
    """Return the nats per character by which the last characters of windows get worse if those before are shuffled."""
    stream = torch.tensor([number for ids in documents for number in ids])
    windows = stream[: len(stream) // (CONTEXT + 1) * (CONTEXT + 1)].view(-1, CONTEXT + 1)
    random = torch.Generator().manual_seed(seed)
    first = CONTEXT - SCORED
    shuffled = windows.clone()
    for row in shuffled:
        row[:first] = row[:first][torch.randperm(first, generator=random)]
    before, after = (
        F.cross_entropy(model(rows[:, :-1])[:, first:].flatten(0, 1), rows[:, first + 1 :].flatten())
        for rows in (windows, shuffled)
    )
    return float(after - before)


def run(name: SizeName) -> Result:
    size = SIZES[name]
    training, test = wikitext()
    training = first_characters(training, size.characters)
    encoder = build_encoder("characters", training)
    training_ids = [encoder.encode(text)[0] for text in training]
    test = beginnings(test, size.test_documents, size.test_characters)
    test_ids = [encoder.encode(text)[0] for text in test]
    weights = np.array([len(ids) - 1 for ids in test_ids])
    gaps: dict[int, dict[str, Gap]] = {}
    rows = []
    for steps in size.steps:
        losses: dict[Positions, list[np.ndarray]] = {way: [] for way in WAYS}
        costs: dict[Positions, list[float]] = {way: [] for way in WAYS}
        for seed in size.seeds:
            for way in WAYS:
                model = train(encoder.vocabulary, training_ids, way, steps=steps, seed=seed)
                losses[way].append(document_losses(model, test_ids))
                costs[way].append(cost_of_shuffling(model, test_ids, seed))
        gaps[steps] = {way: paired_gap(losses[way], losses["added"], weights) for way in WAYS if way != "added"}
        for way in WAYS:
            loss = float(np.mean([each.sum() for each in losses[way]]) / weights.sum())
            gap = str(gaps[steps].get(way, ""))
            numbers = [f"{loss:.4f}", f"{math.exp(loss):.2f}", gap, f"{np.mean(costs[way]):.4f}"]
            rows.append([f"{steps:,}", way, *numbers])
    verdict, reason = decide(gaps)
    seeds = f"{len(size.seeds)} seed{'s' * (len(size.seeds) > 1)}"
    figure, axes = new_figure()
    plot_gaps(axes[0], gaps[max(gaps)], "nats per character more than with added positions")
    return Result(
        verdict,
        reason,
        [
            Table(
                f"{len(test_ids)} test documents, {seeds}",
                [
                    "steps",
                    "positions",
                    "nats per character",
                    "perplexity",
                    "more than added",
                    "cost of shuffling (nats)",
                ],
                rows,
            )
        ],
        figure,
        "Losses compared with added positions, with 95% intervals.",
    )
