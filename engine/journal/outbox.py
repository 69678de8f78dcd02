"""The run's files, written through the journal: a row is committed there first, then appended.

There is one writer. After a kill a file may lack its last rows, or the end of one. Opening appends
what is missing, from the offset at which the file ends. So no row is lost, and none stands there
twice. Nothing is ever truncated, searched or made again.
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
        """Appends to the files what was committed, but not written, when the last run ended.

        Raises: BadInput, where a file is not as the journal knows it. OSError.
        """
        if self._folder is None:
            return
        for name, known in self._database.table("SELECT name, bytes FROM files").items():
            missing = self._missing(self._folder / f"{name}.jsonl", name, known)
            if missing:
                self._pending[name] = missing
        self.append()

    def _missing(self, path: Path, name: str, known: int) -> list[bytes]:
        """The lines that a file of `known` bytes lacks. The first may be the rest of a line."""
        # Files are only appended to, in the order of the commits. So a file's size alone says how
        # far it was written. The outbox holds, by offset, all that may be missing.
        there = path.stat().st_size if path.exists() else 0
        if there > known:
            raise BadInput(
                f"{path}: it has {there} bytes where the journal wrote {known}; something else "
                "wrote to it"
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
        """Puts a row into the outbox, once for each id.

        most: rows that the file may have (0: any number). Returns the row's line number, from 0,
        and whether it is new.
        Raises: Full.
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
        """Writes the committed rows to their files, each batch in one write. Raises: OSError."""
        for name, lines in self._pending.items():
            view = memoryview(b"".join(lines))
            self._unsynced += len(view)
            if faults.reached("append"):
                os.write(self._descriptor(name), view[: len(view) // 2])
                faults.strike()
            while view:  # a write may take less than it is given
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
        """Syncs the files, and then empties the outbox. Raises: OSError."""
        # Until a file is synced, only the outbox's copy of its rows survives a power cut.
        for descriptor in self._descriptors.values():
            os.fsync(descriptor)
        self._database.run("DELETE FROM outbox")
        self._unsynced = 0

    def in_place(self) -> bool:
        """Whether the files are still those that were opened: not deleted, moved or replaced."""
        # Appending to a deleted file succeeds without an error, and its rows would be lost.
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
    except UnicodeEncodeError:
        # A source file may hold a lone surrogate. Escaped, it is valid JSON.
        return json.dumps(content).encode() + b"\n"
