"""Where a record came from, and the version of every row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA = 2
"""The version of every row that this package writes.

Since version 2 the number of answers wanted of a question is named `wanted`, and not `samples`.
"""


OWN_FIELDS = frozenset({"id", "file", "line", "content_hash", "traits", "row"})
"""The names that Origin.to_json adds to a raw row's own fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a source row came from.

    id: a digest of its content. index: its number in the source, from 0. line: its number in its
    file, from 1. fields: all of the raw row but its code. content_hash: a digest of its code.
    """

    id: str
    file: str = ""
    line: int = 0
    index: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)
    content_hash: str = ""
    traits: tuple[str, ...] = ()
    """The traits by which yields are reported: `imports.<class>` and `bytes.<up to>`."""

    def to_json(self) -> dict[str, Any]:
        """The raw row's own fields, then ours. Raw fields that share a name of ours go to `row`."""
        kept = {name: value for name, value in self.fields.items() if name not in OWN_FIELDS}
        hidden = {name: value for name, value in self.fields.items() if name in OWN_FIELDS}
        own = {
            "id": self.id,
            "file": self.file,
            "line": self.line,
            "content_hash": self.content_hash,
            **({"traits": list(self.traits)} if self.traits else {}),
        }
        return {**kept, **own, **({"row": hidden} if hidden else {})}
