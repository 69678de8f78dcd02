"""Money and tokens: what the whole folder's run has used, what is reserved, and the hard budget.

Each count is journalled in the transaction of the answer that was paid for, and so survives kills.
Where there is a budget, a lease over a request's worst case is journalled before it is sent. A
lease that a killed process has left counts as spent at its worst case. So does an attempt that
broke off without usage. So the provider's bill never passes the budget.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from engine.config.settings import LimitSettings
from engine.effects.forecast import Forecast, Part, Span
from engine.effects.prices import Prices, plain
from engine.flow.signal import Signal
from engine.journal.journal import Journal
from stages.errors import Unavailable
from stages.records import Usage, counts


@dataclass(slots=True, kw_only=True)
class Used:
    """What a model has used in one role.

    estimated: calls whose server sent no usage. lost_*: of attempts that may have been billed and
    gave nothing, at their worst case.
    """

    calls: int = 0
    estimated: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    lost_calls: int = 0
    lost_input_tokens: int = 0
    lost_output_tokens: int = 0

    def add(self, other: "Used") -> None:
        for name in FIELDS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def tokens(self) -> int:
        return (
            self.input_tokens
            + self.output_tokens
            + self.lost_input_tokens
            + self.lost_output_tokens
        )

    @property
    def billed(self) -> Usage:
        """What counts as billed, the lost attempts included."""
        return Usage(
            input_tokens=self.input_tokens + self.lost_input_tokens,
            output_tokens=self.output_tokens + self.lost_output_tokens,
            cached_tokens=self.cached_tokens,
        )


FIELDS = tuple(one.name for one in fields(Used))
Spans = Mapping[str, Span]
"""A span by role, and that of all under ""."""


@dataclass(slots=True, kw_only=True)
class Spending:
    """What a run has spent and reserved, within its limits.

    used: by (model, role). reserved: by model, the worst case of all that is under way.
    """

    prices: Prices
    limits: LimitSettings
    used: dict[tuple[str, str], Used] = field(default_factory=dict)
    reserved: dict[str, Usage] = field(default_factory=dict)
    forecast: Forecast = field(default_factory=Forecast)
    _released: Signal = field(default_factory=Signal)

    @property
    def bounded(self) -> bool:
        """Whether there is a budget."""
        return bool(self.limits.budget_usd or self.limits.budget_tokens)

    async def resume(self, journal: Journal) -> None:
        """Loads what earlier processes of this folder have used.

        Leases that a killed process has left count as spent, since their requests may have been
        answered and billed.
        """
        left = await journal.leases()
        lost: dict[str, int] = {}
        for lease in left:
            used = Used(
                lost_calls=1,
                lost_input_tokens=lease.input_tokens,
                lost_output_tokens=lease.output_tokens,
            )
            for name, count in _counts(lease.model, lease.role, used).items():
                lost[name] = lost.get(name, 0) + count
        await journal.end_leases(left, lost)
        self.load(await journal.counts())

    def load(self, found: Mapping[str, int]) -> None:
        """Takes over what the counts of a journal say of models, by name."""
        for name, count in found.items():
            if (parts := counts.spent_parts(name)) is not None:
                model, role, what = parts
                setattr(self._of(model, role), what, count)

    def add(
        self, model: str, role: str, usage: Usage, worst_case: Usage | None = None
    ) -> dict[str, int]:
        """Counts one answer. Returns what the journal is to add.

        worst_case: what it may have cost, where there is a budget. It counts where the server did
        not say what it did cost.
        """
        made = Used(
            calls=1,
            estimated=int(usage.estimated),
            input_tokens=usage.input_tokens,
            cached_tokens=usage.cached_tokens,
            output_tokens=usage.output_tokens,
        )
        if worst_case is not None and usage.estimated:
            made.lost_input_tokens = max(0, worst_case.input_tokens - usage.input_tokens)
            made.lost_output_tokens = max(0, worst_case.output_tokens - usage.output_tokens)
        tokens = usage.input_tokens + usage.output_tokens
        self.forecast.add(role, self.prices.usd(model, usage) if self.prices.known else tokens)
        return self._added(model, role, made)

    def add_lost(self, model: str, role: str, usage: Usage) -> dict[str, int]:
        """Counts an attempt that gave nothing and may have been billed."""
        lost = Used(
            lost_calls=1,
            lost_input_tokens=usage.input_tokens,
            lost_output_tokens=usage.output_tokens,
        )
        return self._added(model, role, lost)

    async def reserve(self, model: str, usage: Usage) -> None:
        """Waits until the budget holds what may be spent.

        Raises: Unavailable, when it does not and nothing that is under way can change that.
        """
        # What is under way mostly costs less than its worst case, and then leaves room.
        while why := self._lacking(model, usage):
            if not any(one.input_tokens + one.output_tokens for one in self.reserved.values()):
                raise Unavailable(why)
            await self._released.wait()
        self.reserved[model] = self.reserved.get(model, Usage()) + usage

    def release(self, model: str, usage: Usage) -> None:
        """Gives a reservation back, and wakes all that wait for the budget."""
        left = self.reserved[model]
        self.reserved[model] = Usage(
            input_tokens=left.input_tokens - usage.input_tokens,
            output_tokens=left.output_tokens - usage.output_tokens,
        )
        self._released.notify()

    def holds(self, usd: float, tokens: int) -> bool:
        """Whether the budget holds so much more than is spent."""
        limits = self.limits
        in_usd = not limits.budget_usd or self.usd + usd <= limits.budget_usd
        return in_usd and (not limits.budget_tokens or self.tokens + tokens <= limits.budget_tokens)

    @property
    def reserved_usd(self) -> float:
        return sum(self.prices.usd(model, usage) for model, usage in self.reserved.items())

    @property
    def tokens(self) -> int:
        """All tokens that count as used, those of lost attempts included."""
        return sum(used.tokens for used in self.used.values())

    @property
    def usd(self) -> float:
        """What counts as spent at the prices of the run file, lost attempts included."""
        return sum(self.prices.usd(model, used.billed) for (model, _), used in self.used.items())

    def spans(self, rows: int | None, kinds: Mapping[str, int], answers: int) -> Spans | None:
        """What the run will have cost in the end: USD, or tokens where nothing has a price.

        rows: source rows in all, if known. kinds: counts by kind. answers: wanted of each question.
        """
        parts: dict[str, Part] = {}
        for (model, role), used in self.used.items():
            usd = self.prices.usd(model, used.billed)
            part = parts.get(role, Part(0, 0.0))
            cost = part.cost + (usd if self.prices.known else used.tokens)
            parts[role] = Part(part.calls + used.calls, cost)
        return self.forecast.of(rows, kinds, parts, answers)

    def to_json(self) -> dict[str, Any]:
        """What report.json says of it: in all, by model, and by role."""
        models: dict[str, Used] = {}
        roles: dict[str, tuple[Used, float]] = {}
        for (model, role), used in sorted(self.used.items()):
            models.setdefault(model, Used()).add(used)
            total, usd = roles.setdefault(role, (Used(), 0.0))
            total.add(used)
            roles[role] = total, round(usd + self.prices.usd(model, used.billed), 6)
        return {
            "usd": round(self.usd, 6),
            "tokens": self.tokens,
            "reserved_usd": round(self.reserved_usd, 6),
            "models": {model: asdict(used) for model, used in models.items()},
            "roles": {
                role: {"usd": usd, **asdict(used), "tokens": used.tokens}
                for role, (used, usd) in roles.items()
            },
        }

    def _lacking(self, model: str, usage: Usage) -> str:
        """Why the budget does not hold this as well, or ""."""
        limits = self.limits
        if limits.budget_tokens:
            held = sum(one.input_tokens + one.output_tokens for one in self.reserved.values())
            need = usage.input_tokens + usage.output_tokens
            if self.tokens + held + need > limits.budget_tokens:
                return (
                    f"limits.budget_tokens: {self.tokens} of {limits.budget_tokens} tokens are "
                    f"used, and the next call may take {need}; raise it and give the same command "
                    "to go on"
                )
        if limits.budget_usd:
            need_usd = self.prices.usd(model, usage)
            if self.usd + self.reserved_usd + need_usd > limits.budget_usd:
                return (
                    f"limits.budget_usd: {self.usd:.4f} of {limits.budget_usd:g} USD are spent, "
                    f"and the next call may cost {need_usd:.4f}; raise it and give the same "
                    "command to go on"
                )
        return ""

    def _of(self, model: str, role: str) -> Used:
        return self.used.setdefault((plain(model), role), Used())

    def _added(self, model: str, role: str, made: Used) -> dict[str, int]:
        self._of(model, role).add(made)
        return _counts(model, role, made)


def _counts(model: str, role: str, used: Used) -> dict[str, int]:
    """What the journal adds for it, by name."""
    found = ((name, getattr(used, name)) for name in FIELDS)
    return {counts.spent(plain(model), role, name): count for name, count in found if count}
