"""Sharing the micro-batches of a step; tests/end_to_end/test_distributed.py starts real processes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.training import distributed, torchrun


class Numbers(list[int]):
    """A batch that cannot be divided further than into single numbers."""

    def split(self, parts: int) -> list[Numbers]:
        size = -(-len(self) // parts)
        return [Numbers(self[start : start + size]) for start in range(0, len(self), size)]


def shares(batches: list[list[int]], processes: int) -> list[list[list[int]]]:
    dealt = []
    for number in range(processes):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": processes, "RANK": number}.items():
                patch.setenv(name, str(value))
            dealt.append(distributed.share_of_step([Numbers(batch) for batch in batches]))
    return dealt


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=7), processes=st.integers(1, 4))
def test_the_shares_make_up_the_step(sizes, processes):
    numbers = iter(range(1000))
    batches = [[next(numbers) for _ in range(size)] for size in sizes]

    dealt = shares(batches, processes)

    assert sorted(number for share in dealt for batch in share for number in batch) == list(range(sum(sizes)))


def test_whole_batches_are_dealt_out_and_the_rest_is_divided():
    assert shares([[1, 1], [2, 2], [3, 3]], 2) == [[[1, 1], [3]], [[2, 2], [3]]]


def test_a_process_may_have_nothing_to_do():
    assert shares([[7]], 2) == [[[7]], []]


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_all_processes_get_the_same_number_of_items_of_which_each_counts_once(monkeypatch, processes):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a")
    monkeypatch.setenv("WORLD_SIZE", str(processes))
    dealt = []
    for rank in range(processes):
        monkeypatch.setenv("RANK", str(rank))
        dealt.append(list(distributed.shard_in_step("abcd")))

    assert {len(items) for items in dealt} == {-(-4 // processes)}
    assert sorted(item for items in dealt for item, own in items if own) == list("abcd")


@pytest.mark.parametrize(
    ("strategy", "rank", "together"), [("ddp", "0", 2), ("ddp", "1", 2), ("fsdp", "0", 1), ("fsdp", "1", None)]
)
def test_a_sharded_model_is_evaluated_by_the_main_process_alone(monkeypatch, strategy, rank, together):
    for name, value in {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2", "RANK": rank}.items():
        monkeypatch.setenv(name, value)

    assert distributed.share_or_leave(strategy, torchrun.world_size) == together
    assert torchrun.world_size() == 2


def test_a_single_process_talks_to_nobody(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")  # some clusters set it for every program
    values = torch.ones(3)

    assert torchrun.is_main_process()
    assert distributed.summed(values) is values
    assert distributed.broadcast(2.5) == 2.5
    assert distributed.largest(3) == distributed.smallest(3) == 3
    assert distributed.from_main_process(lambda: "made") == "made"
    assert distributed.share_or_leave("fsdp", lambda: "evaluated") == "evaluated"
    assert list(distributed.shard("abc")) == ["a", "b", "c"]
    assert not torch.distributed.is_initialized()
