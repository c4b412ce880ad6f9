import subprocess
import sys
from pathlib import Path

from bakeoff.config.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "config.md"


def test_the_page_in_docs_is_the_one_that_the_schema_makes():
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "python -m bakeoff.config.reference > docs/reference/config.md"
    )


def test_the_command_that_configs_name_prints_it():
    command = [sys.executable, "-m", "bakeoff.config.reference"]

    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == reference()


def test_every_key_has_a_meaning():
    rows = [line for line in reference().splitlines() if line.startswith("| `")]

    assert len(rows) > 60
    assert all(len(line.split("|")[-2].strip()) > 5 for line in rows)
