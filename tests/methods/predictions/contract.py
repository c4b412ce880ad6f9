"""A file of answers to all texts of the small table, for tests/methods/test_contract.py."""

import json
import tempfile
from pathlib import Path

from tests.methods.small_data import small_table

_TABLE = small_table()
_FOLDER = tempfile.TemporaryDirectory()  # removed when the process ends
_FILE = Path(_FOLDER.name) / "answers.jsonl"
_FILE.write_text(
    "".join(
        json.dumps({"text": text, "predicted": _TABLE.label_names[label], "confidence": 0.6 + len(text) % 40 / 100})
        + "\n"
        for split in (_TABLE.validation, _TABLE.test)
        for text, label in zip(split.texts, split.labels, strict=True)
    )
)
SETTINGS = {"file": str(_FILE)}
TEXTS = _TABLE.test.texts[:20]
