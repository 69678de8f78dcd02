"""What an audit has looked at, and what it found."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A row that does not reproduce. line: from 1."""

    file: str
    line: int
    id: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {self.id}  {self.what}"


@dataclass(slots=True, kw_only=True)
class Audit:
    """What an audit has looked at, and what it found.

    near_limit: rows that differ where a limit is near. They are counted, and not reported.
    """

    programs: int = 0
    pairs: int = 0
    rows: int = 0
    answers: int = 0
    near_limit: int = 0
    elsewhere: int = 0
    """Programs that another guest (Python, packages, platform) has generated."""
    findings: list[Finding] = field(default_factory=list)
