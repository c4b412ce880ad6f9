"""The size of what is packed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bakeoff.ui.unpacking import is_larger


def test_the_size_of_what_is_packed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 1000)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x" * 5_000_000))
    (tmp_path / "b.csv.gz").write_bytes(b"not packed")

    pq.write_table(pa.table({"text": ["the same words again"] * 100_000}), tmp_path / "a.parquet")

    assert not is_larger(tmp_path / "a.csv", 1000)
    assert is_larger(tmp_path / "a.csv", 999)
    assert is_larger(tmp_path / "a.csv.gz", 4_999_999)
    assert not is_larger(tmp_path / "a.csv.gz", 5_000_000)
    assert not is_larger(tmp_path / "b.csv.gz", 1)  # its reader says what is wrong
    assert (tmp_path / "a.parquet").stat().st_size < 20_000
    assert is_larger(tmp_path / "a.parquet", 20_000)


@pytest.mark.parametrize("name", ["a.zst", "a.xz", "a.bz2", "a.zip", "a.xlsx", "a.parquet"])
def test_damaged_files_are_left_to_their_reader(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK not what it seems")

    assert not is_larger(tmp_path / name, 1000)
