"""Group the test texts by everything that is known of them but their labels: length, script, topic, and columns."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff import machine
from bakeoff.data.cells import label_of
from bakeoff.data.profile import look_english
from bakeoff.data.scripts import counted_in_characters
from bakeoff.data.types import SplitTable
from bakeoff.errors import UserError
from bakeoff.pretrained.names import DEFAULT_ENCODER
from bakeoff.runs.findings import TextTraits
from bakeoff.training.progress import Progress

_GROUPS = 4  # of lengths and of a column of numbers: quarters
_MOST_VALUES = 50  # of a column; with more, its values are no groups
_FEW_VALUES = 12  # numbers of at most so many values are groups as they are
_SHOWN_CHARACTERS = 300
_LETTERS = 200  # of a text, that decide on its script
_TEXTS_A_TOPIC = 50
_MOST_TOPICS = 20
_TOPIC_WORDS = 3
_FEWEST_TEXTS = 200  # with fewer, hardly any topic can be told from chance
_ENCODED_CHARACTERS = 250_000  # of new texts that the packaged encoder reads for topics: seconds
_DIMENSIONS = 50  # of the vectors of texts where there is no encoder


def text_traits(data: SplitTable, seed: int, progress: Progress) -> TextTraits:
    """Return the groups of every test text. They depend on the texts, the table and the seed alone.

    Args:
        seed: Of the topics, which are clusters of vectors of the texts (k-means).
    """
    texts = data.test.texts
    traits: dict[str, list[str | None]] = {"length": _quarters([len(text) for text in texts], _characters)}
    traits["script"] = [script(text) for text in texts]
    if (topics := _topics(texts, seed, progress)) is not None:
        traits["topic"] = topics
    for name, cells in data.test_columns.items():
        if (values := _column(cells)) is not None:
            traits[f"column {name}"] = values
    return TextTraits(
        documents=data.test.ids,
        texts=[text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…" for text in texts],
        traits=traits,
    )


def script(text: str) -> str | None:
    """Return the script of most letters, such as `Latin`, or None where there are no letters."""
    letters = islice(filter(str.isalpha, text), _LETTERS)
    counted = Counter(map(_script_of, letters))
    return counted.most_common(1)[0][0] if counted else None


@lru_cache(maxsize=10_000)
def _script_of(letter: str) -> str:
    first = unicodedata.name(letter, "unknown").split()[0]
    return {"CJK": "Chinese characters", "HIRAGANA": "kana", "KATAKANA": "kana"}.get(first, first.capitalize())


def _characters(low: float, high: float) -> str:
    return f"{low:,.0f} to {high:,.0f} characters" if low < high else f"{low:,.0f} characters"


def _quarters(values: Sequence[float | None], show: Callable[[float, float], str]) -> list[str | None]:
    """Group numbers into quarters, as far as equal ones allow, named by their smallest and largest value."""
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if not known.size:
        return [None] * len(values)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _GROUPS + 1)[1:-1], method="inverted_cdf"))
    group_of = np.searchsorted(edges, known, side="left")
    names = {
        int(group): show(known[group_of == group].min(), known[group_of == group].max())
        for group in np.unique(group_of)
    }
    found = iter(group_of.tolist())
    return [None if value is None else names[next(found)] for value in values]


def _column(cells: Sequence[Any]) -> list[str | None] | None:
    """Return the groups of a column's cells: its values, or quarters of numbers and dates; None if it has no groups."""
    if any(isinstance(cell, list | dict) for cell in cells):
        return None
    values = [label_of(cell) for cell in cells]
    different = len(set(values) - {None})
    if different < 2 and None not in values:
        return None
    numbers = [_number(cell) for cell in cells]
    known = [value for value, label in zip(numbers, values, strict=True) if label is not None]
    if different > _FEW_VALUES and known and None not in known:
        days = any(isinstance(cell, date) for cell in cells)
        if not days and different == len(cells) and all(float(value or 0).is_integer() for value in known):
            return None  # row numbers, or names of rows
        return _missing(values, _quarters(numbers, _days if days else _numbers))
    return _missing(values, values) if different <= _MOST_VALUES else None


def _missing(values: Sequence[str | None], groups: Sequence[str | None]) -> list[str | None]:
    return ["missing" if value is None else group for value, group in zip(values, groups, strict=True)]


def _number(cell: Any) -> float | None:
    """Return the value of a number, also of one in a text; of a date its day."""
    if isinstance(cell, date):
        return float(cell.toordinal())
    if cell is None or isinstance(cell, bool):
        return None
    try:
        value = float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _numbers(low: float, high: float) -> str:
    return f"{low:g} to {high:g}" if low < high else f"{low:g}"


def _days(low: float, high: float) -> str:
    return f"{date.fromordinal(int(low))} to {date.fromordinal(int(high))}"


def _topics(texts: Sequence[str], seed: int, progress: Progress) -> list[str | None] | None:
    """Group texts by clusters of their vectors; a topic is named by the words that set it apart."""
    if len(texts) < _FEWEST_TEXTS:
        return None
    count = min(_MOST_TOPICS, len(texts) // _TEXTS_A_TOPIC)
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer

    progress.stage("finding topics")
    characters = {"analyzer": "char", "ngram_range": (2, 2)} if counted_in_characters(texts) else {}
    vectorizer = TfidfVectorizer(
        sublinear_tf=True, min_df=2, max_df=0.5, max_features=20_000, dtype=np.float64, **characters
    )
    try:
        weights = vectorizer.fit_transform(texts)
    except ValueError:  # no word is in two texts
        return None
    encoded = _encoded(texts, progress)
    vectors = _reduced(weights, seed) if encoded is None else encoded
    labels = KMeans(count, n_init=2, random_state=seed).fit_predict(vectors)
    words = vectorizer.get_feature_names_out()
    mean = np.asarray(weights.mean(axis=0)).ravel()
    names: dict[int, str] = {}
    for topic in range(count):
        if not (labels == topic).any():
            continue
        apart = np.asarray(weights[labels == topic].mean(axis=0)).ravel() - mean
        first = [words[index].strip() for index in np.argsort(-apart, kind="stable")[:_TOPIC_WORDS] if apart[index] > 0]
        name = ", ".join(filter(None, first)) or "others"
        names[topic] = name if name not in names.values() else f"{name} ({topic + 1})"
    return [names[topic] for topic in labels.tolist()]


def _reduced(weights: Any, seed: int) -> npt.NDArray[np.float64]:
    """Return vectors of a truncated singular value decomposition, of length 1 (latent semantic analysis)."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    dimensions = min(_DIMENSIONS, min(weights.shape) - 1)
    vectors = (
        TruncatedSVD(dimensions, random_state=seed).fit_transform(weights) if dimensions > 0 else weights.toarray()
    )
    found: npt.NDArray[np.float64] = normalize(vectors)
    return found


def _encoded(texts: Sequence[str], progress: Progress) -> npt.NDArray[np.float32] | None:
    """Return vectors of the packaged encoder if it is installed, knows the language, and takes no more than seconds."""
    from bakeoff.pretrained.packaged_models import check_installed

    try:
        check_installed(DEFAULT_ENCODER)
    except UserError:
        return None
    if not look_english(texts):
        return None
    from bakeoff.methods.embedding.embedder import Embedder
    from bakeoff.methods.embedding.encoder import load_encoder

    embedder = Embedder(load_encoder(DEFAULT_ENCODER, pooling="auto", layer="last", max_length=None, precision="fp32"))
    if sum(map(len, embedder.uncached(texts))) > _ENCODED_CHARACTERS:
        return None
    embedded = embedder.embed(texts, report=lambda share: progress.stage("finding topics", share))
    found: npt.NDArray[np.float32] = embedded.vectors[0]
    del embedder
    machine.give_memory_back()
    return found
