"""A run at one moment, as plain figures: what the report, the terminal and an embedder read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.effects.forecast import Span
from engine.flow.graph import NodeStatistics
from engine.journal.journal import Journal
from sandbox import Statistics as SandboxStatistics
from stages.inference.pool import PoolStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingSnapshot:
    """What the folder's run has used so far. priced: whether any model has a price.

    details: by model and by role, as in report.json.
    """

    usd: float
    tokens: int
    priced: bool
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment of a running engine. Nothing in it changes any more.

    elapsed_s: since the engine was opened. counts: records by kind and state, of this process.
    live_counts: those of source rows that are live or held back. live, held_back: source rows.
    nodes: by stage. written: rows by file, of this process. endpoints: by address. in_flight: model
    calls. made, replayed: effects of this process. withheld: model calls that --replay-only did not
    make. forecast: what the run will have cost, by role and, as "", in all. None where too little
    is known. unseen_packages: installed packages that programs cannot import, with the reasons.
    """

    elapsed_s: float
    counts: Mapping[str, int]
    live_counts: Mapping[str, int]
    live: int
    held_back: int
    nodes: Mapping[str, NodeStatistics]
    written: Mapping[str, int]
    sandbox: SandboxStatistics
    endpoints: Mapping[str, PoolStatistics]
    in_flight: int
    made: int
    replayed: int
    withheld: int
    spending: SpendingSnapshot
    forecast: Mapping[str, Span] | None
    isolation: str
    unseen_packages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderTotals:
    """What the journal adds up for the whole folder, over all of its processes.

    endings: finished source rows, by their ending ("" or the reason of their reject).
    """

    endings: Mapping[str, int]
    counts: Mapping[str, int]
    journal_bytes: int


async def totals_of(journal: Journal) -> FolderTotals:
    return FolderTotals(
        endings=await journal.endings(),
        counts=await journal.counts(),
        journal_bytes=await journal.size_bytes(),
    )
