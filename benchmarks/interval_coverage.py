"""How often intervals hold the truth in simulations: statistics.md and calibration.md in docs/explanation/ say it.

    python benchmarks/interval_coverage.py

Four tables, in Markdown: the interval of a perplexity over documents; how often one of several equally good contestants
is told apart from the best; the interval of a difference over seeds and documents; that of the calibration error.
"""

from __future__ import annotations

import argparse

import numpy as np
import numpy.typing as npt

from bakeoff.evaluation.calibration import calibration_error, calibration_error_interval, with_temperature
from bakeoff.evaluation.intervals import (
    Interval,
    bootstrap_ratio,
    crossed_interval,
    holm,
    mcnemar,
    paired_bootstrap_ratio,
)

RESAMPLES = 1000
PIECES = 8  # of a document
TRUE_LOSS, TRUE_LEAD = 3.0, 0.1  # nats per token


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=600)
    simulations = parser.parse_args().simulations
    for table in (documents_table, contestants_table, seeds_table):
        print(table(simulations), flush=True)
    print(calibration_table(simulations // 2), flush=True)


def documents_table(simulations: int) -> str:
    lines = ["| documents | resampling documents | resampling pieces of 1/8 document |", "| --- | --- | --- |"]
    for documents in (3, 4, 5, 8, 15, 60):
        random = np.random.default_rng(documents)
        held = np.zeros(2)
        for seed in range(simulations):
            tokens = random.integers(500, 6000, size=documents)
            nats = tokens * random.normal(TRUE_LOSS, 0.25, size=documents)
            for kind, parts in enumerate((1, PIECES)):
                ends = bootstrap_ratio(
                    np.repeat(nats / parts, parts),
                    np.repeat(tokens / parts, parts),
                    confidence=0.95,
                    resamples=RESAMPLES,
                    seed=seed,
                )
                held[kind] += holds(ends, TRUE_LOSS)
        lines.append(f"| {documents} | {' | '.join(percent(share) for share in held / simulations)} |")
    return "\n".join(lines) + "\n"


def contestants_table(simulations: int, texts: int = 400) -> str:
    lines = ["| contestants | without correction | with Holm's |", "| --- | --- | --- |"]
    for contestants in (2, 3, 5, 10):
        random = np.random.default_rng(contestants)
        apart = np.zeros(2)
        for seed in range(simulations):
            easiness = 0.5 + 0.5 * random.random(texts)  # for all: a hard text is hard for everybody
            right = random.random((contestants, texts)) < easiness
            best, *others = right[np.argsort(-right.sum(axis=1), kind="stable")].astype(float)
            p_values = [mcnemar(best, other) for other in others]
            beyond = [excludes_0(best, other, seed) for other in others]
            for kind, values in enumerate((p_values, holm(p_values))):
                apart[kind] += any(p < 0.05 and out for p, out in zip(values, beyond, strict=True))
        lines.append(f"| {contestants} | {' | '.join(percent(share) for share in apart / simulations)} |")
    return "\n".join(lines) + "\n"


def excludes_0(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], seed: int) -> bool:
    """Return whether the interval of the difference in accuracy does."""
    found = paired_bootstrap_ratio(one, other, np.ones(len(one)), confidence=0.95, resamples=RESAMPLES, seed=seed)
    return found is not None and not holds(found[0], 0.0)


def seeds_table(simulations: int, documents: int = 200) -> str:
    lines = ["| seeds | what varies more | with replacement | Satterthwaite |", "| --- | --- | --- | --- |"]
    for seeds in (2, 3, 5):
        for what, of_seed, of_document in (("documents", 0.03, 1.0), ("seeds", 0.1, 0.3)):
            random = np.random.default_rng([seeds, len(what)])
            held = np.zeros(2)
            for seed in range(simulations):
                leads = (
                    TRUE_LEAD
                    + random.normal(0, of_seed, size=(seeds, 1))
                    + random.normal(0, of_document, size=documents)
                    + random.normal(0, 0.2, size=(seeds, documents))
                )
                held[0] += holds(with_replacement(leads, seed), TRUE_LEAD)
                held[1] += holds(crossed_interval(leads, np.ones(documents), confidence=0.95), TRUE_LEAD)
            lines.append(f"| {seeds} | {what} | {' | '.join(percent(share) for share in held / simulations)} |")
    return "\n".join(lines) + "\n"


def with_replacement(values: npt.NDArray[np.float64], seed: int) -> Interval:
    """Resample seeds and documents, both with replacement (Sellam et al. 2022).

    Args:
        values: Shape (seeds, documents).
    """
    random = np.random.default_rng(seed)
    seeds, documents = (random.multinomial(count, [1 / count] * count, size=RESAMPLES) for count in values.shape)
    means = np.einsum("rs,sd,rd->r", seeds, values, documents) / values.size
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def calibration_table(simulations: int) -> str:
    lines = ["| true error | texts | percentiles | this interval |", "| --- | --- | --- | --- |"]
    for temperature in (1.0, 0.93, 0.87, 0.7, 0.5):
        true = true_error(temperature)
        for texts in (200, 2000):
            random = np.random.default_rng([texts, round(100 * temperature)])
            held = np.zeros(2)
            for seed in range(simulations):
                labels, said = draw(texts, temperature, random)
                ends = calibration_error_interval(labels, said, confidence=0.95, resamples=RESAMPLES // 2, seed=seed)
                held += [holds(percentiles(labels, said, seed), true), holds(ends, true)]
            shares = " | ".join(percent(share) for share in held / simulations)
            lines.append(f"| {true:.3f} | {texts:,} | {shares} |")
    return "\n".join(lines) + "\n"


def draw(
    texts: int, temperature: float, random: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return labels, and probabilities that are right only with the inverse of the temperature."""
    chance = random.beta(2, 2, size=texts)
    true = np.stack([chance, 1 - chance], axis=1)
    labels = (random.random(texts) >= chance).astype(np.int64)
    return labels, with_temperature(true, temperature)


def true_error(temperature: float) -> float:
    if temperature == 1:
        return 0.0
    return calibration_error(*draw(4_000_000, temperature, np.random.default_rng(0)))


def percentiles(labels: npt.NDArray[np.int64], said: npt.NDArray[np.float64], seed: int) -> Interval:
    random = np.random.default_rng(seed)
    rows = random.integers(len(labels), size=(RESAMPLES // 2, len(labels)))
    low, high = np.quantile([calibration_error(labels[row], said[row]) for row in rows], [0.025, 0.975])
    return float(low), float(high)


def holds(ends: Interval | None, truth: float) -> bool:
    return ends is not None and ends[0] <= truth <= ends[1]


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


if __name__ == "__main__":
    main()
