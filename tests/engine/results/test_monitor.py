"""The line that a person sees while a run goes on."""

from dataclasses import replace
from typing import Any

import pytest

from engine.effects.forecast import Span
from engine.results.monitor import line_of
from tests.engine.results.snapshots import IDLE, paid, snapshot

BUSY = {
    "elapsed_s": 8.0,
    "counts": {"kinds.file.read": 12, "kinds.file.finished": 5, "kinds.question.read": 40},
    "written": {"programs": 6, "samples": 20, "rejects": 2, "questions": 9},
    "live": 7,
    "in_flight": 64,
    "sandbox": replace(IDLE, running=2, waiting=5),
}
LINE = "12 files  6 programs  20 rows (2.5/s)  2 rejects  7 live  64 calls in flight"
STILL = "0 rejects  0 live  0 calls in flight  0 sandboxed runs"
WHOLE = {"": Span(1.0, 2.5, 4.126), "transform": Span(9.0, 9.0, 9.0)}
PARSED = {"elapsed_s": 2.0, "written": {"parsed": 3, "programs": 3}}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, f"0 s  0 programs  0 rows (0.0/s)  {STILL}"),
        (PARSED, f"2 s  3 programs  3 rows (1.5/s)  {STILL}"),
        ({"forecast": WHOLE}, f"8 s  {LINE}  2 sandboxed runs"),
        ({"spending": paid(1.239)}, f"8 s  {LINE}  2 sandboxed runs  1.24 USD"),
        (
            {"spending": paid(0.5), "forecast": WHOLE},
            f"8 s  {LINE}  2 sandboxed runs  0.50 USD of about 2.50 (1.00 to 4.13)",
        ),
    ],
)
def test_the_line_shows_how_far_a_run_is(changes: dict[str, Any], line: str) -> None:
    given = {**BUSY, **changes} if "8 s" in line else changes
    assert line_of(snapshot(**given)) == line
