"""Where outcomes leave the flow: rows and rejects into the run's files, finished rows as marks.

Rows also go to the listener of their source row, if it has one.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from engine.errors import EngineError, Full
from engine.flow.tickets import Ticket
from engine.journal.journal import Journal
from stages.records import Program, Reject, Row, Tally, counts
from stages.rows.boundaries import boundary_of, program_content, rows_of

ANSWERED = frozenset({"revision", "samples"})
"""Ends of a run at which finished samples are written."""
ABSENT_MODULES = "Not there: "
"""How the detail of a reject of reason `module` begins."""


@dataclass(slots=True, kw_only=True)
class RunSink:
    """The flow's sink.

    until: the boundary at which records leave. rows: how many have left there, in earlier processes
    too, of at most `max_rows` (0: any number). written: rows by file, of this process.
    """

    journal: Journal
    until: str
    max_rows: int = 0
    rows: int = 0
    written: Counter[str] = field(default_factory=Counter)

    @property
    def full(self) -> EngineError | None:
        return Full(self.max_rows) if 0 < self.max_rows <= self.rows else None

    async def cross(self, ticket: Ticket, record: Any) -> Any | None:
        if isinstance(record, Program):
            record = await self._published(ticket, record)
        if boundary_of(record) != self.until:
            return record
        for row in rows_of(record):
            await self._emit(ticket, row)
        return record if self.until == "verified" else None

    async def _published(self, ticket: Ticket, program: Program) -> Program:
        """The program, once it stands in programs.jsonl. Its line there is its `itemid`."""
        row = Row(file="programs", id=program.id, content=program_content(program))
        number = await self.journal.emit(row.file, row.id, row.content, row.counts)
        ticket.rows += 1
        self.written["programs"] += 1
        return program if program.item is not None else replace(program, item=number)

    async def row(self, ticket: Ticket, row: Row) -> None:
        if self.until in ANSWERED:
            await self._emit(ticket, row)

    async def _emit(self, ticket: Ticket, row: Row) -> None:
        most = self.max_rows if row.file == self.until else 0
        number = await self.journal.emit(row.file, row.id, row.content, row.counts, most=most)
        ticket.rows += 1
        self.written[row.file] += 1
        if row.file == self.until:
            self.rows = max(self.rows, number + 1)
            if ticket.listener is not None:
                await ticket.listener(row)

    async def reject(self, ticket: Ticket, reject: Reject, stage: str) -> None:
        attempt = max(reject.attempt, await self.journal.attempt(reject.kind, reject.id))
        content = {
            "id": reject.id,
            "kind": reject.kind,
            "stage": stage,
            "reason": reject.reason,
            "detail": reject.detail,
            "source": {
                "id": ticket.origin.id,
                "file": ticket.origin.file,
                "line": ticket.origin.line,
                "row": ticket.id,
            },
            "attempt": attempt,
            **reject.more,
        }
        added = {counts.reject(reject.kind, reject.reason): 1, **_missing_modules(reject)}
        await self.journal.emit("rejects", f"{reject.kind}:{reject.id}:{attempt}", content, added)
        ticket.rejects.append(reject.reason)
        self.written["rejects"] += 1

    async def tally(self, tally: Tally) -> None:
        await self.journal.tally(tally.id, tally.counts)

    async def finished(self, ticket: Ticket) -> None:
        await self.journal.mark(ticket.id, ticket.rejected or "", ticket.counts.table())


def _missing_modules(reject: Reject) -> counts.Counts:
    """Missing modules by name, so that the report can rank them."""
    if reject.reason != "module":
        return {}
    names = reject.detail.removeprefix(ABSENT_MODULES).rstrip(".").split(", ")
    return {counts.missing_module(name): 1 for name in names if name.isidentifier()}
