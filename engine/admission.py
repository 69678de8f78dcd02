"""Source rows into records and tickets: ids, occurrences, programs looked up, and what is wrong
with a row."""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from engine.occurrences import Occurrences
from engine.programs import ProgramBook
from engine.settings import Config
from engine.sources import SourceRow, files_of, rows_of
from engine.tickets import Listener, Ticket
from stages.entries import Entry, Record, chain
from stages.errors import Rejected
from stages.feedback import Feedback
from stages.identity import Kind
from stages.records import Origin, Reject, digest

KINDS: dict[str, Kind] = {
    "raw": "file",
    "questions": "file",
    "unified": "file",
    "parsed": "program",
}
"""What a source row of a format is; below them it is a question."""
RECORD_OVERHEAD = 4
"""A live source row costs about so many times its own bytes."""


@dataclass(slots=True)
class Sighted:
    """A source row as it came by. id names it in the journal's marks; index: its place in the
    source, from 0."""

    row: SourceRow
    id: str
    index: int
    occurrence: int
    record: Record | Reject | None = None


class Admission:
    """Makes the tickets and first records of one run."""

    def __init__(self, config: Config, feedback: Feedback) -> None:
        """Reads the index of the programs, where rows are about programs. Raises: BadInput."""
        self.config = config
        self.occurrences = Occurrences()
        self.later: Occurrences | None = None
        self._index = -1
        self.entry = Entry(
            config.source.format,
            config.source.code_field,
            feedback,
            config.verification.reading,
            self.occurrences,
        )
        self.programs: ProgramBook | None = None
        if config.reach.programs:
            self.programs = ProgramBook(
                files_of(config.source.parsed, config.base, "source.parsed"), self.entry
            )

    def files(self) -> list[Path]:
        return files_of(self.config.source.path, self.config.base)

    def rows(self) -> AsyncGenerator[SourceRow, None]:
        return rows_of(self.files(), self.config.base, self.config.source.code_field)

    async def look_ahead(self) -> None:
        """Of verified rows, learns which have a later turn in the source: those are not gone on
        with themselves."""
        if self.config.source.format != "verified":
            return
        self.later = Occurrences()
        async for row in self.rows():
            messages = row.fields and row.fields.get("messages")
            if isinstance(messages, list) and any(
                m.get("role") == "assistant" for m in messages if isinstance(m, dict)
            ):
                try:
                    self.later(chain(tuple(messages)))
                except (KeyError, TypeError):
                    continue  # the row itself will be rejected when its turn comes

    def superseded(self, row: SourceRow) -> bool:
        """Whether a later turn of the same conversation stands in the source."""
        if self.later is None or row.fields is None:
            return False
        try:
            return chain(tuple(row.fields["messages"]), row.fields["output"]) in self.later
        except (KeyError, TypeError):
            return False

    def sight(self, row: SourceRow) -> Sighted:
        """What names a row, in the order of the source: its content and how often it stood there
        before."""
        self._index += 1
        if row.fields is None:
            place = f"{row.file}\n{row.line}\n{row.reason}"
            occurrence = self.occurrences(place)
            return Sighted(row, digest("row", place, str(occurrence)), self._index, occurrence)
        text = json.dumps(row.fields, sort_keys=True, separators=(",", ":"))
        occurrence = self.occurrences(text)
        sighted = Sighted(row, digest("row", text, str(occurrence)), self._index, occurrence)
        if self.config.source.format != "raw":
            sighted.record = self._record(
                sighted
            )  # counts occurrences of its own, and so cannot be left out
        return sighted

    def admit(
        self, sighted: Sighted, listener: Listener | None = None
    ) -> tuple[Ticket, Record | Reject]:
        """The ticket of a row, and its record or why it has none."""
        row = sighted.row
        if row.fields is None:
            ticket = Ticket(
                sighted.id, Origin(sighted.id, row.file, row.line, sighted.index), 1, listener
            )
            return ticket, Reject(sighted.id, self._kind, row.reason, row.detail)
        origin = self._origin(sighted)
        place = Origin(origin.id, row.file, row.line, sighted.index)
        record = sighted.record or self._record(sighted)
        return Ticket(sighted.id, place, RECORD_OVERHEAD * row.size_bytes, listener), record

    def _origin(self, sighted: Sighted) -> Origin:
        row = sighted.row
        assert row.fields is not None
        return self.entry.origin(row.fields, row.file, row.line, sighted.index, sighted.occurrence)

    def _record(self, sighted: Sighted) -> Record | Reject:
        assert sighted.row.fields is not None
        try:
            program = self.programs.of(sighted.row.fields) if self.programs is not None else None
            return self.entry.record(sighted.row.fields, self._origin(sighted), program)
        except Rejected as exc:
            return Reject(sighted.id, self._kind, exc.reason, exc.detail)

    @property
    def _kind(self) -> Kind:
        return KINDS.get(self.config.source.format, "question")

    def close(self) -> None:
        self.occurrences.close()
        if self.later is not None:
            self.later.close()
