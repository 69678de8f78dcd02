"""The journal: what was paid for, what was written, what is finished. One SQLite file, one thread
that writes it.

- effects: the result of every model call and sandboxed run, by the content of its request.
- the outbox (`engine.outbox`): the rows of the run's files, committed here first and then appended.
- marks: the source rows that are finished, with their end. counts: what the report adds up.

Every call returns only when what it wrote is on disk (group commit). A folder of None keeps all in
memory.
"""

import asyncio
import json
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import zstandard

from engine import faults
from engine.database import Database
from engine.errors import BadInput, EngineError, Full, MachineFailed
from engine.lock import BEAT_S
from engine.outbox import Outbox

logger = logging.getLogger(__name__)
T = TypeVar("T")
BATCH = 512
PACKED_BYTES = 512
"""Shorter values are kept as they are."""


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """What a request that is under way may be billed, by its dearest outcome."""

    id: bytes
    model: str
    role: str
    input_tokens: int
    output_tokens: int


class Journal:
    """Use as an async context manager; all methods may be called from the loop's thread only.

    own_thread: write in a thread of its own; without one the loop waits for the disk, which a
    simulation wants.
    """

    def __init__(self, folder: Path | None, *, own_thread: bool = True) -> None:
        self._own_thread = own_thread
        self._draining: asyncio.Handle | None = None
        self._folder = folder
        self._queue: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._thread: threading.Thread | None = None
        self._failed: MachineFailed | None = None
        self._database = Database(folder)
        self._outbox = Outbox(self._database)
        self._packer = zstandard.ZstdCompressor(level=3)
        self._unpacker = zstandard.ZstdDecompressor()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        if not self._own_thread:
            self._database.open()
            self._outbox.recover()
            return self
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._serve, args=(opened,), name="journal", daemon=True
        )
        self._thread.start()
        await opened
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._thread is None:
            self._drain()
            self._close()
            return
        self._queue.put(None)
        thread = self._thread
        await asyncio.shield(self._loop.run_in_executor(None, thread.join))

    async def effect(self, key: bytes, source: str = "") -> bytes | None:
        """The recorded result of a request, by its key. source: the row that asks."""
        return await self._do(lambda: self._effect(key, source))

    async def attach(self, journal: Path) -> None:
        """Looks results up in another run's journal as well, and writes nothing to it. Raises:
        BadInput, FolderInUse."""
        await self._do(lambda: self._database.attach(journal))

    async def attached(self) -> tuple[str | None, dict[str, int], dict[str, int]]:
        """Of the run that is attached: its settings, its counts, the rows of its files and, as "",
        finished sources."""
        return await self._do(self._database.of_attached)

    async def record(
        self,
        key: bytes,
        value: bytes,
        counts: Mapping[str, int] | None = None,
        source: str = "",
        leases: Sequence[LeaseRow] = (),
    ) -> None:
        """Records the result of a request and adds its counts; the first one recorded stays.

        source: the row that asked; once it is finished and no other has asked the same, no resume
        needs the result. leases: those that it ends.
        """

        def work() -> None:
            self._record(key, value, counts or {}, source)
            self._end_leases(leases)

        await self._do(work)

    async def lease(self, lease: LeaseRow, counts: Mapping[str, int]) -> None:
        """Records what may be billed for a request before it is sent, in place of what stood there;
        adds counts."""

        def work() -> None:
            row = (lease.id, lease.model, lease.role, lease.input_tokens, lease.output_tokens)
            self._database.run("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?)", *row)
            self._add(counts)

        await self._do(work)

    async def leases(self) -> list[LeaseRow]:
        """What was under way when an earlier process was killed."""
        return [
            LeaseRow(*row)
            for row in await self._do(lambda: self._database.rows("SELECT * FROM leases"))
        ]

    async def end_leases(self, leases: Sequence[LeaseRow], counts: Mapping[str, int]) -> None:
        """Takes leases away and adds counts."""

        def work() -> None:
            self._end_leases(leases)
            self._add(counts)

        await self._do(work)

    async def emit(
        self,
        file: str,
        id_: str,
        content: Mapping[str, Any],
        counts: Mapping[str, int],
        most: int = 0,
    ) -> int:
        """Appends a row to `<file>.jsonl` and adds its counts, once for each id. Returns its line
        number, from 0.

        most: rows that the file may have (0: any number). Raises: Full, where it has them.
        """
        return await self._do(lambda: self._emit(file, id_, content, counts, most))

    async def tally(self, id_: str, counts: Mapping[str, int]) -> None:
        """Adds counts that belong to no row, once for each id."""
        await self._do(lambda: self._tally(id_, counts))

    async def mark(self, id_: str, ending: str, kinds: Mapping[str, int] | None = None) -> None:
        """Marks a source row as finished ("") or rejected (its reason). kinds: what came of it, for
        the report."""
        await self._do(lambda: self._mark(id_, ending, kinds or {}))

    async def marked(self, ids: Sequence[str]) -> dict[str, str]:
        """How those of the source rows that are finished have ended."""
        wanted = ", ".join("?" * len(ids))
        # question marks only
        statement = f"SELECT id, ending FROM marks WHERE id IN ({wanted})"  # noqa: S608
        return await self._do(lambda: dict(self._database.rows(statement, *ids)))

    async def unmark(self) -> None:
        """Forgets which source rows are finished."""
        await self._do(self._unmark)

    async def rows(self, file: str) -> int:
        """How many rows a file has."""
        return int(
            await self._do(
                lambda: self._database.first("SELECT rows FROM files WHERE name = ?", file)
            )
            or 0
        )

    async def endings(self) -> dict[str, int]:
        """How many source rows ended how."""
        return await self._do(
            lambda: self._database.table("SELECT ending, count(*) FROM marks GROUP BY ending")
        )

    async def counts(self) -> dict[str, int]:
        return await self._do(lambda: self._database.table("SELECT name, count FROM counts"))

    async def size_bytes(self) -> int:
        pages = await self._do(lambda: self._database.first("PRAGMA page_count"))
        return int(pages) * int(await self._do(lambda: self._database.first("PRAGMA page_size")))

    async def note(self, name: str) -> str | None:
        """A remembered word about the run, such as its settings."""
        return await self._do(
            lambda: self._database.first("SELECT value FROM meta WHERE name = ?", name)
        )

    async def remember(self, name: str, value: str) -> None:
        await self._do(
            lambda: self._database.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value)
        )

    async def _do(self, work: Callable[[], T]) -> T:
        if self._failed is not None:
            raise self._failed
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put((work, future))
        if not self._own_thread and self._draining is None:
            self._draining = self._loop.call_soon(self._drain)
        return await future

    def _abandon(self, work: "list[tuple[Callable[[], Any], asyncio.Future[Any]]]") -> None:
        """Tells all who wait that nothing is written any more; in the loop's thread, where nobody
        can come later."""
        waiting = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        _tell([(entry[1], None, self._failed) for entry in (*work, *waiting) if entry is not None])

    def _drain(self) -> None:
        """Does what waits, in the loop's own thread."""
        self._draining = None
        batch = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        if batch:
            self._commit([entry for entry in batch if entry is not None])

    async def retry(self, rejects: Iterable[tuple[str, str, str, int]], reason: str) -> int:
        """Takes rejects up again. rejects: (kind, id, source row, attempt of the line that stands)
        of each.

        Their source rows are not finished any more, refusals of that reason are forgotten, and what
        is rejected once more gets the next attempt. Returns how many were taken up now, and not by
        an earlier such call.
        """
        return await self._do(lambda: self._retry(tuple(rejects), reason))

    async def attempt(self, kind: str, id_: str) -> int:
        """The attempt that a reject of this record has; 0 where it was not taken up again."""
        statement = "SELECT attempt FROM retried WHERE kind = ? AND id = ?"
        return int(await self._do(lambda: self._database.first(statement, kind, id_)) or 0)

    # What follows runs in the journal's own thread.

    def _serve(self, opened: "asyncio.Future[None]") -> None:
        try:
            self._database.open()
            self._outbox.recover()
        except EngineError as exc:
            self._let_go()
            self._loop.call_soon_threadsafe(opened.set_exception, exc)
            return
        except (OSError, sqlite3.Error) as exc:
            self._let_go()
            failed = MachineFailed(f"{self._folder}: the journal cannot be opened: {exc}")
            self._loop.call_soon_threadsafe(opened.set_exception, failed)
            return
        self._loop.call_soon_threadsafe(opened.set_result, None)
        closing, work = False, []
        try:
            while not closing:
                batch = self._batch()
                closing, work = None in batch, [entry for entry in batch if entry is not None]
                self._commit(work)
        except BaseException as exc:  # whatever ends this thread: nobody may wait for it
            self._failed = MachineFailed(f"{self._folder}: the journal's thread has ended: {exc!r}")
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._abandon, work)
            raise
        finally:
            self._close()

    def _batch(self) -> "list[tuple[Callable[[], Any], asyncio.Future[Any]] | None]":
        """What waits to be done; nothing, if nothing does for a while."""
        batch = []
        with suppress(queue.Empty):
            batch.append(self._queue.get(timeout=BEAT_S))
            while len(batch) < BATCH:
                batch.append(self._queue.get_nowait())
        return batch

    def _commit(self, batch: "list[tuple[Callable[[], Any], asyncio.Future[Any]]]") -> None:
        """Does a batch of work in one transaction, appends its rows, and only then tells those who
        wait."""
        results: list[tuple[asyncio.Future[Any], Any, Exception | None]] = []
        try:
            if self._failed is not None:
                raise self._failed
            self._database.beat()
            if batch:
                results = self._committed(batch)
        except (OSError, sqlite3.Error, MachineFailed) as exc:
            self._failed = (
                exc
                if isinstance(exc, MachineFailed)
                else MachineFailed(
                    f"{self._folder}: the journal or a file beside it cannot be written: {exc}; nothing that was "
                    "acknowledged is lost, and the same command continues"
                )
            )
            results = [(future, None, self._failed) for _, future in batch]
        except Exception as exc:  # a bug in one piece of work must not leave the others waiting
            logger.exception("the journal failed")
            self._failed = MachineFailed(f"the journal failed: {exc!r}")
            results = [(future, None, self._failed) for _, future in batch]
        with suppress(RuntimeError):  # the loop has gone, and so has everybody who waited
            self._loop.call_soon_threadsafe(_tell, results)

    def _committed(
        self, batch: "list[tuple[Callable[[], Any], asyncio.Future[Any]]]"
    ) -> list[tuple[asyncio.Future[Any], Any, Exception | None]]:
        if not self._outbox.in_place():
            raise MachineFailed(
                f"{self._folder}: the folder or a file in it was moved or deleted while the run wrote to it. Put it "
                "back, and the same command continues; the rows that were acknowledged are in the journal beside it"
            )
        self._database.run("BEGIN IMMEDIATE")
        faults.strike_at("begin")
        results: list[tuple[asyncio.Future[Any], Any, Exception | None]] = []
        for work, future in batch:
            try:
                results.append((future, work(), None))
            except (BadInput, Full) as exc:  # the asker's, and nothing was written
                results.append((future, None, exc))
        faults.strike_at("commit")
        self._database.run("COMMIT")
        faults.strike_at("committed")
        self._outbox.append()
        faults.strike_at("appended")
        return results

    def _effect(self, key: bytes, source: str) -> bytes | None:
        statement = "SELECT value, packed, source FROM effects WHERE key = ?"
        found = self._database.rows(statement, key)
        if found and found[0][2] not in (None, source):
            self._database.run("UPDATE effects SET source = NULL WHERE key = ?", key)
        found = found or self._database.rows_of_attached(statement, key)
        if not found:
            return None
        value, packed, _ = found[0]
        return self._unpacker.decompress(value) if packed else bytes(value)

    def _record(self, key: bytes, value: bytes, counts: Mapping[str, int], source: str) -> None:
        packed = self._packer.compress(value) if len(value) >= PACKED_BYTES else value
        self._database.run(
            "INSERT OR IGNORE INTO effects (key, value, packed, source) VALUES (?, ?, ?, ?)",
            key,
            packed,
            int(packed is not value),
            source or None,
        )
        self._add(counts)

    def _end_leases(self, leases: Sequence[LeaseRow]) -> None:
        for lease in leases:
            self._database.run("DELETE FROM leases WHERE id = ?", lease.id)

    def _emit(
        self, file: str, id_: str, content: Mapping[str, Any], counts: Mapping[str, int], most: int
    ) -> int:
        row, new = self._outbox.emit(file, id_, content, most)
        if new:
            self._add(counts)
        return row

    def _tally(self, id_: str, counts: Mapping[str, int]) -> None:
        if self._database.first("SELECT row FROM emitted WHERE file = '' AND id = ?", id_) is None:
            self._database.run("INSERT INTO emitted VALUES ('', ?, 0)", id_)
            self._add(counts)

    def _add(self, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            self._database.run(
                "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET "
                "count = count + excluded.count",
                name,
                count,
            )

    def _mark(self, id_: str, ending: str, kinds: Mapping[str, int]) -> None:
        self._forget(id_)
        self._database.run("INSERT INTO marks VALUES (?, ?, ?)", id_, ending, json.dumps(kinds))
        self._add(kinds)

    def _forget(self, id_: str) -> None:
        """Takes a mark away, and what it has added to the report."""
        kinds = json.loads(
            self._database.first("SELECT kinds FROM marks WHERE id = ?", id_) or "{}"
        )
        self._database.run("DELETE FROM marks WHERE id = ?", id_)
        self._add({name: -count for name, count in kinds.items()})

    def _unmark(self) -> None:
        self._database.run("DELETE FROM marks")
        self._database.run("DELETE FROM counts WHERE name GLOB 'kinds.*'")

    def _retry(self, rejects: tuple[tuple[str, str, str, int], ...], reason: str) -> int:
        taken = 0
        for kind, id_, source, attempt in rejects:
            there = self._database.first(
                "SELECT attempt FROM retried WHERE kind = ? AND id = ?", kind, id_
            )
            if there is not None and there > attempt:
                continue
            taken += 1
            self._database.run(
                "INSERT OR REPLACE INTO retried VALUES (?, ?, ?)", kind, id_, attempt + 1
            )
            self._forget(source)
            self._add({f"rejects.{kind}.{reason}": -1})
        refusal = f'{{"rejected":["{reason}",%'
        self._database.run(
            "DELETE FROM effects WHERE packed = 0 AND CAST(value AS TEXT) LIKE ?", refusal
        )
        return taken

    def _close(self) -> None:
        with suppress(OSError, sqlite3.Error):
            if self._failed is None:
                self._outbox.sync()
        self._let_go()

    def _let_go(self) -> None:
        """The folder is free for the next run, in this process too."""
        self._outbox.close()
        self._database.close()


def _tell(results: "list[tuple[asyncio.Future[Any], Any, Exception | None]]") -> None:
    for future, value, error in results:
        if not future.done():
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)
