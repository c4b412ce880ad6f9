"""Repetition, diversity and word use of generated texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from bakeoff.runs.findings import Overuse, TextAverages, TextStatistics
from bakeoff.runs.results import Sample


def repeated(words: Sequence[str], length: int) -> list[int]:
    """Return the starts of runs of `length` words that occurred before in the text."""
    seen: set[tuple[str, ...]] = set()
    starts = []
    for start in range(len(words) - length + 1):
        gram = tuple(words[start : start + length])
        if gram in seen:
            starts.append(start)
        seen.add(gram)
    return starts


def distinct(words: Sequence[str], length: int) -> float:
    """Return different runs of `length` words / all of them (distinct-n of Li et al. 2016); 1 where there are none."""
    total = len(words) - length + 1
    return 1 - len(repeated(words, length)) / total if total > 0 else 1.0


def word_counts(texts: Iterable[str]) -> Counter[str]:
    """Count each word: runs of letters and digits, in lower case, so that punctuation is ignored."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(re.findall(r"\w+", text.lower()))
    return counts


def text_statistics(text: str, training: Counter[str] | None = None) -> TextStatistics:
    """Measure a generated text (without its prompt).

    Repetition is counted over words split on whitespace. A text shorter than an n-gram has none, so none is repeated:
    0 repeated 4-grams, distinct-n of 1. Longer texts repeat more words whoever wrote them, so compare texts of about
    the same length.

    Args:
        training: `word_counts` of the fine-tuning text, for the statistics that compare with it.
    """
    words = text.split()
    statistics = TextStatistics(
        repeated_4_grams=1 - distinct(words, 4), distinct_1=distinct(words, 1), distinct_2=distinct(words, 2)
    )
    counts = word_counts([text])
    if not training or not counts:
        return statistics
    known = sum(count for word, count in counts.items() if word in training)
    return statistics.model_copy(update={"known_words": known / counts.total(), "overuse": _overuse(counts, training)})


def _overuse(counts: Counter[str], training: Counter[str]) -> Overuse | None:
    """Return the word, used at least twice, whose share exceeds its share of the fine-tuning text by most."""
    total, trained = counts.total(), training.total()
    excess = {word: count / total - training[word] / trained for word, count in counts.items() if count > 1}
    if not excess or max(excess.values()) <= 0:
        return None
    word = max(excess, key=lambda candidate: excess[candidate])
    return Overuse(word=word, share=counts[word] / total, expected=training[word] / trained)


def text_averages(samples: Mapping[str, Sequence[Sample]]) -> list[TextAverages]:
    """Average the statistics of each contestant's generated texts; one that wrote none is left out."""
    averages = []
    for name, written in samples.items():
        statistics = [sample.statistics for sample in written if sample.statistics]
        if not statistics:
            continue
        known = [text.known_words for text in statistics if text.known_words is not None]
        averages.append(
            TextAverages(
                name=name,
                texts=len(statistics),
                repeated_4_grams=fmean(text.repeated_4_grams for text in statistics),
                distinct_1=fmean(text.distinct_1 for text in statistics),
                distinct_2=fmean(text.distinct_2 for text in statistics),
                known_words=fmean(known) if known else None,
            )
        )
    return averages
