"""One row of the user's source: its fields, or what is wrong with it."""

from dataclasses import dataclass
from typing import Any, Self

ROW_BYTES = 32 << 20
"""A longer line or file is a reject. Nothing of it is held in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """A row as it was read.

    fields: None where the row is bad. line: from 1. size_bytes: as read. reason, detail: what is
    wrong with a bad row.
    """

    file: str
    line: int
    fields: dict[str, Any] | None
    size_bytes: int = 0
    reason: str = ""
    detail: str = ""

    @classmethod
    def bad(cls, file: str, line: int, reason: str, detail: str, size_bytes: int = 0) -> Self:
        """A row that cannot be read. reason: the name under which its reject is counted."""
        return cls(
            file=file,
            line=line,
            fields=None,
            size_bytes=size_bytes,
            reason=reason,
            detail=detail,
        )
