"""What models really write at the end of an answer, with what each reading must take from it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.verification.answers import READINGS, Reading, find

FOLDER = Path(__file__).parent / "answer_table"


def exact(text: str) -> Any:
    """JSON whose integers are kept as text, so that none is too long to be read and 5 is not
    5.0."""
    return json.loads(text, parse_int=lambda digits: f"int {digits}")


def rows() -> Iterator[Any]:
    for path in sorted(FOLDER.glob("*.jsonl")):
        for line in path.read_text().split("\n"):
            if line:
                yield exact(line)


CASES = [pytest.param(row, id=row["name"]) for row in rows()]


def test_the_table_is_of_a_size() -> None:
    assert len(CASES) >= 200
    assert sys.get_int_max_str_digits() > 0, "the limit stands that long integers are read under"


@pytest.mark.parametrize("row", CASES)
def test_each_reading_takes_what_the_table_says(row: Any) -> None:
    taken = {reading: find(row["text"], row["field"], reading) for reading in READINGS}
    wanted = {reading: row[reading] for reading in READINGS}
    assert {
        reading: found and {"value": exact(found.text)} for reading, found in taken.items()
    } == wanted
    reading: Reading = "strict"
    assert (taken[reading] is None) or taken[reading].how == "strict"  # type: ignore[union-attr]
