"""Parts of the training rows for a learning curve: nested, with every class, and nothing is divided needlessly."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.data.config import TableData
from bakeoff.data.leakage import Duplicates
from bakeoff.data.parts import nested_parts
from bakeoff.data.splitting import numbered
from bakeoff.data.tables import prepare_table
from bakeoff.errors import UserError
from tests.data.test_group_split import rows, text


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 2)), min_size=60, max_size=150),
    st.sampled_from([(0.5,), (0.3, 0.6), (0.2, 0.4, 0.8)]),
    st.booleans(),
    st.integers(0, 3),
)
def test_parts_are_nested_have_every_class_and_divide_nothing(values, shares, grouped, seed):
    labels, groups = [label for _, label in values], [f"author {key % 40}" for key, _ in values]
    keys, _ = numbered(f"text {key}, {label}" for key, label in values)
    order = np.random.default_rng(seed).permutation(len(values)).tolist()

    def parts():
        random = np.random.default_rng(seed)
        return nested_parts(order, shares, labels, Duplicates(keys, keys), groups if grouped else None, random)

    found = parts()
    assert found == parts()
    together = groups if grouped else keys
    many = all(len({together[row] for row in order if labels[row] == label}) >= 10 for label in set(labels))
    for part, larger in zip(found, [*found[1:], order], strict=True):
        assert set(part) < set(larger)
        assert [row for row in order if row in set(part)] == part
        assert {labels[row] for row in part} == set(labels)
        if many and not grouped:
            assert {together[row] for row in part}.isdisjoint(together[row] for row in set(order) - set(part))


def prepared(tmp_path, values, shares, **split):
    file = tmp_path / "table.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in values))
    return prepare_table(TableData(table=str(file), split=split), 3, shares)


def test_classes_keep_their_shares_and_the_splits_are_those_without_a_curve(tmp_path):
    values = [{"text": text(n), "label": "ab"[n % 4 == 0]} for n in range(400)]
    split, report = prepared(tmp_path, values, (0.1, 0.3))
    plain, plain_report = prepared(tmp_path, values, ())

    assert (split.train, split.validation, split.test) == (plain.train, plain.validation, plain.test)
    assert report.fingerprint == plain_report.fingerprint
    assert report.parts == [len(part) for part in split.parts] == [28, 84]
    assert [Counter(part.labels)[1] for part in split.parts] == [7, 21]
    assert split.with_part(1).train == split.parts[0]
    assert split.with_part(1).test is split.test
    assert split.with_part(0) is split


def test_near_copies_and_authors_stay_together(tmp_path):
    copies = [{"text": f"{text(n)} {more}", "label": "ab"[n % 2]} for n in range(60) for more in ("", "", "again")]
    split, _ = prepared(tmp_path, copies, (0.2, 0.5))
    for part in split.parts:
        assert set(Counter(" ".join(each.split()[:12]) for each in part.texts).values()) == {3}

    split, _ = prepared(tmp_path, rows(300, 30), (0.2, 0.5), group="author")
    train = Counter((int(id) - 1) % 30 for id in split.train.ids)
    for part in split.parts:
        assert all(count == train[author] for author, count in Counter((int(id) - 1) % 30 for id in part.ids).items())


def test_a_share_that_is_too_small_is_refused(tmp_path):
    values = [{"text": text(n), "label": str(n % 10)} for n in range(60)]
    with pytest.raises(
        UserError, match=r"learning_curve: 0\.01 of the training rows .* each of the 10 classes"
    ) as told:
        prepared(tmp_path, values, (0.01, 0.1))
    assert "Give larger shares" in told.value.hint


def test_the_cells_of_the_tested_rows_are_kept(tmp_path):
    values = [{"id": f"r{n}", "text": text(n), "label": "ab"[n % 2], "stars": n % 5} for n in range(80)]
    for split, _ in (prepared(tmp_path, values, ()), prepared(tmp_path, values, (), folds=4)):
        assert split.test_columns["stars"] == [int(id[1:]) % 5 for id in split.test.ids]
        assert set(split.test_columns) == {"id", "stars"}
