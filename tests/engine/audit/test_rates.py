"""The pass rates of questions, against the samples that they are of."""

from pathlib import Path
from typing import Any

import pytest

from engine.audit.rates import Rates
from tests.support.runs import write_rows


def line(**changes: Any) -> dict[str, Any]:
    """A line that follows from the samples of `three`."""
    return {"id": "q", "answered": 3, "right": 1, "right_after_revision": 2, **changes}


def three() -> Rates:
    """One sample that is right, one after its revision, and one never."""
    rates = Rates()
    for verdicts in (["right"], ["wrong", "right"], ["wrong", "wrong"]):
        rates.add("q", made=verdicts, written=verdicts)
    return rates


def wrong(rates: Rates, folder: Path, *lines: Any) -> list[tuple[int, str, str]]:
    path = write_rows(folder / "questions.jsonl", *lines)
    return [(found.line, found.id, found.what) for found in rates.wrong(path)]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({}, None),
        ({"right": 2}, "right: 2, and 1 of its samples are"),
        ({"right_after_revision": 3}, "right_after_revision: 3, and 2 of its samples are"),
        ({"right": 0, "right_after_revision": 0}, "right: 0, and 1 of its samples are"),
        ({"answered": 4, "right": 4}, None),
        ({"id": "another", "right": 3}, None),
    ],
)
def test_a_line_follows_from_the_samples_of_its_question(
    tmp_path: Path, changes: dict[str, Any], what: str | None
) -> None:
    assert wrong(three(), tmp_path, line(**changes)) == ([] if what is None else [(1, "q", what)])


def test_of_several_lines_of_a_question_the_last_counts(tmp_path: Path) -> None:
    assert wrong(three(), tmp_path, line(right=9), line()) == []
    old = {"id": "q", "samples": 3, "right": 9, "right_after_revision": 2}  # of schema 1
    assert [number for number, *_ in wrong(three(), tmp_path, line(), old)] == [2]


def test_a_sample_that_is_reported_itself_is_not_held_against_its_question(tmp_path: Path) -> None:
    rates = Rates()
    rates.add("q", made=["wrong"], written=["right"])
    found = [
        wrong(rates, tmp_path, line(answered=1, right=count, right_after_revision=count))
        for count in (0, 1, 2)
    ]
    assert [len(findings) for findings in found] == [0, 0, 1]


def test_what_is_no_question_is_named_with_its_line(tmp_path: Path) -> None:
    found = wrong(three(), tmp_path, line(), "{torn", '{"id": 5}')
    assert found == [(2, "", "the line is no question"), (3, "", "the line is no question")]
    assert list(three().wrong(tmp_path / "nowhere.jsonl")) == []
