"""What a stage returns besides records: the four outcomes that the flow itself handles."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """The end of a record, with its reason.

    kind: what ended. A `draw` stands for all inputs of one program that gave no pair.
    reason: one word, by which rejects are counted.
    detail: a text for a person.
    attempt: counts how often the same record was rejected, from 1.
    more: further fields of its line in rejects.jsonl.
    """

    id: str
    kind: Literal["file", "program", "question", "sample", "draw"]
    reason: str
    detail: str = ""
    attempt: int = 1
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Later:
    """A record that goes to the same stage once more, when nothing else is left to do."""

    record: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A finished row for one of the run's files.

    file: the name of the file without its suffix. counts: what the row adds to the report.
    """

    file: str
    id: str
    content: Mapping[str, Any]
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts for the report without a row. Each id is counted once, however often it comes."""

    id: str
    counts: Mapping[str, int]
