"""The programs that rows of later formats than `parsed` are about, found by id or line number.

Not all of them are held in memory.
"""

from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import BadInput
from engine.source.lines import row_of
from stages.errors import Rejected
from stages.records import Program
from stages.rows.entries import Entry, parsed

HELD = 256
"""Programs that are kept in memory."""


class ProgramBook:
    """An index over the parsed files: the offset of each row, and of the ids in it."""

    def __init__(self, files: Sequence[Path], entry: Entry) -> None:
        """Reads the files once. Raises: BadInput."""
        self._entry = entry
        self._files = list(files)
        # Arrays, since a list of offsets would take about five times as much memory.
        self._places = array("Q")
        self._file_of = array("H")
        self._by_id: dict[str, int] = {}
        self._held: OrderedDict[int, Program] = OrderedDict()
        for number, path in enumerate(self._files):
            if path.suffix != ".jsonl":
                raise BadInput(
                    f"source.parsed: {path} must be plain .jsonl, since rows are looked up in it"
                )
            self._index(number, path)

    def _index(self, number: int, path: Path) -> None:
        offset = 0
        try:
            with path.open("rb") as file:
                for line in file:
                    found = row_of(line, str(path), 0).fields if line.strip() else None
                    if found is not None and isinstance(found.get("id"), str):
                        self._by_id.setdefault(found["id"], len(self._places))
                    if line.strip():
                        self._places.append(offset)
                        self._file_of.append(number)
                    offset += len(line)
        except OSError as exc:
            raise BadInput(f"source.parsed: {path} cannot be read: {exc.strerror}") from exc

    def of(self, row: Mapping[str, Any]) -> Program:
        """The program of a row: by its `program`, else by its `itemid`, a line number from 0.

        Raises: Rejected.
        """
        item = self._by_id.get(row["program"]) if isinstance(row.get("program"), str) else None
        if item is None:
            item = row.get("itemid")
            if (
                not isinstance(item, int)
                or isinstance(item, bool)
                or not 0 <= item < len(self._places)
            ):
                raise Rejected(
                    "no_program", f"source.parsed holds no program {row.get('program', item)!r}"
                )
        if item in self._held:
            self._held.move_to_end(item)
            return self._held[item]
        program = self._held[item] = self._read(item)
        if len(self._held) > HELD:
            self._held.popitem(last=False)
        return program

    def _read(self, item: int) -> Program:
        path = self._files[self._file_of[item]]
        with path.open("rb") as file:
            file.seek(self._places[item])
            raw = file.readline()
        found = row_of(raw, path.name, item + 1)
        if found.fields is None:
            raise Rejected(
                "no_program", f"source.parsed: row {item} of {path.name}: {found.detail}"
            )
        origin = self._entry.origin(
            found.fields, file=path.name, line=item + 1, index=item, occurrence=0
        )
        return parsed(found.fields, origin)
