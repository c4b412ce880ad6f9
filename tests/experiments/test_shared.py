"""Exponents, paired differences, timing, and the page."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from experiments.__main__ import main
from experiments.page import Section, page_text, read_sections, section_text, write_page
from experiments.shared import Result, Table, fit_exponent, new_figure, paired_gap, time_in_turns


@pytest.mark.parametrize("power", [0, 0.5, 1, 2])
def test_an_exact_exponent_is_recovered(power):
    sizes = [16, 32, 64, 128]

    found = fit_exponent(sizes, [3.0 * size**power for size in sizes])

    assert [found.value, found.low, found.high] == pytest.approx([power] * 3, abs=1e-6)


def test_the_interval_of_an_exponent_covers_it_as_often_as_it_says():
    random = np.random.default_rng(1)
    sizes = np.array([16, 32, 64, 128, 256])
    found = [fit_exponent(sizes, sizes**1.5 * np.exp(random.normal(0, 0.1, 5))) for _ in range(400)]

    assert 0.92 < np.mean([one.low <= 1.5 <= one.high for one in found]) < 0.98


@pytest.mark.parametrize("values", [[1.0, 2.0], [1.0, 0.0, 2.0]])
def test_an_exponent_needs_three_positive_values(values):
    with pytest.raises(ValueError, match="at least three positive sizes"):
        fit_exponent([1, 2, 3][: len(values)], values)


def test_a_paired_gap_with_one_seed_is_close_to_a_paired_t_interval():
    random = np.random.default_rng(2)
    a = random.normal(0.3, 1, 300)
    b = a - random.normal(0.2, 0.5, 300)

    found = paired_gap([a], [b], np.ones(300))

    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert found.value == pytest.approx((a - b).mean())
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high], abs=0.02)
    assert found.above
    assert not found.below


def test_seeds_that_disagree_widen_a_paired_gap():
    values = np.random.default_rng(3).normal(0.3, 0.1, 200)
    alike, apart = np.stack([values] * 3), np.stack([values - 1, values, values + 1])

    assert paired_gap(alike, 0 * alike, np.ones(200)).above
    assert not paired_gap(apart, 0 * apart, np.ones(200)).above


def test_tasks_take_turns():
    order: list[str] = []

    found = time_in_turns({name: lambda name=name: order.append(name) for name in "ab"}, rounds=3)

    assert "".join(order) == "ab" + "abbaab"
    assert set(found) == {"a", "b"}


def section(name: str, verdict: str = "holds") -> Section:
    result = Result(
        verdict, "Three of 3.", [Table("Costs by n^2", ["n", "cost"], [["1", "n^2.5"]])], new_figure()[0], "A line."
    )
    return Section(name, "A statement on\nO(n^2) costs.\n\n**Measured:** something.", result, "quick", 3.2, 2.9)


def test_the_page_keeps_the_sections_that_did_not_run_again(tmp_path):
    for name, verdict in [("kv_cache", "holds"), ("gates", "depends"), ("kv_cache", "does not hold")]:
        one = section(name, verdict)
        write_page(tmp_path, one, section_text(one))

    page = (tmp_path / "statements.md").read_text()
    assert list(read_sections(page)) == ["gates", "kv_cache"]
    assert page_text(read_sections(page)) == page
    assert "| 1 | A statement on O(n<sup>2</sup>) costs | depends |\n| 10 |" in page
    assert page.count("**Verdict: does not hold.** Three of 3. The lab's answer: true.") == 1
    assert "| 1 | n<sup>2.5</sup> |" in page
    assert {path.name for path in (tmp_path / "images" / "statements").iterdir()} == {"gates.svg", "kv_cache.svg"}


def test_an_unknown_experiment_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["gate"])

    assert "no experiment is called gate. There are gates, " in capsys.readouterr().err


def test_the_command_writes_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("experiments.cross_attention.run", lambda size: section("cross_attention").result)

    main(["cross_attention", "--quick", "--out", str(tmp_path)])

    assert capsys.readouterr().out.startswith("cross_attention: holds (0 s). Three of 3.")
    assert "`python -m experiments cross_attention --quick`" in (tmp_path / "statements.md").read_text()
