"""A snapshot built by hand, with nothing in it but what a test sets."""

from dataclasses import replace
from typing import Any

from engine.results.snapshot import FolderTotals, Snapshot, SpendingSnapshot
from sandbox import Statistics

IDLE = Statistics(workers=2, running=0, waiting=0, zygotes=0, done=0, lost=0, cpu_s=0.0)
START = Snapshot(
    elapsed_s=0.0,
    counts={},
    live_counts={},
    live=0,
    held_back=0,
    nodes={},
    written={},
    sandbox=IDLE,
    endpoints={},
    in_flight=0,
    made=0,
    replayed=0,
    withheld=0,
    spending=SpendingSnapshot(usd=0.0, tokens=0, priced=False, details={"usd": 0.0}),
    forecast=None,
    isolation="namespaces",
    unseen_packages=(),
)


def snapshot(**changes: Any) -> Snapshot:
    return replace(START, **changes)


def paid(usd: float) -> SpendingSnapshot:
    return SpendingSnapshot(usd=usd, tokens=9, priced=True, details={"usd": usd})


def totals(**changes: Any) -> FolderTotals:
    given: dict[str, Any] = {"endings": {}, "counts": {}, "journal_bytes": 0}
    return FolderTotals(**{**given, **changes})
