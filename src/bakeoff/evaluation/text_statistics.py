"""How much a generated text repeats itself, and how it uses words, as metrics instead of impressions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from bakeoff.runs.findings import Overuse, TextAverages, TextStatistics
from bakeoff.runs.results import Sample


def repeated(words: Sequence[str], length: int) -> list[int]:
    """Where a run of `length` words starts that occurred before in the text."""
    seen: set[tuple[str, ...]] = set()
    starts = []
    for start in range(len(words) - length + 1):
        gram = tuple(words[start : start + length])
        if gram in seen:
            starts.append(start)
        seen.add(gram)
    return starts


def distinct(words: Sequence[str], length: int) -> float:
    """Different runs of `length` words / all of them (distinct-n of Li et al. 2016); 1 where there are none."""
    total = len(words) - length + 1
    return 1 - len(repeated(words, length)) / total if total > 0 else 1.0


def word_counts(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs: runs of letters and digits, in lower case, so that punctuation plays no part."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(re.findall(r"\w+", text.lower()))
    return counts


def text_statistics(text: str, training: Counter[str] | None = None) -> TextStatistics:
    """Figures about a generated text (without its prompt).

    Repetition is counted over words as split on white space. A text shorter than an n-gram holds none, so none of them
    is repeated: 0 repeated 4-grams, distinct-n of 1. Longer texts repeat more words whatever wrote them, so compare
    texts of about the same length.

    Args:
        training: `word_counts` of the fine-tuning text, for the metrics that compare with it.
    """
    words = text.split()
    found = TextStatistics(
        repeated_4_grams=1 - distinct(words, 4), distinct_1=distinct(words, 1), distinct_2=distinct(words, 2)
    )
    counts = word_counts([text])
    if not training or not counts:
        return found
    known = sum(number for word, number in counts.items() if word in training)
    return found.model_copy(update={"known_words": known / counts.total(), "overuse": _overuse(counts, training)})


def _overuse(counts: Counter[str], training: Counter[str]) -> Overuse | None:
    """The word, used at least twice, whose share exceeds that in the fine-tuning text by most."""
    total, trained = counts.total(), training.total()
    excess = {word: number / total - training[word] / trained for word, number in counts.items() if number > 1}
    if not excess or max(excess.values()) <= 0:
        return None
    word = max(excess, key=lambda each: excess[each])
    return Overuse(word=word, share=counts[word] / total, expected=training[word] / trained)


def text_averages(samples: Mapping[str, Sequence[Sample]]) -> list[TextAverages]:
    """The mean metrics of each contestant's generated texts; nothing for one that wrote none."""
    averages = []
    for name, written in samples.items():
        found = [sample.statistics for sample in written if sample.statistics]
        if not found:
            continue
        known = [each.known_words for each in found if each.known_words is not None]
        averages.append(
            TextAverages(
                name=name,
                texts=len(found),
                repeated_4_grams=fmean(each.repeated_4_grams for each in found),
                distinct_1=fmean(each.distinct_1 for each in found),
                distinct_2=fmean(each.distinct_2 for each in found),
                known_words=fmean(known) if known else None,
            )
        )
    return averages
