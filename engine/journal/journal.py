"""The journal: what was paid for, what was written, what is finished.

- effects: the result of every model call and sandboxed run, by the content of its request.
- leases: what requests that are under way may be billed.
- the outbox: the rows of the run's files, committed here first and then appended.
- marks: the source rows that are finished, with their end.
- counts: what the report adds up.

It is one SQLite file, written by one thread. Every call returns only when what it wrote is on disk.
Calls that wait at the same time share one commit. A folder of None keeps all in memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from engine.journal.store import AttachedRun, LeaseRow, Store
from engine.journal.writer import Writer
from stages.records import counts


class Journal:
    """The journal of a folder, as an async context manager.

    All methods are called from the loop's thread. own_thread: write in a thread of its own. Without
    one the loop waits for the disk, so that a simulation is deterministic.
    Raises, on entering: FolderInUse, BadInput, MachineFailed. Raises, from any method after a
    failed write: MachineFailed.
    """

    def __init__(self, folder: Path | None, *, own_thread: bool = True) -> None:
        self._folder = folder
        self._writer: Writer[Store] = Writer(str(folder), own_thread=own_thread)
        self._do = self._writer.do

    async def __aenter__(self) -> Self:
        await self._writer.start(lambda: Store(self._folder))
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._writer.close()

    async def effect(self, key: bytes, source: str = "") -> bytes | None:
        """The recorded result of a request, by its key. source: the row that asks."""
        return await self._do(lambda store: store.effect(key, source))

    async def record(
        self,
        key: bytes,
        value: bytes,
        *,
        added: counts.Counts | None = None,
        source: str = "",
        leases: Sequence[LeaseRow] = (),
    ) -> None:
        """Records the result of a request, and adds its counts. The first result recorded stays.

        source: the row that asked. Once it is finished and no other has asked the same, no resume
        needs the result. leases: those that it ends.
        """
        await self._do(
            lambda store: store.record(key, value, added=added or {}, source=source, leases=leases)
        )

    async def lease(self, lease: LeaseRow, added: counts.Counts) -> None:
        """Records what a request may be billed, before it is sent. Replaces its earlier lease."""
        await self._do(lambda store: store.lease(lease, added))

    async def leases(self) -> list[LeaseRow]:
        """What was under way when an earlier process was killed."""
        return await self._do(lambda store: store.leases())

    async def end_leases(self, leases: Sequence[LeaseRow], added: counts.Counts) -> None:
        """Takes leases away and adds counts."""
        await self._do(lambda store: store.end_leases(leases, added))

    async def emit(
        self,
        file: str,
        id_: str,
        content: Mapping[str, Any],
        added: counts.Counts,
        *,
        most: int = 0,
    ) -> int:
        """Appends a row to `<file>.jsonl` and adds its counts, once for each id.

        most: rows that the file may have (0: any number). Returns the row's line number, from 0.
        Raises: Full, where the file has them.
        """
        return await self._do(lambda store: store.emit(file, id_, content, added, most))

    async def tally(self, id_: str, added: counts.Counts) -> None:
        """Adds counts that belong to no row, once for each id."""
        await self._do(lambda store: store.tally(id_, added))

    async def mark(self, id_: str, ending: str, kinds: counts.Counts | None = None) -> None:
        """Marks a source row as finished ("") or rejected (its reason). kinds: what came of it."""
        await self._do(lambda store: store.mark(id_, ending, kinds or {}))

    async def marked(self, ids: Sequence[str]) -> dict[str, str]:
        """The endings of those of the source rows that are finished, by id."""
        return await self._do(lambda store: store.marked(ids))

    async def unmark(self) -> None:
        """Forgets which source rows are finished."""
        await self._do(lambda store: store.unmark())

    async def retry(self, rejects: Iterable[tuple[str, str, str, int]], reason: str) -> int:
        """Opens rejects again. rejects: (kind, id, source row, attempt of the line that stands).

        Their source rows are not finished any more, and refusals of that reason are forgotten. A
        record that is rejected once more gets the next attempt. Returns how many were opened now,
        and not by an earlier such call.
        """
        found = tuple(rejects)
        return await self._do(lambda store: store.retry(found, reason))

    async def attempt(self, kind: str, id_: str) -> int:
        """The attempt that a reject of this record has. 0 where it was not opened again."""
        return await self._do(lambda store: store.attempt(kind, id_))

    async def attach(self, journal: Path) -> None:
        """Looks results up in another run's journal as well, and writes nothing to it.

        Raises: BadInput, FolderInUse.
        """
        await self._do(lambda store: store.database.attach(journal))

    async def attached_run(self) -> AttachedRun | None:
        """The run that is attached, if one is."""
        return await self._do(lambda store: store.attached_run())

    async def rows(self, file: str) -> int:
        """How many rows a file has."""
        statement = "SELECT rows FROM files WHERE name = ?"
        return int(await self._do(lambda store: store.database.first(statement, file)) or 0)

    async def endings(self) -> dict[str, int]:
        """How many source rows are finished, by their ending."""
        statement = "SELECT ending, count(*) FROM marks GROUP BY ending"
        return await self._do(lambda store: store.database.table(statement))

    async def counts(self) -> dict[str, int]:
        """All counts of the folder, by name."""
        return await self._do(lambda store: store.database.table("SELECT name, count FROM counts"))

    async def size_bytes(self) -> int:
        """The size of the journal itself, without the run's files."""
        return await self._do(lambda store: store.size_bytes())

    async def note(self, name: str) -> str | None:
        """A text about the run that was remembered under a name, such as its settings."""
        statement = "SELECT value FROM meta WHERE name = ?"
        found = await self._do(lambda store: store.database.first(statement, name))
        return None if found is None else str(found)

    async def remember(self, name: str, value: str) -> None:
        """Keeps a text about the run under a name, in place of an earlier one."""
        statement = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
        await self._do(lambda store: store.database.run(statement, name, value))
