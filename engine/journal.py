"""The journal: what was paid for, what was written, what is finished. One SQLite file, one thread that writes it.

- effects: the result of every model call and sandboxed run, by the content of its request.
- outbox: the rows of the run's files, committed here first and then appended by the same thread, so that a
  file can lack rows after a kill but never hold half a row or a row twice; opening appends what is missing.
- marks: the source rows that are finished, with their end. counts: what the report adds up.

Every call returns only when what it wrote is on disk (group commit). A folder of None keeps all in memory.
"""

import asyncio
import json
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from engine.errors import BadInput, EngineError, FolderInUse, MachineFailed

logger = logging.getLogger(__name__)
T = TypeVar("T")
SCHEMA = 1
BATCH = 512
KEPT_BYTES = 4 << 20
"""Bytes of appended rows after which the files are synced and the rows' bytes leave the outbox."""
TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE effects (id INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB NOT NULL);
CREATE UNIQUE INDEX effect_keys ON effects (key);
CREATE TABLE marks (id TEXT PRIMARY KEY, ending TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (name TEXT PRIMARY KEY, rows INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE emitted (file TEXT NOT NULL, id TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (file, id)) WITHOUT ROWID;
CREATE TABLE outbox (file TEXT NOT NULL, offset INTEGER NOT NULL, line BLOB NOT NULL);
CREATE TABLE counts (name TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""


class Journal:
    """Use as an async context manager; all methods may be called from the loop's thread only."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._queue: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failed: MachineFailed | None = None
        self._database: sqlite3.Connection | None = None
        self._descriptors: dict[str, int] = {}
        self._unsynced = 0
        self._pending: dict[str, list[bytes]] = {}

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._serve, args=(opened,), name="journal", daemon=True)
        self._thread.start()
        await opened
        return self

    async def __aexit__(self, exc_type: type[BaseException] | None, exc: BaseException | None,
                        traceback: TracebackType | None) -> None:  # fmt: skip
        assert self._thread is not None
        self._queue.put(None)
        thread = self._thread
        await asyncio.shield(self._loop.run_in_executor(None, thread.join))

    async def effect(self, key: bytes) -> bytes | None:
        """The recorded result of a request, by its key."""
        return await self._do(lambda: self._first("SELECT value FROM effects WHERE key = ?", key))

    async def record(self, key: bytes, value: bytes, counts: Mapping[str, int] | None = None) -> None:
        """Records the result of a request and adds its counts; the first one recorded stays."""
        await self._do(lambda: self._record(key, value, counts or {}))

    async def emit(self, file: str, id_: str, content: Mapping[str, Any], counts: Mapping[str, int]) -> int:
        """Appends a row to `<file>.jsonl` and adds its counts, once for each id. Returns its line number, from 0."""
        return await self._do(lambda: self._emit(file, id_, content, counts))

    async def tally(self, id_: str, counts: Mapping[str, int]) -> None:
        """Adds counts that belong to no row, once for each id."""
        await self._do(lambda: self._tally(id_, counts))

    async def mark(self, id_: str, ending: str) -> None:
        """Marks a source row as finished ("") or rejected (its reason)."""
        await self._do(lambda: self._run("INSERT OR REPLACE INTO marks VALUES (?, ?)", id_, ending))

    async def marked(self, id_: str) -> str | None:
        """How a source row ended, or None if it has not."""
        return await self._do(lambda: self._first("SELECT ending FROM marks WHERE id = ?", id_))

    async def unmark(self) -> None:
        """Forgets which source rows are finished."""
        await self._do(lambda: self._run("DELETE FROM marks"))

    async def rows(self, file: str) -> int:
        """How many rows a file has."""
        return int(await self._do(lambda: self._first("SELECT rows FROM files WHERE name = ?", file)) or 0)

    async def endings(self) -> dict[str, int]:
        """How many source rows ended how."""
        return await self._do(lambda: self._table("SELECT ending, count(*) FROM marks GROUP BY ending"))

    async def counts(self) -> dict[str, int]:
        return await self._do(lambda: self._table("SELECT name, count FROM counts"))

    async def size_bytes(self) -> int:
        pages = await self._do(lambda: self._first("PRAGMA page_count"))
        return int(pages) * int(await self._do(lambda: self._first("PRAGMA page_size")))

    async def note(self, name: str) -> str | None:
        """A remembered word about the run, such as its settings."""
        return await self._do(lambda: self._first("SELECT value FROM meta WHERE name = ?", name))

    async def remember(self, name: str, value: str) -> None:
        await self._do(lambda: self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value))

    async def _do(self, work: Callable[[], T]) -> T:
        if self._failed is not None:
            raise self._failed
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put((work, future))
        return await future

    # What follows runs in the journal's own thread.

    def _serve(self, opened: "asyncio.Future[None]") -> None:
        try:
            self._open()
        except EngineError as exc:
            self._loop.call_soon_threadsafe(opened.set_exception, exc)
            return
        except (OSError, sqlite3.Error) as exc:
            failed = MachineFailed(f"{self._folder}: the journal cannot be opened: {exc}")
            self._loop.call_soon_threadsafe(opened.set_exception, failed)
            return
        self._loop.call_soon_threadsafe(opened.set_result, None)
        closing = False
        while not closing:
            batch = [self._queue.get()]
            with suppress(queue.Empty):
                while len(batch) < BATCH:
                    batch.append(self._queue.get_nowait())
            closing = None in batch
            self._commit([entry for entry in batch if entry is not None])
        self._close()

    def _commit(self, batch: "list[tuple[Callable[[], Any], asyncio.Future[Any]]]") -> None:
        """Does a batch of work in one transaction, appends its rows, and only then tells those who wait."""
        results: list[tuple[asyncio.Future[Any], Any, Exception | None]] = []
        try:
            if self._failed is not None:
                raise self._failed
            self._run("BEGIN IMMEDIATE")
            for work, future in batch:
                results.append((future, work(), None))
            self._run("COMMIT")
            self._append()
        except (OSError, sqlite3.Error, MachineFailed) as exc:
            self._failed = exc if isinstance(exc, MachineFailed) else MachineFailed(
                f"{self._folder}: the journal or a file beside it cannot be written: {exc}; nothing that was "
                "acknowledged is lost, and the same command continues")  # fmt: skip
            results = [(future, None, self._failed) for _, future in batch]
        except Exception as exc:  # a bug in one piece of work must not leave the others waiting
            logger.exception("the journal failed")
            self._failed = MachineFailed(f"the journal failed: {exc!r}")
            results = [(future, None, self._failed) for _, future in batch]
        with suppress(RuntimeError):  # the loop has gone, and so has everybody who waited
            self._loop.call_soon_threadsafe(_tell, results)

    def _open(self) -> None:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        path = ":memory:" if self._folder is None else str(self._folder / "journal.sqlite")
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.5)
        try:
            self._run("PRAGMA locking_mode=EXCLUSIVE")  # before WAL: then no shared memory is needed
            self._run("PRAGMA journal_mode=WAL")
            self._run("PRAGMA synchronous=FULL")
            self._run("BEGIN IMMEDIATE")
            self._migrate()
            self._run("COMMIT")
        except sqlite3.OperationalError as exc:
            if "locked" in str(exc):
                raise FolderInUse(f"{self._folder}: another run holds this folder (output.dir)") from exc
            raise
        self._recover()

    def _migrate(self) -> None:
        assert self._database is not None
        if not self._first("SELECT count(*) FROM sqlite_master"):
            for statement in TABLES.split(";"):
                self._run(statement)
            self._run("INSERT INTO meta VALUES ('schema', ?)", str(SCHEMA))
        found = self._first("SELECT value FROM meta WHERE name = 'schema'")
        if found != str(SCHEMA):
            raise BadInput(f"{self._folder}: its journal has the schema {found}, this version writes {SCHEMA}")

    def _recover(self) -> None:
        """Appends to the files what was committed and not yet written when the last run ended."""
        if self._folder is None:
            return
        for name, known in self._table("SELECT name, bytes FROM files").items():
            path = self._folder / f"{name}.jsonl"
            there = path.stat().st_size if path.exists() else 0
            if there > known:
                raise BadInput(
                    f"{path}: it has {there} bytes where the journal wrote {known}; something else wrote to it"
                )
            missing: list[bytes] = []
            for offset, line in self._rows("SELECT offset, line FROM outbox WHERE file = ? ORDER BY offset", name):
                if offset + len(line) > there:
                    missing.append(line[max(0, there - offset) :])
            if there + sum(map(len, missing)) != known:
                raise BadInput(f"{path}: it has lost bytes that were safely written: {there} of {known} are there")
            if missing:
                self._pending[name] = missing
        self._append()

    def _record(self, key: bytes, value: bytes, counts: Mapping[str, int]) -> None:
        self._run("INSERT OR IGNORE INTO effects (key, value) VALUES (?, ?)", key, value)
        self._add(counts)

    def _emit(self, file: str, id_: str, content: Mapping[str, Any], counts: Mapping[str, int]) -> int:
        there = self._first("SELECT row FROM emitted WHERE file = ? AND id = ?", file, id_)
        if there is not None:
            return int(there)
        known = self._rows("SELECT rows, bytes FROM files WHERE name = ?", file)
        row, offset = known[0] if known else (0, 0)
        self._run("INSERT INTO emitted VALUES (?, ?, ?)", file, id_, row)
        if self._folder is not None:
            line = _line(content, row)
            self._run("INSERT INTO outbox VALUES (?, ?, ?)", file, offset, line)
            self._pending.setdefault(file, []).append(line)
            offset += len(line)
        self._run("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", file, row + 1, offset)
        self._add(counts)
        return int(row)

    def _tally(self, id_: str, counts: Mapping[str, int]) -> None:
        if self._first("SELECT row FROM emitted WHERE file = '' AND id = ?", id_) is None:
            self._run("INSERT INTO emitted VALUES ('', ?, 0)", id_)
            self._add(counts)

    def _add(self, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            self._run("INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET count = count + excluded.count",
                      name, count)  # fmt: skip

    def _append(self) -> None:
        """Writes the committed rows to their files, whole rows in one write each batch."""
        for name, lines in self._pending.items():
            assert self._folder is not None
            if name not in self._descriptors:
                path = self._folder / f"{name}.jsonl"
                self._descriptors[name] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            view = memoryview(b"".join(lines))
            self._unsynced += len(view)
            while view:
                view = view[os.write(self._descriptors[name], view) :]
        self._pending.clear()
        if self._unsynced > KEPT_BYTES:
            self._sync()

    def _sync(self) -> None:
        for descriptor in self._descriptors.values():
            os.fsync(descriptor)
        self._run("DELETE FROM outbox")
        self._unsynced = 0

    def _close(self) -> None:
        assert self._database is not None
        with suppress(OSError, sqlite3.Error):
            if self._failed is None:
                self._sync()
        for descriptor in self._descriptors.values():
            with suppress(OSError):
                os.close(descriptor)
        self._database.close()

    def _run(self, statement: str, *values: Any) -> None:
        assert self._database is not None
        self._database.execute(statement, values)

    def _first(self, statement: str, *values: Any) -> Any:
        assert self._database is not None
        found = self._database.execute(statement, values).fetchone()
        return found[0] if found else None

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        assert self._database is not None
        return self._database.execute(statement, values).fetchall()

    def _table(self, statement: str) -> dict[str, int]:
        return dict(self._rows(statement))


def _line(content: Mapping[str, Any], row: int) -> bytes:
    """One line of JSONL. A field `index` of None becomes the row's own line number."""
    if content.get("index", 0) is None:
        content = {**content, "index": row}
    try:
        return json.dumps(content, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # a lone surrogate from somebody's file: escaped, it is at least valid JSON
        return json.dumps(content).encode() + b"\n"


def _tell(results: "list[tuple[asyncio.Future[Any], Any, Exception | None]]") -> None:
    for future, value, error in results:
        if not future.done():
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)
