"""What a run will have cost in the end, with an interval: from what its records have cost so far,
by part of the work.

Each part's total is the product of what is known about it: source rows, questions a row, calls a
question, the price of a call. Each factor is taken over the records that have come that far, so
that those which end early (a decline costs one call) do not stand for the others. The interval is
two standard errors of the product, by the delta method.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PACKED = (".gz", ".zst", ".parquet")
KNOWN = 5
"""Source rows that must have become programs or rejects before anything is foretold."""
SIGMAS = 2.0


@dataclass(slots=True)
class Extent:
    """How much source there is: known once it has been read, and before that by the share of bytes
    that was."""

    most: int = 0
    """Rows that are taken at most; 0: all."""
    total_bytes: int | None = None
    rows: int = 0
    bytes: int = 0
    whole: bool = False

    def look(self, files: list[Path]) -> None:
        if not any(file.name.endswith(PACKED) for file in files):
            self.total_bytes = sum(file.stat().st_size for file in files)

    def seen(self, size_bytes: int) -> None:
        self.rows += 1
        self.bytes += size_bytes

    @property
    def expected(self) -> int | None:
        """Source rows in all, about; None where that cannot be told."""
        rows: int | None = None
        if self.whole:
            rows = self.rows
        elif self.total_bytes is not None and self.bytes:
            rows = max(self.rows, round(self.rows * self.total_bytes / self.bytes))
        if self.most:
            return min(self.most, rows) if rows is not None else self.most
        return rows


@dataclass(slots=True)
class Calls:
    """The prices of calls of one part of the work, in one unit."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, price: float) -> None:
        self.count += 1
        self.total += price
        self.squares += price * price

    @property
    def spread(self) -> float:
        """The squared coefficient of variation of a call's price."""
        if self.count < 2 or not self.total:
            return 1.0
        mean = self.total / self.count
        return max(0.0, self.squares / self.count / mean**2 - 1.0)


@dataclass(frozen=True, slots=True)
class Span:
    """What something will have cost: at least, about, at most, with about 95 % certainty."""

    least: float
    about: float
    most: float

    def row(self) -> dict[str, float]:
        return {name: round(getattr(self, name), 6) for name in ("least", "about", "most")}


@dataclass(slots=True)
class Forecast:
    """calls: by part of the work, of this process."""

    calls: dict[str, Calls] = field(default_factory=dict)

    def add(self, role: str, price: float) -> None:
        self.calls.setdefault(role, Calls()).add(price)

    def of(
        self,
        rows: int | None,
        kinds: Mapping[str, int],
        used: Mapping[str, Mapping[str, Any]],
        spent: str,
        samples: int,
    ) -> dict[str, Span] | None:
        """The span of each part and, as "", of all; None where too little is known.

        rows: source rows in all. kinds: `Conservation.table` of the folder. used: by part, its
        calls and what they cost, under the name `spent`. samples: answers wanted of each question.
        """
        files = Counter(kinds)["kinds.file.finished"] + Counter(kinds)["kinds.file.rejected"]
        questions = Counter(kinds)["kinds.question.read"]
        if rows is None or files < KNOWN:
            return None
        firsts = used.get("inference", {}).get("calls", 0)
        found: dict[str, Span] = {}
        total, variance = 0.0, 0.0
        for role, figures in used.items():
            count, cost = figures["calls"], float(figures[spent])
            if not count or not cost:
                continue
            price = cost / count
            spread = self.calls[role].spread if role in self.calls else 1.0
            error = spread * (1 / count)
            if role == "transform":
                expected = max(rows, files) * count / files
                error += 0.25 * (1 / files + 1 / rows)
            else:
                expected = max(rows, files) * questions / files * samples
                # questions a row: none of some, several of the others
                error += (1.0 + 1.0 / max(questions / files / 6, 0.05)) * (1 / files + 1 / rows)
                if role == "revision" and firsts:
                    share = min(1.0, count / firsts)
                    expected *= share
                    error += 2 * (1 - share) / count
            error += spread / max(expected, 1.0)
            about = max(cost, expected * price)
            found[role] = _span(about, error, cost)
            total += about
            variance += error * about**2
        spent_now = sum(float(figures[spent]) for figures in used.values())
        found[""] = _span(total, variance / total**2 if total else 0.0, spent_now)
        return found


def _span(about: float, error: float, spent: float) -> Span:
    """error: the squared relative standard error. Not below what is spent already."""
    factor = math.exp(SIGMAS * math.sqrt(error))
    return Span(max(spent, about / factor), about, about * factor)
