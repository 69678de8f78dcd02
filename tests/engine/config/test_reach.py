"""Which models a run may call, by where rows enter and leave."""

import pytest

from engine.config.reach import Reach

WHAT = ("possible", "transform", "repairs", "inference", "revision", "programs")
TABLE = [
    ("raw", "questions", 2, "possible"),
    ("raw", "unified", 2, "possible transform"),
    ("raw", "parsed", 2, "possible transform repairs"),
    ("raw", "messages", 2, "possible transform repairs"),
    ("raw", "generations", 2, "possible transform repairs inference"),
    ("raw", "verified", 2, "possible transform repairs inference revision"),
    ("raw", "verified", 1, "possible transform repairs inference"),
    ("raw", "revision", 2, "possible transform repairs inference"),
    ("raw", "samples", 2, "possible transform repairs inference revision"),
    ("raw", "samples", 1, "possible transform repairs inference"),
    ("questions", "unified", 2, "possible transform"),
    ("unified", "parsed", 2, "possible"),
    ("unified", "messages", 2, "possible"),
    ("unified", "generations", 2, "possible repairs inference"),
    ("unified", "samples", 3, "possible repairs inference revision"),
    ("parsed", "messages", 2, "possible"),
    ("parsed", "generations", 2, "possible inference"),
    ("messages", "generations", 2, "possible inference programs"),
    ("messages", "samples", 1, "possible inference programs"),
    ("generations", "verified", 2, "possible programs"),
    ("generations", "samples", 2, "possible revision programs"),
    ("verified", "revision", 2, "possible programs"),
    ("verified", "samples", 2, "possible revision programs"),
    ("verified", "samples", 1, "possible programs"),
    ("revision", "generations", 2, "possible inference programs"),
    ("revision", "verified", 2, "possible inference revision programs"),
    ("revision", "samples", 2, "possible inference revision programs"),
]


@pytest.mark.parametrize(("enters", "leaves", "turns", "holds"), TABLE)
def test_what_lies_between_two_boundaries(enters: str, leaves: str, turns: int, holds: str) -> None:
    reach = Reach(enters, leaves, turns)
    assert {name for name in WHAT if getattr(reach, name)} == set(holds.split())


@pytest.mark.parametrize(
    ("enters", "leaves"),
    [
        ("questions", "questions"),
        ("parsed", "unified"),
        ("generations", "messages"),
        ("verified", "verified"),
        ("revision", "messages"),
        ("revision", "revision"),
    ],
)
def test_rows_cannot_leave_where_they_have_been(enters: str, leaves: str) -> None:
    assert not Reach(enters, leaves, 2).possible
