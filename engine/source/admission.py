"""Makes tickets and first records of source rows, or rejects that say what is wrong with them."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from engine.config.settings import Config
from engine.errors import BadInput
from engine.flow.context import StopSwitch
from engine.flow.tickets import Listener, Ticket
from engine.journal.journal import Journal
from engine.source.extent import Extent
from engine.source.files import files_of, found_files, rows_of
from engine.source.items import SourceItem, rows_of_item
from engine.source.occurrences import Occurrences
from engine.source.programs import ProgramBook
from engine.source.row import SourceRow
from stages.errors import Rejected
from stages.records import Kind, Origin, Reject, digest
from stages.rows.entries import Entry, Record, chain
from stages.verification.feedback import Feedback

KINDS: dict[str, Kind] = {
    "raw": "file",
    "questions": "file",
    "unified": "file",
    "parsed": "program",
}
"""The kind of record that a source row of a format is. Rows of later formats are questions."""
RECORD_OVERHEAD = 4
"""The memory of a live source row, about, as a multiple of its own bytes."""
LOOKED_UP, LOOKED_UP_BYTES = 256, 32 << 20
"""Source rows, and bytes of them, whose marks are asked for at once when a run goes on."""
Arrival = tuple[Ticket, Record | Reject]
"""A source row as the flow takes it: its ticket, and its first record or why it has none."""


@dataclass(slots=True, kw_only=True)
class SourceEntry:
    """A source row with what names it.

    id: in the journal's marks, from its content and how often that stood before. index: its place
    in the source, from 0.
    """

    row: SourceRow
    id: str
    index: int
    occurrence: int
    record: Record | Reject | None = None


class Admission:
    """Makes the tickets and first records of one run. extent: how much source it has seen."""

    def __init__(self, config: Config, feedback: Feedback, stop: StopSwitch) -> None:
        """Reads the index of the programs, where rows are about programs. Raises: BadInput."""
        self.extent = Extent(most=config.limits.max_files)
        self._config = config
        self._stop = stop
        self._occurrences = Occurrences()
        self._later: Occurrences | None = None
        self._index = -1
        self._entry = Entry(
            boundary=config.source.format,
            code_field=config.source.code_field,
            feedback=feedback,
            reading=config.verification.reading,
            occurrence=self._occurrences,
        )
        self._programs: ProgramBook | None = None
        if config.reach.programs:
            files = files_of(config.source.parsed, config.base, "source.parsed")
            self._programs = ProgramBook(files, self._entry)

    async def arrivals(self, journal: Journal, *, fresh: bool) -> AsyncGenerator[Arrival, None]:
        """The configured source, up to limits.max_files. Rows that are finished are left out.

        fresh: the folder is new, so that nothing can be finished. Ends early when the run is
        stopped.
        Raises: BadInput, at once where there is no file, and at the end where there was no row.
        """
        most, taken = self._config.limits.max_files, 0
        await anyio.to_thread.run_sync(self.extent.look, await self._files())
        await self._look_ahead()
        async with aclosing(self._entries(journal, fresh=fresh)) as entries:
            async for entry, finished in entries:
                if self._stop.on or 0 < most <= taken:
                    break
                taken += 1
                self.extent.seen(entry.row.size_bytes)
                if finished:
                    continue
                if self._superseded(entry.row):
                    await journal.mark(entry.id, "")
                    continue
                yield self._arrival(entry)
        self.extent.whole = not self._stop.on
        if not taken and fresh and not self._stop.on:
            paths = ", ".join(self._config.source.path)
            raise BadInput(f"source.path: {paths}: there is not one row in it")

    async def of_item(
        self, item: SourceItem, listener: Listener | None = None
    ) -> AsyncIterator[Arrival]:
        """The rows of something that a caller hands in. Raises: BadInput.

        listener: gets each of its finished rows.
        """
        config = self._config
        async for row in rows_of_item(item, config.base, config.source.code_field):
            yield self._arrival(self._entered(row), listener)

    def close(self) -> None:
        self._occurrences.close()
        if self._later is not None:
            self._later.close()

    async def _files(self) -> list[Path]:
        return await found_files(self._config.source.path, self._config.base)

    async def _rows(self) -> AsyncGenerator[SourceRow, None]:
        config, files = self._config, await self._files()
        async with aclosing(rows_of(files, config.base, config.source.code_field)) as rows:
            async for row in rows:
                yield row

    async def _entries(
        self, journal: Journal, *, fresh: bool
    ) -> AsyncGenerator[tuple[SourceEntry, bool], None]:
        """Every row, with whether it is finished.

        The journal is asked for many at a time, since each question costs a transaction.
        """
        chunk: list[SourceEntry] = []
        size_bytes = 0
        async with aclosing(self._rows()) as rows:
            async for row in rows:
                entry = self._entered(row)
                if fresh:
                    yield entry, False
                    continue
                chunk.append(entry)
                size_bytes += row.size_bytes
                if len(chunk) == LOOKED_UP or size_bytes > LOOKED_UP_BYTES:
                    there = await journal.marked([one.id for one in chunk])
                    for one in chunk:
                        yield one, one.id in there
                    chunk, size_bytes = [], 0
        there = await journal.marked([one.id for one in chunk]) if chunk else {}
        for one in chunk:
            yield one, one.id in there

    async def _look_ahead(self) -> None:
        """Notes which verified rows have a later turn in the source: those are not revised."""
        if self._config.source.format != "verified":
            return
        self._later = Occurrences()
        async for row in self._rows():
            messages = row.fields and row.fields.get("messages")
            if not isinstance(messages, list):
                continue
            if any(m.get("role") == "assistant" for m in messages if isinstance(m, dict)):
                try:
                    self._later(chain(tuple(messages)))
                except (KeyError, TypeError):
                    continue  # the row itself will be rejected when its turn comes

    def _superseded(self, row: SourceRow) -> bool:
        """Whether a later turn of the same conversation stands in the source."""
        if self._later is None or row.fields is None:
            return False
        try:
            return chain(tuple(row.fields["messages"]), row.fields["output"]) in self._later
        except (KeyError, TypeError):
            return False

    def _entered(self, row: SourceRow) -> SourceEntry:
        """Names a row by its content, and by how often that stood in the source before.

        Rows must be named in the order of the source, and all of them: the finished ones too.
        """
        self._index += 1
        if row.fields is None:
            text = f"{row.file}\n{row.line}\n{row.reason}"
        else:
            text = json.dumps(row.fields, sort_keys=True, separators=(",", ":"))
        occurrence = self._occurrences(text)
        id_ = digest("row", text, str(occurrence))
        entry = SourceEntry(row=row, id=id_, index=self._index, occurrence=occurrence)
        if row.fields is not None and self._config.source.format != "raw":
            # Reading a row counts occurrences of its own. So it is read even if it turns out to be
            # finished: otherwise later rows would get other ids.
            entry.record = self._record(entry)
        return entry

    def _arrival(self, entry: SourceEntry, listener: Listener | None = None) -> Arrival:
        row = entry.row
        if row.fields is None:
            origin = Origin(id=entry.id, file=row.file, line=row.line, index=entry.index)
            ticket = Ticket(id=entry.id, origin=origin, size_bytes=1, listener=listener)
            return ticket, Reject(
                id=entry.id, kind=self._kind, reason=row.reason, detail=row.detail
            )
        origin = Origin(id=self._origin(entry).id, file=row.file, line=row.line, index=entry.index)
        size_bytes = RECORD_OVERHEAD * row.size_bytes
        ticket = Ticket(id=entry.id, origin=origin, size_bytes=size_bytes, listener=listener)
        return ticket, entry.record or self._record(entry)

    def _origin(self, entry: SourceEntry) -> Origin:
        row = entry.row
        assert row.fields is not None
        return self._entry.origin(
            row.fields,
            file=row.file,
            line=row.line,
            index=entry.index,
            occurrence=entry.occurrence,
        )

    def _record(self, entry: SourceEntry) -> Record | Reject:
        fields = entry.row.fields
        assert fields is not None
        try:
            program = self._programs.of(fields) if self._programs is not None else None
            return self._entry.record(fields, self._origin(entry), program)
        except Rejected as exc:
            return Reject(id=entry.id, kind=self._kind, reason=exc.reason, detail=exc.detail)

    @property
    def _kind(self) -> Kind:
        return KINDS.get(self._config.source.format, "question")
