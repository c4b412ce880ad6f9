"""Answers of an endpoint, kept on disk so that no question is paid for twice.

The cache holds no texts: an answer is found by the SHA-256 of endpoint, model and prompt.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bakeoff.errors import UserError
from bakeoff.methods.prompt.spending import Tokens


@dataclass(frozen=True)
class Answer:
    """An answer, and what it took."""

    text: str
    top: dict[str, float] | None  # log-probabilities of the likeliest first tokens, if the endpoint gives them
    input_tokens: int
    output_tokens: int
    seconds: float  # of the request that was answered

    @property
    def tokens(self) -> Tokens:
        return Tokens(self.input_tokens, self.output_tokens)


def key_of(*parts: Any) -> str:
    """Return the key of an answer from everything that decides about it."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class AnswerCache:
    """A file of answers, which several processes may use."""

    def __init__(self, path: Path | None = None) -> None:
        """
        Args:
            path: The file; absent: `answers.sqlite` in bakeoff's cache folder.
        """
        from bakeoff.machine import default_cache

        self.path = path or default_cache() / "answers.sqlite"
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def get(self, key: str) -> Answer | None:
        with self._open() as database:
            row = database.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        return Answer(**json.loads(row[0])) if row else None

    def put(self, key: str, answer: Answer) -> None:
        with self._open() as database, database:
            database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, json.dumps(asdict(answer))))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Yield the database.

        Raises:
            UserError: it cannot be read or written.
        """
        try:
            with self._lock:
                if self._database is None:
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    self.path.touch(mode=0o600)
                    self._database = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
                    self._database.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT)")
                yield self._database
        except (sqlite3.Error, OSError) as error:
            raise UserError(
                f"The cache of answers, {self.path}, cannot be used: {error}.",
                "Free some space, or remove the file: its answers would then be asked for again.",
            ) from None
