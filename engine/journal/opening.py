"""Opens a journal: locked, brought to this version's schema, checked, and salvaged if damaged.

One run holds one folder. The file may lie on a network file system.
"""

import logging
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.errors import BadInput, FolderInUse, MachineFailed
from engine.journal.database import Database
from engine.journal.lock import Lock
from engine.journal.outbox import Outbox
from engine.journal.schema import MIGRATIONS, SCHEMA, SMALL, TABLES

logger = logging.getLogger(__name__)
FILE = "journal.sqlite"
CHECKED_BYTES = 256 << 20
"""The effects of a larger journal are not checked at every start, which would take minutes.

A damaged one among them is found when it is used.
"""
LAST_ID = 1 << 40
"""An id beyond that of any effect, for where damage hides which is the last."""


def open_database(folder: Path | None) -> Database:
    """The journal of a folder, or one in memory.

    Raises: FolderInUse, BadInput, MachineFailed, OSError, sqlite3.Error.
    """
    if folder is None:
        return _connected(None, None)
    folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(folder)
    database = _connected(folder / FILE, lock)
    # SQLite's lock decides first, since it cannot be left behind by a process that was killed.
    try:
        lock.take()
    except BaseException:
        database.connection.close()
        raise
    damaged = _damaged_tables(database)
    return _salvaged(database, damaged, lock) if damaged else database


def compact(folder: Path, kept: Iterable[str]) -> int:
    """Makes a folder's journal smaller. kept: source rows whose results stay, finished or not.

    Drops the results that only finished source rows asked for, and gives back the pages that are
    free. Returns how many results were dropped. Raises: EngineError.
    """
    try:
        database = open_database(folder)
        # What a killed run has committed is brought to the files first, and so leaves the outbox.
        outbox = Outbox(database)
        outbox.recover()
        outbox.sync()
        outbox.close()
        dropped = _dropped(database, kept)
        database.close()
    except (OSError, sqlite3.Error) as exc:
        raise MachineFailed(
            f"{folder}: its journal cannot be made smaller: {exc}; it is as it was"
        ) from exc
    return dropped


def _dropped(database: Database, kept: Iterable[str]) -> int:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    database.run("BEGIN IMMEDIATE")
    database.run("CREATE TEMP TABLE kept (id TEXT PRIMARY KEY)")
    rows = ((id_,) for id_ in kept)
    database.connection.executemany("INSERT OR IGNORE INTO kept VALUES (?)", rows)
    dropped = database.connection.execute(
        "DELETE FROM effects WHERE source IN (SELECT id FROM marks WHERE ending = '') "
        "AND source NOT IN (SELECT id FROM kept)"
    ).rowcount
    database.run("INSERT OR REPLACE INTO meta VALUES ('compacted', ?)", now)
    database.run("COMMIT")
    database.run("VACUUM")
    database.run("PRAGMA wal_checkpoint(TRUNCATE)")
    return dropped


def _connected(path: Path | None, lock: Lock | None) -> Database:
    connection = sqlite3.connect(
        ":memory:" if path is None else str(path),
        isolation_level=None,
        check_same_thread=False,
        timeout=0.5,
    )
    database = Database(connection, path, lock)
    try:
        # Exclusive locking comes first. Then SQLite keeps the index of the write-ahead log in the
        # heap. It would use shared memory otherwise, which network file systems do not have.
        # Source: sqlite.org/wal.html, "Use of WAL Without Shared-Memory".
        database.run("PRAGMA locking_mode=EXCLUSIVE")
        database.run("PRAGMA journal_mode=WAL")
        # NORMAL would not sync each commit: a power cut would take back acknowledged results.
        database.run("PRAGMA synchronous=FULL")
        # Takes the lock now, so that a second run is refused here and not at its first write.
        database.run("BEGIN IMMEDIATE")
        _migrate(database)
        database.run("COMMIT")
    except sqlite3.OperationalError as exc:
        connection.close()
        if "locked" in str(exc) and lock is not None:
            raise FolderInUse(
                f"{database.folder}: another run holds this folder (output.dir){lock.holder()}"
            ) from exc
        raise
    except sqlite3.DatabaseError as exc:
        connection.close()
        unreadable = "file is not a database" in str(exc) or "malformed" in str(exc)
        if lock is None or not unreadable:
            raise
        raise MachineFailed(
            f"{path}: damaged beyond reading ({exc}). Take another output.dir; what this folder's "
            "files hold is whole up to their last line"
        ) from exc
    return database


def _migrate(database: Database) -> None:
    if not database.first("SELECT count(*) FROM sqlite_master"):
        for statement in TABLES.split(";"):
            database.run(statement)
        database.run("INSERT INTO meta VALUES ('schema', ?)", str(SCHEMA))
    found = database.first("SELECT value FROM meta WHERE name = 'schema'")
    while found is not None and int(found) in MIGRATIONS:
        for statement in MIGRATIONS[int(found)].split(";"):
            database.run(statement)
        found = str(int(found) + 1)
        database.run("UPDATE meta SET value = ? WHERE name = 'schema'", found)
    if found != str(SCHEMA):
        raise BadInput(
            f"{database.folder}: its journal has the schema {found}, this version writes {SCHEMA}"
        )


def _damaged_tables(database: Database) -> list[str]:
    assert database.path is not None
    small = database.path.stat().st_size <= CHECKED_BYTES
    return [
        name for name in (*SMALL, *(["effects"] if small else [])) if not _sound(database, name)
    ]


def _sound(database: Database, table: str) -> bool:
    try:
        return bool(database.first(f"PRAGMA quick_check({table})") == "ok")
    except sqlite3.DatabaseError:
        return False


def _salvaged(database: Database, damaged: list[str], lock: Lock) -> Database:
    """A new journal with all that can be read. The damaged file is kept beside it.

    Only effects may be lost: they can be asked for again.
    Raises: MachineFailed, where more than effects is damaged.
    """
    path = database.path
    assert path is not None
    if damaged != ["effects"]:
        raise MachineFailed(
            f"{path}: its pages of {', '.join(damaged)} are damaged, and without them rows could "
            "be written twice. Take another output.dir; what this folder's files hold is whole up "
            "to their last line"
        )
    fresh_path = path.with_name("journal.salvaged")
    fresh_path.unlink(missing_ok=True)
    fresh = _connected(fresh_path, None)
    kept, last = _copied(database, fresh)
    fresh.close()
    database.connection.close()
    aside = path.with_name("journal.damaged.sqlite")
    path.replace(aside)
    # A log left by the damaged file would be taken for the new one's.
    for rest in ("-wal", "-shm"):
        path.with_name(path.name + rest).unlink(missing_ok=True)
    fresh_path.replace(path)
    logger.warning(
        "%s had damaged pages: %d recorded results were saved, about %d are lost and will be asked "
        "for again; the damaged file is %s",
        path,
        kept,
        max(0, last - kept),
        aside.name,
    )
    return _connected(path, lock)


def _copied(database: Database, fresh: Database) -> tuple[int, int]:
    """Copies all that can be read. Returns how many effects, and the number of the last one."""
    fresh.run("BEGIN IMMEDIATE")
    fresh.run("DELETE FROM meta")
    for table in SMALL:
        for row in database.rows(f"SELECT * FROM {table}"):  # noqa: S608  # names of ours
            places = ", ".join("?" * len(row))
            fresh.run(f"INSERT INTO {table} VALUES ({places})", *row)  # noqa: S608  # names of ours
    kept = 0
    for row in _readable(database):
        fresh.run("INSERT OR IGNORE INTO effects VALUES (?, ?, ?, ?, ?)", *row)
        kept += 1
    fresh.run("COMMIT")
    return kept, int(fresh.first("SELECT max(id) FROM effects") or 0)


def _readable(database: Database) -> Iterator[tuple[Any, ...]]:
    """Every effect that can still be read, by halving the ranges that cannot."""
    try:
        last = database.first("SELECT max(id) FROM effects") or 0
    except sqlite3.DatabaseError:
        last = LAST_ID
    ranges = [(1, last + 1)]
    while ranges:
        start, end = ranges.pop()
        try:
            yield from database.rows("SELECT * FROM effects WHERE id >= ? AND id < ?", start, end)
        except sqlite3.DatabaseError:
            if end - start > 1:
                middle = (start + end) // 2
                ranges += [(middle, end), (start, middle)]
