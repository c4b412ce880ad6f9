"""Which contestants read columns beside the text, and what a reader should know of these columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.classification import ClassificationConfig
from bakeoff.data.row_texts import concatenated, with_columns
from bakeoff.data.types import SplitTable
from bakeoff.evaluation.wording import count, listed
from bakeoff.methods.base import MethodConfig
from bakeoff.methods.registry import get_classification_method

_LISTED = 10


def columns_read(config: ClassificationConfig, name: str, data: SplitTable) -> list[str]:
    """Return the columns that a contestant, or a member of it, reads beside the text."""
    settings = config.contestants[name]
    own = get_classification_method(settings.method).columns(settings, data)
    return own or next(filter(None, (columns_read(config, member, data) for member in settings.builds_on)), [])


def without_features(config: BakeoffConfig) -> dict[str, str]:
    """Return each contestant that reads columns with the one that differs in nothing but that it does not."""
    if not isinstance(config, ClassificationConfig) or not config.data.features:
        return {}

    def twins(one: MethodConfig, other: MethodConfig) -> bool:
        return getattr(one, "features", False) and one.model_copy(update={"features": False}) == other

    pairs = {}
    for name, settings in config.contestants.items():
        twin = next((other for other, its in config.contestants.items() if twins(settings, its)), None)
        if twin is not None:
            pairs[name] = twin
    return pairs


def feature_notes(config: ClassificationConfig, data: SplitTable) -> list[str]:
    """Say what the columns of `data.features` hold, who reads them, and which of them nearly give the label away."""
    if not data.features:
        return []
    from bakeoff.methods.table_columns.encoder import ColumnEncoder
    from bakeoff.methods.table_columns.leaks import leak_note, leaking_columns

    encoder = ColumnEncoder.fit(data.train.texts)
    notes = [f"Columns beside the text: {listed([column.described for column in encoder.columns])}."]
    # With folds, train and validation are all rows already.
    parts = [data.train, data.validation] if data.folds else [data.train, data.validation, data.test]
    texts = concatenated([part.texts for part in parts])
    cells = with_columns(texts, [column.name for column in encoder.columns]).columns
    notes += [note for column in encoder.columns for note in column.notes(cells[column.name])]
    readers = {name: bool(columns_read(config, name, data)) for name in config.contestants}
    notes.append(_who_reads(config, readers))
    pairs = without_features(config)
    alone = [name for name, reads in readers.items() if reads and _has_the_setting(config, name) and name not in pairs]
    if alone and not pairs:
        settings = config.contestants[alone[0]]
        given = settings.model_dump(mode="json", exclude_defaults=True, exclude={"method", "features"})
        twin = {f"{alone[0]}-text-only": {"method": settings.method, "features": False, **given}}
        line = yaml.safe_dump(twin, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9)
        notes.append(
            f"No contestant shows what the columns bring. Add one that differs in nothing else: {line.strip()[1:-1]}"
        )
    return notes + [leak_note(leak) for leak in leaking_columns(data).items()]


def _has_the_setting(config: ClassificationConfig, name: str) -> bool:
    return "features" in type(config.contestants[name]).model_fields


def _who_reads(config: ClassificationConfig, readers: Mapping[str, bool]) -> str:
    reading = [name for name, reads in readers.items() if reads]
    unable = [name for name, reads in readers.items() if not reads and not _has_the_setting(config, name)]
    off = [name for name, reads in readers.items() if not reads and _has_the_setting(config, name)]
    parts = [f"{_some(reading)} {_verb(reading, 'reads', 'read')} them" if reading else "No contestant reads them"]
    if unable:
        parts.append(f"{_some(unable)} cannot, and {_verb(unable, 'takes', 'take')} the text alone")
    if off:
        parts.append(f"{_some(off)} {_verb(off, 'has', 'have')} `features: false`")
    return f"{'; '.join(parts)}."


def _verb(names: Sequence[str], one: str, several: str) -> str:
    return one if len(names) == 1 else several


def _some(names: Sequence[str]) -> str:
    more = [f"{count(len(names) - _LISTED)} more"] if len(names) > _LISTED else []
    return listed([*names[:_LISTED], *more])
