"""Pieces of work on all cores."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from bakeoff.methods.recurrent.cores import map_on_cores


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_two_pieces_at_once_each_with_one_thread():
    both_work = threading.Barrier(2, timeout=60)

    def work(piece: int) -> tuple[int, int]:
        both_work.wait()  # breaks unless the other piece is worked on, too
        return piece, torch.get_num_threads()

    assert map_on_cores(work, range(4)) == [(0, 1), (1, 1), (2, 1), (3, 1)]


@pytest.mark.usefixtures("two_threads")
def test_all_others_keep_their_threads():
    map_on_cores(torch.ones, range(4))

    counts = [torch.get_num_threads()]
    other = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
    other.start()
    other.join()

    assert counts == [2, 2]


def test_an_error_in_a_piece_is_raised():
    with pytest.raises(ZeroDivisionError):
        map_on_cores(lambda piece: 1 / piece, [1, 0])
