"""Labeled table that all classifiers share."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bakeoff.data.config import TableData
from bakeoff.data.tables import prepare_table
from bakeoff.data.types import SplitTable
from peers.environment import environment
from peers.job import Job, Measured

SEED = 12


def prepare(job: Job) -> Measured:
    """Write `job.table`, whatever its form, as a file that every peer can read, with the columns review and sentiment.

    Details hold its path and the environment.
    """
    data, _ = prepare_table(TableData(table=job.table, rows=job.table_rows), SEED)
    splits = (data.train, data.validation, data.test)
    table = pa.table(
        {
            "review": [text for part in splits for text in part.texts],
            "sentiment": [data.label_names[label] for part in splits for label in part.labels],
        }
    )
    file = Path(job.folder) / "reviews.parquet"
    pq.write_table(table, file)
    return Measured(0.0, len(table), details={"table": str(file), "environment": environment()})


def table_data(job: Job) -> TableData:
    """Return the table as a bakeoff config names it: 20 % test, 10 % validation."""
    return TableData(table=job.table, text="review", label="sentiment", rows=job.table_rows)


def split(job: Job) -> SplitTable:
    return prepare_table(table_data(job), SEED)[0]
