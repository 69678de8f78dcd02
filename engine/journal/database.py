"""One open journal file, as statements are run on it. `engine.journal.opening` opens it.

All of it runs in the journal's own thread.
"""

import sqlite3
from pathlib import Path
from typing import Any

from engine.errors import BadInput, FolderInUse
from engine.journal.lock import Lock
from engine.journal.schema import SCHEMA


class Database:
    """A connection, and the lock that goes with it. path: None for a database in memory.

    Another run's journal may be attached to it, for reading alone.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path | None, lock: Lock | None
    ) -> None:
        self.connection = connection
        self.path = path
        self._lock = lock
        self._attached: sqlite3.Connection | None = None

    @property
    def folder(self) -> Path | None:
        return self.path.parent if self.path is not None else None

    def attach(self, path: Path) -> None:
        """Opens another run's journal for reading. Raises: BadInput, FolderInUse."""
        if not path.exists():
            raise BadInput(
                f"{path}: there is no journal to take results from; was the folder moved or "
                "deleted?"
            )
        # A run that ends in order leaves no write-ahead log. Then nothing writes this file, and it
        # can be read without locks, even where it must not be written. A log that a killed run has
        # left must be read too, for which SQLite writes an index of it.
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
                f"{path}: its schema is {found}; go on with that folder once, "
                f"which brings it to {SCHEMA}"
            )
        self._attached = other

    @property
    def attached(self) -> bool:
        return self._attached is not None

    def rows_of_attached(self, statement: str, *values: Any) -> list[Any]:
        return self._attached.execute(statement, values).fetchall() if self._attached else []

    def run(self, statement: str, *values: Any) -> None:
        self.connection.execute(statement, values)

    def first(self, statement: str, *values: Any) -> Any:
        """The first column of the first row. None if there is no row."""
        found = self.connection.execute(statement, values).fetchone()
        return found[0] if found else None

    def rows(self, statement: str, *values: Any) -> list[Any]:
        return self.connection.execute(statement, values).fetchall()

    def table(self, statement: str) -> dict[str, int]:
        return dict(self.rows(statement))

    def beat(self) -> None:
        """Shows other hosts that this run is alive. To be called every BEAT_S seconds."""
        if self._lock is not None:
            self._lock.beat()

    def close(self) -> None:
        if self._lock is not None:
            self._lock.release()
        if self._attached is not None:
            self._attached.close()
        self.connection.close()
