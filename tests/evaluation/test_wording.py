from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.evaluation import wording


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (wording.number(0.78412), "0.7841"),
        (wording.number(27.3419), "27.34"),
        (wording.number(1234567.0), "1,234,567"),
        (wording.number(float("inf")), "infinite"),
        (wording.passes(3.0), "3"),
        (wording.passes(20), "20"),
        (wording.passes(0.5714), "0.57"),
        (wording.passes(0.0042), "0.004"),
        (wording.percent(0.1234), "12.3%"),
        (wording.percent(0.0001), "below 0.1%"),
        (wording.percent(0.0), "0.0%"),
        (wording.level(0.95), "95%"),
        (wording.p_value(0.131), "0.13"),
        (wording.p_value(0.0042), "0.0042"),
        (wording.p_value(1e-93), "below 0.0001"),
        (wording.level(0.995), "99.5%"),
        (wording.signed(-0.52), "−0.5"),
        (wording.signed(-0.01), "0.0"),
        (wording.duration(0), "0 s"),
        (wording.duration(0.44), "0.4 s"),
        (wording.duration(59.7), "1 min"),
        (wording.duration(870.4), "14 min 30 s"),
        (wording.duration(7500), "2 h 5 min"),
        (wording.size(512), "512 B"),
        (wording.size(999_600), "1.0 MB"),
        (wording.size(538_000_000), "538 MB"),
        (wording.size(2_400_000_000), "2.4 GB"),
        (wording.parameters(950), "950"),
        (wording.parameters(134_515_008), "134.5 M"),
        (wording.times(0.001), "less than 0.01 times"),
        (wording.times(17.08), "17.1 times"),
        (wording.listed(["a", "b", "c"]), "a, b and c"),
        (wording.plus(0.52), "+0.5"),
        (wording.plus(-0.52), "−0.5"),
        (wording.plus(0.01), "0.0"),
        (wording.either(["words", "words"]), "words"),
        (wording.either(["tokens", "words"]), "tokens or words"),
    ],
)
def test_numbers_read_as_people_write_them(found: str, expected: str) -> None:
    assert found == expected


@given(st.floats(-1e6, 1e6))
def test_a_number_keeps_its_value(value: float) -> None:
    assert float(wording.number(value).replace(",", "")) == pytest.approx(value, abs=5e-5 if abs(value) < 10 else 0.5)


@given(st.integers(0, 10**15))
def test_a_size_is_short_and_within_five_percent(count: int) -> None:
    value, unit = wording.size(count).split()
    factor = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    assert float(value) * factor == pytest.approx(count, rel=0.05)
    assert len(value) <= 6


def test_units_that_differ_are_joined() -> None:
    assert wording.either(["words", "words"]) == "words"
    assert wording.either(["words", "tokens", "words"]) == "words or tokens"
