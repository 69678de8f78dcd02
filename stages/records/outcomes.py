"""What a stage returns besides records: the four outcomes that the flow itself knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """The end of a record, with its reason. kind `draw`: all inputs of one program that gave no
    pair, in one line."""

    id: str
    kind: Literal["file", "program", "question", "sample", "draw"]
    reason: str
    detail: str = ""
    attempt: int = 1
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Later:
    """A record that goes to the same stage once more when nothing else is left to do."""

    record: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A finished row for one of the run's files. counts: what it adds to the report, by name."""

    file: str
    id: str
    content: Mapping[str, Any]
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tally:
    """Nothing but counts for the report, once for each id."""

    id: str
    counts: Mapping[str, int]
