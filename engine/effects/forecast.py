"""What a run will have cost in the end, with an interval, by role.

Each role's total is a product: source rows, questions a row, calls a question, the price of a call.
Each factor is estimated from the records that have come that far. So records that end early, such
as a decline after one call, do not bias the later factors. The interval is two standard errors of
the product, by the delta method.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from stages.records import counts

KNOWN = 5
"""Source rows that must have become programs or rejects before anything is forecast."""
SIGMAS = 2.0
"""Standard errors on each side of the estimate: about 95 %."""
# Squared coefficients of variation. They were fitted to the recorded runs: one call a file, give or
# take its repairs, and questions that come six a program or not at all.
TRANSFORMS_PER_ROW = 0.25
QUESTIONS_PER_ROW = 1.0
QUESTIONS_OF_A_PROGRAM = 6
RAREST_PROGRAM = 0.05
REVISED_SHARE = 2.0


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

    def to_json(self) -> dict[str, float]:
        return {name: round(getattr(self, name), 6) for name in ("least", "about", "most")}


@dataclass(frozen=True, slots=True)
class Part:
    """What one role has used so far. cost: in the run's unit, USD or tokens."""

    calls: int
    cost: float


@dataclass(slots=True)
class Forecast:
    """Forecasts costs from the calls that were made.

    calls: the prices of calls, by role, of this process.
    """

    calls: dict[str, Calls] = field(default_factory=dict)

    def add(self, role: str, price: float) -> None:
        self.calls.setdefault(role, Calls()).add(price)

    def of(
        self, rows: int | None, kinds: counts.Counts, parts: Mapping[str, Part], answers: int
    ) -> dict[str, Span] | None:
        """The span of each role and, as "", of all. None where too little is known.

        rows: source rows in all. kinds: counts by kind of the folder. parts: what each role has
        used. answers: wanted of each question.
        """
        states = ("finished", "rejected")
        files = sum(kinds.get(counts.kind("file", state), 0) for state in states)
        if rows is None or files < KNOWN:
            return None
        progress = _Progress(
            rows=max(rows, files),
            files=files,
            questions=kinds.get(counts.kind("question", "read"), 0),
            answers=answers,
            firsts=parts["inference"].calls if "inference" in parts else 0,
        )
        found: dict[str, Span] = {}
        total, variance = 0.0, 0.0
        for role, part in parts.items():
            if not part.calls:
                total += (
                    part.cost
                )  # of lost attempts alone: it is spent, and says nothing of what comes
                continue
            if not part.cost:
                continue
            spread = self.calls[role].spread if role in self.calls else 1.0
            expected, error = progress.expected(role, part.calls)
            # The price of a call has two errors: of its mean so far, and of the calls to come.
            error += spread / part.calls + spread / max(expected, 1.0)
            about = max(part.cost, expected * part.cost / part.calls)
            found[role] = _span(about, error, part.cost)
            total += about
            variance += error * about**2  # taken as independent of the other roles
        spent = sum(part.cost for part in parts.values())
        found[""] = _span(total, variance / total**2 if total else 0.0, spent)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Progress:
    """How far a run is.

    files: source rows, of `rows`, that have become programs or rejects. questions: posed so far.
    answers: wanted of each question. firsts: first answers so far.
    """

    rows: int
    files: int
    questions: int
    answers: int
    firsts: int

    def expected(self, role: str, calls: int) -> tuple[float, float]:
        """How many calls of the role there will be, and the squared relative error of that."""
        sampling = 1 / self.files + 1 / self.rows
        if role == "transform":
            return self.rows * calls / self.files, TRANSFORMS_PER_ROW * sampling
        per_file = self.questions / self.files
        expected = self.rows * per_file * self.answers
        # Some rows give no questions and the others several. The rarer programs are, the larger is
        # the error.
        programs = max(per_file / QUESTIONS_OF_A_PROGRAM, RAREST_PROGRAM)
        error = (QUESTIONS_PER_ROW + 1.0 / programs) * sampling
        if role == "revision" and self.firsts:
            share = min(1.0, calls / self.firsts)
            return expected * share, error + REVISED_SHARE * (1 - share) / calls
        return expected, error


def _span(about: float, error: float, spent: float) -> Span:
    """The span of a cost. error: its squared relative standard error. spent: so far.

    The span does not begin below what is spent.
    """
    # The error is relative, so the bounds are factors: a cost cannot fall below zero.
    factor = math.exp(SIGMAS * math.sqrt(error))
    return Span(max(spent, about / factor), about, about * factor)
