"""The journal's SQLite file: opened under a lock, checked, brought to this version's schema, and
asked.

All of it runs in the journal's own thread. The file may lie on a network file system: it is locked
exclusively before write-ahead logging is switched on, so that no memory is shared, and one run
holds one folder.
"""

import logging
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.errors import BadInput, FolderInUse, MachineFailed
from engine.lock import Lock

logger = logging.getLogger(__name__)
SCHEMA = 3
CHECKED_BYTES = 256 << 20
"""A larger journal's effects are not read through at every start; a damaged one among them is found
when it is used."""
TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE effects (id INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB NOT NULL, packed INTEGER NOT NULL DEFAULT 0, source TEXT);
CREATE UNIQUE INDEX effect_keys ON effects (key);
CREATE TABLE marks (id TEXT PRIMARY KEY, ending TEXT NOT NULL, kinds TEXT NOT NULL DEFAULT '{}') WITHOUT ROWID;
CREATE TABLE files (name TEXT PRIMARY KEY, rows INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE emitted (file TEXT NOT NULL, id TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (file, id)) WITHOUT ROWID;
CREATE TABLE outbox (file TEXT NOT NULL, offset INTEGER NOT NULL, line BLOB NOT NULL);
CREATE TABLE counts (name TEXT PRIMARY KEY, count INTEGER NOT NULL);
CREATE TABLE retried (kind TEXT NOT NULL, id TEXT NOT NULL, attempt INTEGER NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE leases (id BLOB PRIMARY KEY, model TEXT NOT NULL, role TEXT NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL);
"""
MIGRATIONS = {
    1: """ALTER TABLE effects ADD COLUMN packed INTEGER NOT NULL DEFAULT 0;
CREATE TABLE retried (kind TEXT NOT NULL, id TEXT NOT NULL, attempt INTEGER NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID""",
    2: """ALTER TABLE effects ADD COLUMN source TEXT;
ALTER TABLE marks ADD COLUMN kinds TEXT NOT NULL DEFAULT '{}';
CREATE TABLE leases (id BLOB PRIMARY KEY, model TEXT NOT NULL, role TEXT NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL)""",
}
"""What brings a journal of that schema to the next."""
SMALL = ("meta", "marks", "files", "emitted", "outbox", "counts", "retried", "leases")


class Database:
    """One open journal file; a folder of None is one in memory."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.path = None if folder is None else folder / "journal.sqlite"
        self._lock = None if folder is None else Lock(folder)
        self._connection: sqlite3.Connection | None = None
        self._attached: sqlite3.Connection | None = None

    def open(self) -> None:
        """Raises: FolderInUse, BadInput, MachineFailed, OSError, sqlite3.Error."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        self._connect()
        if self._lock is not None:
            try:
                self._lock.take()
            except BaseException:
                self.connection.close()
                raise
        damaged = self._damage()
        if damaged:
            self._salvage(damaged)

    def _connect(self) -> None:
        path = ":memory:" if self.path is None else str(self.path)
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=0.5
        )
        try:
            self.run("PRAGMA locking_mode=EXCLUSIVE")
            self.run("PRAGMA journal_mode=WAL")
            self.run("PRAGMA synchronous=FULL")
            self.run("BEGIN IMMEDIATE")
            self._migrate()
            self.run("COMMIT")
        except sqlite3.OperationalError as exc:
            self.connection.close()
            if "locked" in str(exc) and self._lock is not None:
                raise FolderInUse(
                    f"{self.folder}: another run holds this folder (output.dir){self._lock.holder()}"
                ) from exc
            raise
        except sqlite3.DatabaseError as exc:
            self.connection.close()
            if self._lock is None or (
                "file is not a database" not in str(exc) and "malformed" not in str(exc)
            ):
                raise
            raise MachineFailed(
                f"{self.path}: damaged beyond reading ({exc}). Take another output.dir; what this folder's files hold "
                "is whole up to their last line"
            ) from exc

    def _migrate(self) -> None:
        if not self.first("SELECT count(*) FROM sqlite_master"):
            for statement in TABLES.split(";"):
                self.run(statement)
            self.run("INSERT INTO meta VALUES ('schema', ?)", str(SCHEMA))
        found = self.first("SELECT value FROM meta WHERE name = 'schema'")
        while found is not None and int(found) in MIGRATIONS:
            for statement in MIGRATIONS[int(found)].split(";"):
                self.run(statement)
            found = str(int(found) + 1)
            self.run("UPDATE meta SET value = ? WHERE name = 'schema'", found)
        if found != str(SCHEMA):
            raise BadInput(
                f"{self.folder}: its journal has the schema {found}, this version writes {SCHEMA}"
            )

    def _damage(self) -> list[str]:
        """Tables with damaged pages, by name."""
        if self.path is None:
            return []
        wanted = SMALL if self.path.stat().st_size > CHECKED_BYTES else (*SMALL, "effects")
        return [table for table in wanted if not self._sound(table)]

    def _sound(self, table: str) -> bool:
        try:
            return bool(self.first(f"PRAGMA quick_check({table})") == "ok")
        except sqlite3.DatabaseError:
            return False

    def _salvage(self, damaged: list[str]) -> None:
        """Copies what can be read into a new file and keeps the old one beside. Effects may be
        lost, nothing else."""
        assert self.path is not None
        if damaged != ["effects"]:
            raise MachineFailed(
                f"{self.path}: its pages of {', '.join(damaged)} are damaged, and without them rows could be written "
                "twice. Take another output.dir; what this folder's files hold is whole up to their last line"
            )
        fresh = Database(None)
        fresh.path = self.path.with_name("journal.salvaged")
        fresh.path.unlink(missing_ok=True)
        fresh._connect()
        fresh.run("BEGIN IMMEDIATE")
        fresh.run("DELETE FROM meta")
        for table in SMALL:
            for row in self.rows(f"SELECT * FROM {table}"):  # noqa: S608  # names of ours
                # names of ours
                fresh.run(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", *row)  # noqa: S608
        kept = 0
        for row in self._readable():
            fresh.run("INSERT OR IGNORE INTO effects VALUES (?, ?, ?, ?, ?)", *row)
            kept += 1
        fresh.run("COMMIT")
        last = fresh.first("SELECT max(id) FROM effects") or 0
        fresh.close()
        self.connection.close()
        aside = self.path.with_name("journal.damaged.sqlite")
        self.path.replace(aside)
        for rest in ("-wal", "-shm"):
            self.path.with_name(self.path.name + rest).unlink(missing_ok=True)
        fresh.path.replace(self.path)
        logger.warning(
            "%s had damaged pages: %d recorded results were saved, about %d are lost and will be asked for "
            "again; the damaged file is %s",
            self.path,
            kept,
            max(0, last - kept),
            aside.name,
        )
        self._connect()

    def _readable(self) -> Iterator[tuple[Any, ...]]:
        """Every effect that can still be read, by halving the ranges that cannot."""
        try:
            last = self.first("SELECT max(id) FROM effects") or 0
        except sqlite3.DatabaseError:
            last = 1 << 40
        ranges = [(1, last + 1)]
        while ranges:
            start, end = ranges.pop()
            try:
                yield from self.rows("SELECT * FROM effects WHERE id >= ? AND id < ?", start, end)
            except sqlite3.DatabaseError:
                if end - start > 1:
                    middle = (start + end) // 2
                    ranges += [(middle, end), (start, middle)]

    def attach(self, path: Path) -> None:
        """Opens another run's journal for reading. Raises: BadInput, FolderInUse."""
        if not path.exists():
            raise BadInput(
                f"{path}: there is no journal to take results from; was the folder moved or deleted?"
            )
        # without a write-ahead log beside it nothing is under way, and the file can be read as it
        # is
        clean = not path.with_name(path.name + "-wal").exists()
        other = sqlite3.connect(
            f"{path.as_uri()}?{'immutable=1' if clean else 'mode=rw'}",
            uri=True,
            timeout=0.5,
            check_same_thread=False,
        )
        try:
            other.execute("PRAGMA query_only=ON")
            found = other.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()[0]
        except sqlite3.OperationalError as exc:
            raise FolderInUse(
                f"{path.parent}: another run holds this folder{Lock(path.parent).holder()}"
            ) from exc
        if found != str(SCHEMA):
            raise BadInput(
                f"{path}: its schema is {found}; go on with that folder once, which brings it to {SCHEMA}"
            )
        self._attached = other

    def rows_of_attached(self, statement: str, *values: Any) -> list[Any]:
        return self._attached.execute(statement, values).fetchall() if self._attached else []

    def of_attached(self) -> tuple[str | None, dict[str, int], dict[str, int]]:
        if self._attached is None:
            return None, {}, {}
        settings = self.rows_of_attached("SELECT value FROM meta WHERE name = 'settings'")
        rows = dict(self.rows_of_attached("SELECT name, rows FROM files"))
        rows[""] = self.rows_of_attached("SELECT count(*) FROM marks")[0][0]
        return (
            settings[0][0] if settings else None,
            dict(self.rows_of_attached("SELECT name, count FROM counts")),
            rows,
        )

    def beat(self) -> None:
        """To be called every few seconds: tells other hosts that this run is there."""
        if self._lock is not None:
            self._lock.beat()

    @property
    def connection(self) -> sqlite3.Connection:
        assert self._connection is not None
        return self._connection

    def run(self, statement: str, *values: Any) -> None:
        self.connection.execute(statement, values)

    def first(self, statement: str, *values: Any) -> Any:
        found = self.connection.execute(statement, values).fetchone()
        return found[0] if found else None

    def rows(self, statement: str, *values: Any) -> list[Any]:
        return self.connection.execute(statement, values).fetchall()

    def table(self, statement: str) -> dict[str, int]:
        return dict(self.rows(statement))

    def compact(self, kept: Iterable[str]) -> int:
        """Drops the results that only finished source rows asked for, and gives back the pages that
        are free.

        kept: source rows whose results stay, finished or not. Returns how many results were
        dropped.
        """
        self.run("BEGIN IMMEDIATE")
        self.run("CREATE TEMP TABLE kept (id TEXT PRIMARY KEY)")
        self.connection.executemany(
            "INSERT OR IGNORE INTO kept VALUES (?)", ((id_,) for id_ in kept)
        )
        dropped = self.connection.execute(
            "DELETE FROM effects WHERE source IN (SELECT id FROM marks WHERE ending = '') "
            "AND source NOT IN (SELECT id FROM kept)"
        ).rowcount
        self.run(
            "INSERT OR REPLACE INTO meta VALUES ('compacted', ?)",
            datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self.run("COMMIT")
        self.run("VACUUM")
        self.run("PRAGMA wal_checkpoint(TRUNCATE)")
        return dropped

    def close(self) -> None:
        if self._lock is not None:
            self._lock.release()
        if self._attached is not None:
            self._attached.close()
        if self._connection is not None:
            self._connection.close()
