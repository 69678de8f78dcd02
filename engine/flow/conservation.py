"""The equation of a run: read = finished + rejected + live, for each kind of record."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from stages.records import counts


@dataclass(slots=True)
class Conservation:
    """Counts by kind of record, for which the equation holds at every moment."""

    read: Counter[str] = field(default_factory=Counter)
    finished: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    def live(self, kind: str) -> int:
        return self.read[kind] - self.finished[kind] - self.rejected[kind]

    def opened(self, kind: str, *, rejected: bool = False) -> None:
        """Counts a record that came in from outside."""
        self.read[kind] += 1
        self.rejected[kind] += rejected

    def settled(self, kind: str, outcomes: Sequence[tuple[str, bool]]) -> None:
        """Counts one settled record of `kind`.

        outcomes: (kind, whether it is a reject) of each record that it gave.
        """
        for other, rejected in outcomes:
            if other != kind:
                self.read[other] += 1
                self.rejected[other] += rejected
        going_on = sum(name == kind and not rejected for name, rejected in outcomes)
        # The first outcome of its own kind is the record itself. The others are new records.
        self.read[kind] += max(0, going_on - 1)
        if not going_on:
            ended = self.rejected if (kind, True) in outcomes else self.finished
            ended[kind] += 1

    def table(self) -> dict[str, int]:
        """All counts that are not 0, by name."""
        named = (("read", self.read), ("finished", self.finished), ("rejected", self.rejected))
        return {
            counts.kind(kind, state): count
            for state, counter in named
            for kind, count in counter.items()
            if count
        }
