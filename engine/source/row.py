"""One row of the user's source: its fields, or what is wrong with it."""

from dataclasses import dataclass
from typing import Any, Self

ROW_BYTES = 32 << 20
"""A longer line or file is a reject; nothing of it is held in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """fields: of the row, None where it is bad. line: from 1. size_bytes: as read."""

    file: str
    line: int
    fields: dict[str, Any] | None
    size_bytes: int = 0
    reason: str = ""
    detail: str = ""

    @classmethod
    def bad(cls, file: str, line: int, reason: str, detail: str, size_bytes: int = 0) -> Self:
        """A row that cannot be read. reason: one word of the funnel."""
        return cls(
            file=file,
            line=line,
            fields=None,
            size_bytes=size_bytes,
            reason=reason,
            detail=detail,
        )
