"""The run's files, written through the journal: a row is committed there first, and then appended
by one writer.

So a file can lack its last rows after a kill, but never holds half a row or a row twice; opening
appends what is missing from the known offset. Nothing is ever truncated, searched or made again.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.errors import BadInput, Full
from engine.journal import faults
from engine.journal.database import Database

KEPT_BYTES = 4 << 20
"""Bytes of appended rows after which the files are synced and the rows' bytes leave the outbox."""


class Outbox:
    """Runs in the journal's thread: `emit` inside a transaction, `append` after its commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._folder = database.folder
        self._descriptors: dict[str, int] = {}
        self._unsynced = 0
        self._pending: dict[str, list[bytes]] = {}

    def recover(self) -> None:
        """Appends to the files what was committed and not yet written when the last run ended.
        Raises: BadInput."""
        if self._folder is None:
            return
        for name, known in self._database.table("SELECT name, bytes FROM files").items():
            missing = self._missing(self._folder / f"{name}.jsonl", name, known)
            if missing:
                self._pending[name] = missing
        self.append()

    def _missing(self, path: Path, name: str, known: int) -> list[bytes]:
        there = path.stat().st_size if path.exists() else 0
        if there > known:
            raise BadInput(
                f"{path}: it has {there} bytes where the journal wrote {known}; something else wrote to it"
            )
        missing: list[bytes] = []
        for offset, line in self._database.rows(
            "SELECT offset, line FROM outbox WHERE file = ? ORDER BY offset", name
        ):
            if offset + len(line) > there:
                missing.append(line[max(0, there - offset) :])
        if there + sum(map(len, missing)) != known:
            raise BadInput(
                f"{path}: it has lost bytes that were safely written: {there} of {known} are there"
            )
        return missing

    def emit(
        self, file: str, id_: str, content: Mapping[str, Any], most: int = 0
    ) -> tuple[int, bool]:
        """Puts a row in line, once for each id. Returns its line number, from 0, and whether it is
        new.

        most: rows that the file may have (0: any number). Raises: Full.
        """
        there = self._database.first("SELECT row FROM emitted WHERE file = ? AND id = ?", file, id_)
        if there is not None:
            return int(there), False
        known = self._database.rows("SELECT rows, bytes FROM files WHERE name = ?", file)
        row, offset = known[0] if known else (0, 0)
        if 0 < most <= row:
            raise Full(most)
        self._database.run("INSERT INTO emitted VALUES (?, ?, ?)", file, id_, row)
        if self._folder is not None:
            line = line_of(content, row)
            self._database.run("INSERT INTO outbox VALUES (?, ?, ?)", file, offset, line)
            self._pending.setdefault(file, []).append(line)
            offset += len(line)
        self._database.run("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", file, row + 1, offset)
        return int(row), True

    def append(self) -> None:
        """Writes the committed rows to their files, whole rows in one write each batch. Raises:
        OSError."""
        for name, lines in self._pending.items():
            view = memoryview(b"".join(lines))
            self._unsynced += len(view)
            if faults.reached("append"):
                os.write(self._descriptor(name), view[: len(view) // 2])
                faults.strike()
            while view:
                view = view[os.write(self._descriptor(name), view) :]
        self._pending.clear()
        if self._unsynced > KEPT_BYTES:
            self.sync()

    def _descriptor(self, name: str) -> int:
        assert self._folder is not None
        if name not in self._descriptors:
            path = self._folder / f"{name}.jsonl"
            self._descriptors[name] = os.open(
                path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
            )
        return self._descriptors[name]

    def sync(self) -> None:
        for descriptor in self._descriptors.values():
            os.fsync(descriptor)
        self._database.run("DELETE FROM outbox")
        self._unsynced = 0

    def in_place(self) -> bool:
        """Whether the files are still those that were opened: not deleted, moved or replaced."""
        if self._folder is None:
            return True
        with suppress(OSError):
            return all(
                os.path.samestat(os.fstat(fd), (self._folder / f"{name}.jsonl").stat())
                for name, fd in self._descriptors.items()
            )
        return False

    def close(self) -> None:
        for descriptor in self._descriptors.values():
            with suppress(OSError):
                os.close(descriptor)


def line_of(content: Mapping[str, Any], row: int) -> bytes:
    """One line of JSONL. A field `index` of None becomes the row's own line number."""
    if content.get("index", 0) is None:
        content = {**content, "index": row}
    try:
        return json.dumps(content, ensure_ascii=False).encode() + b"\n"
    except (
        UnicodeEncodeError
    ):  # a lone surrogate from somebody's file: escaped, it is at least valid JSON
        return json.dumps(content).encode() + b"\n"
