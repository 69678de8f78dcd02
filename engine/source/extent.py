"""How much source there is: the number of rows that a run will have taken."""

from dataclasses import dataclass
from pathlib import Path

PACKED = (".gz", ".zst", ".parquet")
"""Ends of the names of files whose size does not show how many rows they hold."""


@dataclass(slots=True, kw_only=True)
class Extent:
    """How much source there is: counted once it was read, before that estimated by bytes.

    total_bytes: of the files. None where some are compressed. rows, bytes: read so far. whole: the
    source was read to its end.
    """

    most: int = 0
    """Rows that are taken at most. 0: all."""
    total_bytes: int | None = None
    rows: int = 0
    bytes: int = 0
    whole: bool = False

    def look(self, files: list[Path]) -> None:
        """Adds up the sizes of the files, if they show how many rows there are."""
        if not any(file.name.endswith(PACKED) for file in files):
            self.total_bytes = sum(file.stat().st_size for file in files)

    def seen(self, size_bytes: int) -> None:
        """Counts a row that was read."""
        self.rows += 1
        self.bytes += size_bytes

    @property
    def expected(self) -> int | None:
        """Source rows in all, about. None where that is not known."""
        rows: int | None = None
        if self.whole:
            rows = self.rows
        elif self.total_bytes is not None and self.bytes:
            rows = max(self.rows, round(self.rows * self.total_bytes / self.bytes))
        if self.most:
            return min(self.most, rows) if rows is not None else self.most
        return rows
