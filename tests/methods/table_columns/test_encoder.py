"""Columns are encoded as scikit-learn's ColumnTransformer encodes them, from what JSON keeps of it."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, RobustScaler

from bakeoff.data.row_texts import RowTexts, row_texts
from bakeoff.errors import UserError
from bakeoff.methods.table_columns.encoder import ColumnEncoder, softly_clipped
from bakeoff.methods.table_columns.kinds import Reading, find_reading

CHANCE = random.Random(4)
PRICES = [None if row % 9 == 0 else f"{CHANCE.lognormvariate(3, 2):.2f}" for row in range(200)]
COUNTRIES = [CHANCE.choice(["de", "fr", "us", None, f"island {row}"]) for row in range(200)]


def rows(**columns: list[str | None]) -> RowTexts:
    return RowTexts(["a text"] * len(next(iter(columns.values()))), columns)


def encoded(cells: list[str | None], asked: list[str | None]) -> np.ndarray:
    return ColumnEncoder.fit(rows(column=cells)).encode(rows(column=asked))


def test_numbers_and_categories_are_encoded_as_scikit_learn_does():
    numbers = make_pipeline(
        RobustScaler(unit_variance=True),
        FunctionTransformer(lambda values: values / np.sqrt(1 + (values / 3) ** 2)),
        SimpleImputer(strategy="constant", fill_value=0, add_indicator=True),
    )
    categories = OneHotEncoder(
        min_frequency=5, max_categories=50, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    theirs = ColumnTransformer([("numbers", numbers, [0]), ("categories", categories, [1])])

    def table(prices, countries):
        values = np.empty((len(prices), 2), dtype=object)
        values[:, 0] = [np.nan if price is None else float(price) for price in prices]
        values[:, 1] = countries
        return values

    theirs.fit(table(PRICES, COUNTRIES))
    ours = ColumnEncoder.fit(rows(price=PRICES, country=COUNTRIES))
    asked = [*PRICES, "0", "1e9", None], [*COUNTRIES, "atlantis", None, "de"]

    found = ours.encode(rows(price=asked[0], country=asked[1]))

    assert found == pytest.approx(theirs.transform(table(*asked)).astype(float), abs=1e-5)
    assert ours.values == [
        *["price", "price is missing"],
        *["country = de", "country = fr", "country = us", "country is missing", "country: any other"],
    ]


def test_what_was_learned_is_json_and_gives_the_same_values(tmp_path):
    encoder = ColumnEncoder.fit(rows(price=PRICES, country=COUNTRIES))
    encoder.save(tmp_path)
    loaded = ColumnEncoder.load(tmp_path)

    assert [file.name for file in tmp_path.iterdir()] == ["columns.json"]
    assert loaded.columns == encoder.columns
    texts = rows(price=PRICES, country=COUNTRIES)
    assert (loaded.encode(texts) == encoder.encode(texts)).all()


@pytest.mark.parametrize(
    "content", ["", "7", '[{"name": "a"}]', '[{"name": "a", "reading": {"kind": "date"}, "b": 1}]']
)
def test_a_damaged_file_is_said_to_be_damaged(tmp_path, content):
    (tmp_path / "columns.json").write_text(content)
    with pytest.raises(UserError, match="damaged"):
        ColumnEncoder.load(tmp_path)


@pytest.mark.parametrize(
    ("cells", "asked", "value"),
    [
        (["1", "2", "3", "4", "5"], "3", 0),
        (["1", "2", "3", "4", "5"], None, 0),  # without a value for it: no training row lacks one
        (["1", "2", "3", "4", "5"], "no number", 0),
        (["1", "2", "3", "4", "5"], "inf", 0),
        (["1", "2", "3", "4", "5"], "1e308", 3),
        (["0"] * 9 + ["9"], "9", 30 / np.sqrt(181)),  # no range between quartiles: the standard deviation, 2.7
        (["7"] * 9, "7", 0),
    ],
)
def test_odd_numbers(cells, asked, value):
    assert encoded(cells, [asked]) == pytest.approx(np.array([[value]]), abs=1e-6)


def test_a_category_that_training_did_not_have_is_like_the_rare_ones_or_like_none():
    many = ["a"] * 9 + ["b"] * 9

    assert encoded(many, ["c", None]).tolist() == [[0, 0], [0, 0]]
    assert encoded([*many, "rare"], ["c", "rare", "a"]).tolist() == [[0, 0, 1], [0, 0, 1], [1, 0, 0]]


def test_a_column_of_many_values_has_no_more_than_fifty():
    cells = [f"shop {number // 6}" for number in range(600)]

    assert ColumnEncoder.fit(rows(column=cells)).size == 50


def test_a_part_of_the_rows_may_have_an_empty_column():
    assert encoded([None] * 9, ["3", None]).tolist() == [[0], [1]]


def test_texts_without_columns_are_no_texts_with_missing_values():
    with pytest.raises(TypeError, match="no columns"):
        ColumnEncoder.fit(rows(column=["1", "2"])).encode(["a text"])


def test_values_are_drawn_in_but_keep_their_order():
    values = np.array([-np.inf, -1e200, -50, -1, 0, 0.1, 2, 1e9, 1e200, np.inf])

    drawn = softly_clipped(values)

    assert (np.abs(drawn) <= 3).all()
    assert (np.diff(drawn) >= 0).all()
    assert drawn[5] == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize(
    ("cells", "reading"),
    [
        (["1", "-2.5", "1e3", None], Reading("number")),
        (["1,234", "999", "12,345.6"], Reading("number")),
        (["1,5", "12,25", "1.234,5"], Reading("number", "comma")),
        (["1"] * 3 + ["ask us", "2", "3", "4", "5", "6", "7", "8", "9", "10"], Reading("number")),
        (["1", "two", "three"], Reading("category")),
        (["2024-03-01", "2024-03-02T10:00:00", None], Reading("date")),
        (["25/12/2024", "01/02/2024"], Reading("date", slashes="%d/%m/%Y")),
        (["01/02/2024", "03/04/2024"], Reading("category")),  # day and month cannot be told apart
        (["True", "False"], Reading("category")),
        ([None, None], Reading("category")),
    ],
)
def test_kinds_of_columns(cells, reading):
    assert find_reading(cells) == reading


def test_numbers_are_read_as_they_are_written():
    assert Reading("number", "comma").numbers(["1.234,5", "7", "x", None])[:2].tolist() == [1234.5, 7]
    assert Reading("number").numbers(["1,234.5", "1_0"]).tolist() == [1234.5, 10]
    assert Reading("date").numbers(["1970-01-03T12:00:00", "never"])[0] == 2.5
    assert np.isnan(Reading("date").numbers(["never"])).all()


@pytest.mark.parametrize("number", [1.234, 12.5, 1e-7, 1_000_000.0, 7])
def test_numbers_that_are_no_text_are_read_alike_whatever_mark_the_column_has(number):
    prices = ["1,5", "2.345,75", "12", "0,25"]
    asked = row_texts(["a text"], {"price": [number]}).columns["price"]

    assert find_reading(prices).decimal == "comma"
    assert find_reading(prices).numbers(asked) == pytest.approx([number])
    assert find_reading(["1.5", "2,345.75"]).numbers(asked) == pytest.approx([number])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("cells", [["1e308", "-1e308"] * 9, ["1.7976931348623157e308"] * 8 + ["1", "2"]])
def test_numbers_near_the_largest_there_is_are_encoded(cells):
    vectors = encoded(cells, [*cells, "3"])

    assert np.isfinite(vectors).all()
    assert np.abs(vectors).max() <= 3


def test_cells_that_are_no_number_or_date_are_counted():
    numbers = [*map(str, range(40)), "unknown", None, "n/a" * 30]
    (column,) = ColumnEncoder.fit(rows(price=numbers)).columns
    assert column.notes(numbers) == ["Column 'price': 2 cells are no number and count as missing, such as 'unknown'."]
    assert column.notes([None, "3", "n/a" * 30]) == [
        f"Column 'price': 1 cell is no number and counts as missing, such as {('n/a' * 30)[:40]!r}."
    ]
    days = [f"2024-01-{day:02}" for day in range(1, 31)]
    (column,) = ColumnEncoder.fit(rows(day=[*days, "soon"])).columns
    assert column.notes(["soon"]) == ["Column 'day': 1 cell is no date and counts as missing, such as 'soon'."]
    (column,) = ColumnEncoder.fit(rows(kind=["a", "b"] * 20)).columns
    assert column.notes(["a", "c"]) == []
