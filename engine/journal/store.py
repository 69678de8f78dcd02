"""What the journal's thread does: reads and writes effects, leases, rows, counts and marks.

Many calls share a transaction, between `begin` and `commit`.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import zstandard

from engine.errors import MachineFailed
from engine.journal import faults
from engine.journal.opening import open_database
from engine.journal.outbox import Outbox
from stages.records import counts

PACKED_BYTES = 512
"""Shorter values are not compressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """What a request that is under way may be billed, at its worst case."""

    id: bytes
    model: str
    role: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedRun:
    """The run that this one was forked from.

    settings: as JSON. counts: by name. rows: by file. finished: source rows.
    """

    settings: str
    counts: Mapping[str, int]
    rows: Mapping[str, int]
    finished: int


class Store:
    """The open journal of a folder, with the files that follow from it. None: all in memory.

    Its methods do what those of `engine.journal.journal.Journal` with the same names say.
    """

    def __init__(self, folder: Path | None) -> None:
        """Opens the journal, and appends what its files lack.

        Raises: EngineError, OSError, sqlite3.Error.
        """
        self.folder = folder
        self.database = open_database(folder)
        self.outbox = Outbox(self.database)
        self._packer = zstandard.ZstdCompressor(level=3)
        self._unpacker = zstandard.ZstdDecompressor()
        try:
            self.outbox.recover()
        except BaseException:
            self._let_go()
            raise

    def begin(self) -> None:
        """Begins a transaction. Raises: MachineFailed, where a file is not the one opened."""
        if not self.outbox.in_place():
            raise MachineFailed(
                f"{self.folder}: the folder or a file in it was moved or deleted while the run "
                "wrote to it. Put it back, and the same command continues; the rows that were "
                "acknowledged are in the journal beside it"
            )
        self.database.run("BEGIN IMMEDIATE")
        faults.strike_at("begin")

    def commit(self) -> None:
        """Commits, and then appends to the files. So no row is in a file but not in the journal."""
        faults.strike_at("commit")
        self.database.run("COMMIT")
        faults.strike_at("committed")
        self.outbox.append()
        faults.strike_at("appended")

    def beat(self) -> None:
        self.database.beat()

    def close(self, *, sound: bool) -> None:
        # After a failed sync another one may succeed without having written anything. So nothing
        # leaves the outbox then, and the next opening appends what the files lack.
        with suppress(OSError, sqlite3.Error):
            if sound:
                self.outbox.sync()
        self._let_go()

    def _let_go(self) -> None:
        self.outbox.close()
        self.database.close()

    # Effects

    def effect(self, key: bytes, source: str) -> bytes | None:
        statement = "SELECT value, packed, source FROM effects WHERE key = ?"
        found = self.database.rows(statement, key)
        if found and found[0][2] not in (None, source):
            # A second source row needs it, so compact must not drop it with the first one.
            self.database.run("UPDATE effects SET source = NULL WHERE key = ?", key)
        found = found or self.database.rows_of_attached(statement, key)
        if not found:
            return None
        value, packed, _ = found[0]
        return self._unpacker.decompress(value) if packed else bytes(value)

    def record(
        self,
        key: bytes,
        value: bytes,
        *,
        added: counts.Counts,
        source: str,
        leases: Sequence[LeaseRow],
    ) -> None:
        packed = self._packer.compress(value) if len(value) >= PACKED_BYTES else value
        self.database.run(
            "INSERT OR IGNORE INTO effects (key, value, packed, source) VALUES (?, ?, ?, ?)",
            key,
            packed,
            int(packed is not value),
            source or None,
        )
        self.add(added)
        self.end_leases(leases, {})

    # Money

    def lease(self, lease: LeaseRow, added: counts.Counts) -> None:
        self.database.run("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?)", *astuple(lease))
        self.add(added)

    def leases(self) -> list[LeaseRow]:
        names = ("id", "model", "role", "input_tokens", "output_tokens")
        # names of ours
        rows = self.database.rows(f"SELECT {', '.join(names)} FROM leases")  # noqa: S608
        return [LeaseRow(**dict(zip(names, row, strict=True))) for row in rows]

    def end_leases(self, leases: Sequence[LeaseRow], added: counts.Counts) -> None:
        for lease in leases:
            self.database.run("DELETE FROM leases WHERE id = ?", lease.id)
        self.add(added)

    # Rows and counts

    def emit(
        self, file: str, id_: str, content: Mapping[str, Any], added: counts.Counts, most: int
    ) -> int:
        row, new = self.outbox.emit(file, id_, content, most)
        if new:
            self.add(added)
        return row

    def tally(self, id_: str, added: counts.Counts) -> None:
        there = self.database.first("SELECT row FROM emitted WHERE file = '' AND id = ?", id_)
        if there is None:
            self.database.run("INSERT INTO emitted VALUES ('', ?, 0)", id_)
            self.add(added)

    def add(self, added: counts.Counts) -> None:
        for name, count in added.items():
            self.database.run(
                "INSERT INTO counts VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET count = count + excluded.count",
                name,
                count,
            )

    # Marks

    def mark(self, id_: str, ending: str, kinds: counts.Counts) -> None:
        self._forget(id_)
        self.database.run("INSERT INTO marks VALUES (?, ?, ?)", id_, ending, json.dumps(kinds))
        self.add(kinds)

    def marked(self, ids: Sequence[str]) -> dict[str, str]:
        places = ", ".join("?" * len(ids))
        # question marks only
        statement = f"SELECT id, ending FROM marks WHERE id IN ({places})"  # noqa: S608
        return dict(self.database.rows(statement, *ids))

    def unmark(self) -> None:
        self.database.run("DELETE FROM marks")
        self.database.run("DELETE FROM counts WHERE name GLOB ?", counts.KINDS_GLOB)

    def retry(self, rejects: Sequence[tuple[str, str, str, int]], reason: str) -> int:
        retried = 0
        for kind, id_, source, attempt in rejects:
            there = self.attempt(kind, id_)
            if there > attempt:
                continue
            retried += 1
            statement = "INSERT OR REPLACE INTO retried VALUES (?, ?, ?)"
            self.database.run(statement, kind, id_, attempt + 1)
            self._forget(source)
            self.add({counts.reject(kind, reason): -1})
        refusal = f'{{"rejected":["{reason}",%'
        self.database.run(
            "DELETE FROM effects WHERE packed = 0 AND CAST(value AS TEXT) LIKE ?", refusal
        )
        return retried

    def attempt(self, kind: str, id_: str) -> int:
        statement = "SELECT attempt FROM retried WHERE kind = ? AND id = ?"
        return int(self.database.first(statement, kind, id_) or 0)

    def attached_run(self) -> AttachedRun | None:
        of_attached = self.database.rows_of_attached
        if not self.database.attached:
            return None
        return AttachedRun(
            settings=of_attached("SELECT value FROM meta WHERE name = 'settings'")[0][0],
            counts=dict(of_attached("SELECT name, count FROM counts")),
            rows=dict(of_attached("SELECT name, rows FROM files")),
            finished=of_attached("SELECT count(*) FROM marks")[0][0],
        )

    def size_bytes(self) -> int:
        pages, size = (
            self.database.first(f"PRAGMA {name}") for name in ("page_count", "page_size")
        )
        return int(pages) * int(size)

    def _forget(self, id_: str) -> None:
        """Takes a mark away, and what it has added to the report."""
        kinds = json.loads(self.database.first("SELECT kinds FROM marks WHERE id = ?", id_) or "{}")
        self.database.run("DELETE FROM marks WHERE id = ?", id_)
        self.add({name: -count for name, count in kinds.items()})
