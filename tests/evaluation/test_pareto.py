from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bakeoff.evaluation.pareto import COSTS, fronts
from tests.evaluation.test_verdict import result


def members(cost: str, **contestants: tuple[float, float]) -> list[str]:
    """`contestants`: accuracy and training seconds."""
    results = [result(name, value, seconds=seconds) for name, (value, seconds) in contestants.items()]
    return next(front.members for front in fronts(results) if front.cost == cost)


def test_by_hand():
    assert members("training_seconds", dear=(0.9, 60), cheap=(0.8, 1), bad=(0.7, 30), wasteful=(0.9, 70)) == [
        "cheap",
        "dear",
    ]


def test_equals_do_not_push_each_other_out():
    assert members("training_seconds", one=(0.9, 5), other=(0.9, 5)) == ["one", "other"]


def test_of_perplexities_the_lower_is_better():
    results = [result("a", 20.0, task="language-model", seconds=5), result("b", 30.0, task="language-model", seconds=9)]
    assert fronts(results)[0].members == ["a"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=8))
def test_everybody_outside_is_beaten_by_somebody_inside(pairs):
    results = [result(f"c{i}", value / 5, seconds=seconds) for i, (value, seconds) in enumerate(pairs)]
    inside = fronts(results)[0].members
    values = {f"c{i}": pair for i, pair in enumerate(pairs)}
    for name, (value, seconds) in values.items():
        beaten = any(
            values[m] != (value, seconds) and values[m][0] >= value and values[m][1] <= seconds for m in inside
        )
        assert beaten == (name not in inside)


def test_there_is_a_front_for_every_cost():
    paid = result("a", 0.5, usage={"requests": 1, "input_tokens": 1, "output_tokens": 1, "money": 0.1})

    assert [front.cost for front in fronts([paid])] == list(COSTS)


def test_money_is_a_cost_only_where_somebody_spent_some():
    assert [front.cost for front in fronts([result("a", 0.5)])] == [cost for cost in COSTS if cost != "money"]
