"""Compare generated answers with references: exact match, token F1, ROUGE-L, chrF; one value an answer, 0 to 1."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Values = dict[str, npt.NDArray[np.float64]]
"""Name of a metric -> its value for every answer, shape (answers,)."""

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


class _Words:
    """A tokenizer for rouge-score, whose own keeps ASCII only."""

    def tokenize(self, text: str) -> list[str]:
        return re.findall(r"[^\W_]+", text.lower())


def compare_answers(answers: Sequence[str], references: Sequence[str]) -> Values:
    """Return every metric for every answer.

    Exact match and token F1 are those of SQuAD (Rajpurkar et al. 2016); ROUGE-L (Lin 2004) is the F-measure of
    rouge-score, without stemming; chrF (Popović 2015) is sacrebleu's, of single sentences.
    """
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics import CHRF

    rouge, chrf = RougeScorer(["rougeL"], tokenizer=_Words()), CHRF()
    pairs = list(zip(answers, references, strict=True))
    values = {
        "exact_match": [float(normalized(answer) == normalized(reference)) for answer, reference in pairs],
        "token_f1": [token_f1(answer, reference) for answer, reference in pairs],
        "rouge_l": [rouge.score(reference, answer)["rougeL"].fmeasure for answer, reference in pairs],
        "chrf": [chrf.sentence_score(answer, [reference]).score / 100 for answer, reference in pairs],
    }
    return {name: np.array(column, dtype=np.float64) for name, column in values.items()}


def normalized(text: str) -> str:
    """Return a text as SQuAD compares it: lower case, without punctuation and articles, single blanks."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def token_f1(answer: str, reference: str) -> float:
    """Return the harmonic mean of precision and recall of an answer's normalized words."""
    given, wanted = normalized(answer).split(), normalized(reference).split()
    if not given or not wanted:
        return float(given == wanted)
    same = (Counter(given) & Counter(wanted)).total()
    return 2 * same / (len(given) + len(wanted))
