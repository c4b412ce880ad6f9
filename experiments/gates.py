"""An LSTM's forget gate and input gate / cell update cannot replace one another.

**Measured:** an LSTM and four that lack something: no forget gate (f = 1), no input gate (i = 1), the input gate
coupled to the forget gate (i = 1 - f, so that one gate does both), no output gate (o = 1). First task: symbols pass
by, two of them marked, and after a delay of 10 to 200 more symbols the network names the last marked one; it must
overwrite the first marked symbol and ignore those that come after. Second task: positive or negative, on the packaged
sentences. All take the same steps on the same texts, with biases that let them remember for as long as the delay
(Tallec and Ollivier 2018). Differences of accuracy to the full LSTM are paired by text and, where there are several,
by seed.

**Rule:** on a task, a variant is worse where the interval of its difference lies below 0. The statement holds if, on
some task, no forget gate, no input gate and the coupled gate are all worse. It does not hold if none of the three is
worse on any task. Otherwise it depends: a variant that is nowhere worse shows which gate the other one replaced.
Tasks that the full LSTM does not learn (the interval of its accuracy reaches chance) decide nothing; if there is no
other, it depends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from bakeoff.data.config import TableData
from bakeoff.data.tables import prepare_table
from bakeoff.data.types import LabeledTexts
from bakeoff.data.words import tokenize
from bakeoff.evaluation.intervals import wilson
from bakeoff.methods.recurrent.config import Vocabulary
from bakeoff.methods.recurrent.vocabulary import WordVocabulary
from experiments.shared import CONFIDENCE, Gap, Result, SizeName, Table, Verdict, new_figure, paired_gap, plot_gaps

VARIANTS = ("full", "no forget", "no input", "coupled", "no output")
REPLACED = ("no forget", "no input", "coupled")
SYMBOLS, MARKED_WITHIN = 8, 10
LONGEST_SENTENCE = 40


@dataclass(frozen=True)
class Size:
    delays: tuple[int, ...]
    updates: int
    test_texts: int
    sentences: int
    epochs: int
    seeds: tuple[int, ...]
    hidden: int = 32
    rows: int = 32


SIZES: dict[SizeName, Size] = {
    "tiny": Size((3,), 2, 16, 60, 1, (12, 13), 4, 8),
    "quick": Size((10, 50), 400, 500, 2000, 2, (12,)),
    "full": Size((10, 50, 200), 800, 2000, 10_662, 3, (12, 13, 14)),
}


class Networks(nn.Module):
    """Many small LSTM classifiers side by side, one for each variant and seed, which share no weights.

    The gates are in torch.nn.LSTM's order: input, forget, cell update, output.
    """

    def __init__(
        self, variants: Sequence[str], seeds: Sequence[int], inputs: int, hidden: int, classes: int, remember: int
    ) -> None:
        """
        Args:
            variants: One a network, of `VARIANTS`.
            seeds: One a network. Networks of the same seed start with the same weights.
            remember: Steps that the gates' biases let the cell remember for.
        """
        super().__init__()
        started = [_start(seed, inputs, hidden, classes, remember) for seed in seeds]
        self.weight, self.bias, self.head, self.head_bias = (
            nn.Parameter(torch.stack(parts)) for parts in zip(*started, strict=True)
        )
        self.hidden = hidden
        lacks = [torch.tensor([variant == name for variant in variants])[:, None, None] for name in VARIANTS[1:]]
        self.no_forget, self.no_input, self.coupled, self.no_output = lacks

    def forward(self, inputs: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (networks, rows, classes).

        Args:
            inputs: Shape (steps, networks or 1, rows, inputs).
            last: The step after which each row is answered, shape (rows,).
        """
        networks, rows = len(self.weight), inputs.shape[2]
        state = cell = inputs.new_zeros(networks, rows, self.hidden)
        states = []
        for step in inputs:
            seen = torch.cat([step.expand(networks, -1, -1), state], -1)
            entering, forgetting, update, leaving = torch.baddbmm(self.bias, seen, self.weight).chunk(4, -1)
            keep = torch.where(self.no_forget, 1.0, forgetting.sigmoid())
            let_in = torch.where(self.coupled, 1 - keep, torch.where(self.no_input, 1.0, entering.sigmoid()))
            cell = keep * cell + let_in * update.tanh()
            state = torch.where(self.no_output, 1.0, leaving.sigmoid()) * cell.tanh()
            states.append(state)
        answered = torch.stack(states)[last, :, torch.arange(rows)].transpose(0, 1)
        return torch.baddbmm(self.head_bias, answered, self.head)


def _start(seed: int, inputs: int, hidden: int, classes: int, remember: int) -> tuple[torch.Tensor, ...]:
    """Return weights and biases of one network: uniform as in torch.nn.LSTM, the gates' biases by time scales."""
    random = torch.Generator().manual_seed(seed)
    bound = hidden**-0.5
    weight = torch.empty(inputs + hidden, 4 * hidden).uniform_(-bound, bound, generator=random)
    head = torch.empty(hidden, classes).uniform_(-bound, bound, generator=random)
    bias = torch.zeros(1, 4 * hidden)
    scales = torch.empty(hidden).uniform_(1, max(2, remember - 1), generator=random).log()
    bias[0, :hidden], bias[0, hidden : 2 * hidden] = -scales, scales
    return weight, bias, head, torch.zeros(1, classes)


def marked_symbols(rows: int, delay: int, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw texts of the first task and their answers.

    Returns:
        One-hot symbols with a mark behind them, shape (steps, 1, rows, SYMBOLS + 1), and the symbols last marked.
    """
    steps = MARKED_WITHIN + 1 + delay
    symbols = torch.randint(SYMBOLS, (steps, rows), generator=random)
    marks = torch.zeros(steps, rows)
    marks[torch.randint(MARKED_WITHIN, (rows,), generator=random), torch.arange(rows)] = 1
    marks[MARKED_WITHIN] = 1
    inputs = torch.cat([F.one_hot(symbols, SYMBOLS).float(), marks[..., None]], -1)
    return inputs[:, None], symbols[MARKED_WITHIN]


@dataclass(frozen=True)
class TaskFindings:
    """Answers on one task."""

    name: str
    right: dict[str, np.ndarray]  # by variant: 1 where right, shape (seeds, texts)
    chance: float

    def accuracy(self, variant: str) -> float:
        return float(self.right[variant].mean())

    def gap(self, variant: str) -> Gap:
        """Accuracy of a variant minus that of the full LSTM."""
        return paired_gap(self.right[variant], self.right["full"], np.ones(self.right["full"].shape[1]))

    @property
    def learned(self) -> bool:
        """True if the full LSTM is better than chance, by the interval of its accuracy."""
        texts = self.right["full"].shape[1]
        return wilson(round(self.accuracy("full") * texts), texts, CONFIDENCE)[0] > self.chance


def decide(gaps: Mapping[str, Mapping[str, Gap]]) -> tuple[Verdict, str]:
    """Apply the rule.

    Args:
        gaps: Accuracy minus that of the full LSTM, by task that the full LSTM learned, and by variant.
    """
    if not gaps:
        return "depends", "The full LSTM learned no task, so that nothing was measured."
    worse = {variant: [task for task, found in gaps.items() if found[variant].below] for variant in REPLACED}
    said = " ".join(
        f"{variant[0].upper()}{variant[1:]}: worse on {', '.join(tasks) or 'no task'}."
        for variant, tasks in worse.items()
    )
    if any(all(found[variant].below for variant in REPLACED) for found in gaps.values()):
        return "holds", said
    return ("depends" if any(worse.values()) else "does not hold"), said


def _networks(size: Size, inputs: int, classes: int, remember: int) -> Networks:
    pairs = [(variant, seed) for variant in VARIANTS for seed in size.seeds]
    return Networks([v for v, _ in pairs], [s for _, s in pairs], inputs, size.hidden, classes, remember)


def _by_variant(right: torch.Tensor, size: Size) -> dict[str, np.ndarray]:
    """Divide answers of shape (networks, texts) by variant."""
    parts = right.double().view(len(VARIANTS), len(size.seeds), -1).numpy()
    return dict(zip(VARIANTS, parts, strict=True))


def _step(networks: Networks, logits: torch.Tensor, answers: torch.Tensor, optimizer: torch.optim.Optimizer) -> None:
    """Take a step of every network; each clips its own gradient."""
    loss = F.cross_entropy(logits.flatten(0, 1), answers.repeat(len(logits))) * len(logits)
    optimizer.zero_grad()
    loss.backward()
    gradients = [parameter.grad for parameter in networks.parameters() if parameter.grad is not None]
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    factors = (1 / norms.clamp_min(1e-6)).clamp_max(1.0)
    for gradient in gradients:
        gradient.mul_(factors[:, None, None])
    optimizer.step()


def remember_symbols(delay: int, size: Size) -> TaskFindings:
    """Train and test on the first task."""
    networks = _networks(size, SYMBOLS + 1, SYMBOLS, MARKED_WITHIN + 1 + delay)
    optimizer = torch.optim.Adam(networks.parameters(), lr=5e-3)
    random = torch.Generator().manual_seed(delay)
    last = torch.tensor(MARKED_WITHIN + delay)
    for _ in range(size.updates):
        inputs, answers = marked_symbols(size.rows, delay, random)
        _step(networks, networks(inputs, last.expand(size.rows)), answers, optimizer)
    with torch.no_grad():
        inputs, answers = marked_symbols(size.test_texts, delay, random)
        right = networks(inputs, last.expand(size.test_texts)).argmax(-1) == answers
    return TaskFindings(f"delay {delay}", _by_variant(right, size), 1 / SYMBOLS)


def read_sentences(size: Size) -> TaskFindings:
    """Train and test on the packaged sentences."""
    split, _ = prepare_table(TableData(table="sentence-polarity", rows=size.sentences), seed=12)
    rule = Vocabulary()
    vocabulary = WordVocabulary.build(tokenize(split.train.texts, rule.punctuation), rule)
    torch.manual_seed(12)
    networks = _networks(size, 32, 2, LONGEST_SENTENCE)
    table = nn.Parameter(0.1 * torch.randn(len(vocabulary.words) + 2, 32).repeat(len(networks.weight), 1, 1))
    optimizer = torch.optim.Adam([*networks.parameters(), table], lr=3e-3)

    def read(texts: LabeledTexts) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        encoded = vocabulary.encode(texts.texts).cut(LONGEST_SENTENCE, "head")
        rows = np.split(encoded.ids, encoded.offsets[1:-1])
        ids = nn.utils.rnn.pad_sequence([torch.from_numpy(row).long() for row in rows])
        return ids, torch.tensor([len(row) - 1 for row in rows]), torch.tensor(texts.labels)

    def logits(ids: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        ids = ids[: int(last.max()) + 1]
        result: torch.Tensor = networks(table[:, ids].transpose(0, 1), last)
        return result

    ids, last, labels = read(split.train)
    random = torch.Generator().manual_seed(12)
    for _ in range(size.epochs):
        for rows in torch.randperm(len(labels), generator=random).split(size.rows):
            _step(networks, logits(ids[:, rows], last[rows]), labels[rows], optimizer)
    ids, last, labels = read(split.test)
    with torch.no_grad():
        parts = torch.arange(len(labels)).split(256)
        right = torch.cat([logits(ids[:, rows], last[rows]).argmax(-1) == labels[rows] for rows in parts], 1)
    chance = max(np.bincount(split.test.labels)) / len(labels)
    return TaskFindings("sentences", _by_variant(right, size), float(chance))


def run(name: SizeName) -> Result:
    size = SIZES[name]
    found = [*(remember_symbols(delay, size) for delay in size.delays), read_sentences(size)]
    gaps = {task.name: {variant: task.gap(variant) for variant in VARIANTS[1:]} for task in found if task.learned}
    verdict, reason = decide(gaps)
    rows = [
        [
            task.name,
            variant,
            f"{task.accuracy(variant):.4f}",
            "" if variant == "full" else str(task.gap(variant)),
            f"{task.chance:.3f}",
        ]
        for task in found
        for variant in VARIANTS
    ]
    figure, axes = new_figure(2)
    for axis, task in zip(axes, (found[-2], found[-1]), strict=True):
        plot_gaps(axis, {variant: task.gap(variant) for variant in VARIANTS[1:]}, f"accuracy minus full, {task.name}")
    seeds = f"{len(size.seeds)} seed{'s' * (len(size.seeds) > 1)}"
    return Result(
        verdict,
        reason,
        [Table(f"Accuracy, {seeds}", ["task", "LSTM", "accuracy", "minus full", "chance"], rows)],
        figure,
        "Accuracy of four variants minus that of the full LSTM, at the longest delay and on sentences.",
    )
