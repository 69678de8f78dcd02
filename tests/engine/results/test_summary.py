"""The funnel, line by line, of a report built by hand."""

from engine.results.report import report
from engine.results.summary import summary
from tests.engine.results.snapshots import paid, snapshot, totals

COUNTS = {
    "kinds.program.read": 29, "kinds.program.finished": 27, "kinds.program.rejected": 1,
    "kinds.question.read": 160, "kinds.question.finished": 160, "rejects.file.declined": 2,
    "rejects.program.constant": 1, "rejects.program.raises": 12, "samples.cut": 3,
    "samples.never_right": 40, "samples.right_in_turn_1": 90, "samples.right_in_turn_2": 27,
    "unasked.leak": 4, "unasked.repeated": 9,
}  # fmt: skip
SUMMARY = """\
source rows         31 read  = 28 finished + 2 rejected + 1 live
programs            29 made  = 27 finished + 1 rejected + 1 live
questions          160 made  = 160 finished + 0 rejected + 0 live
samples            160 rows  = 90 right in turn 1, 27 right in turn 2, 3 cut, 40 never right
rejected             2 files     2 declined
rejected            13 programs  12 raises, 1 constant
not asked           13 pairs     4 leak, 9 repeated
this process  61.3 s, 200 calls made, 15 answered from the journal, 0.1235 USD in all; sandbox: no
"""
EMPTY = """\
source rows          0 read  = 0 finished + 0 rejected + 0 live
this process  0.0 s, 0 calls made, 0 answered from the journal, 0.0000 USD in all; sandbox: no
"""


def test_each_part_of_the_funnel_has_a_line() -> None:
    now = snapshot(
        elapsed_s=61.26, live=1, made=200, replayed=15, spending=paid(0.12345), isolation="no"
    )
    found = report(now, totals(counts=COUNTS, endings={"": 28, "declined": 2}))
    assert summary(found) == SUMMARY.splitlines()


def test_an_empty_run_has_two_lines() -> None:
    assert summary(report(snapshot(isolation="no"), totals())) == EMPTY.splitlines()
