"""Money and tokens: what the whole folder's run has used, what is reserved, and the budget that is
never passed.

Counts stand in the journal, each in the transaction of the answer it was paid for, and so survive
kills. Where there is a budget, a lease over a request's dearest outcome is journalled before it is
sent. A lease that is left over from a killed process, and an attempt that broke off without usage,
count as spent at their dearest: so the provider's bill never passes the budget. Source: DESIGN,
money and weather.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.forecast import Forecast, Span
from engine.journal import Journal, LeaseRow
from engine.settings import LimitSettings, ModelSettings, Price
from stages.errors import Unavailable
from stages.records import Messages, Usage

SPENT = "spent|"
BATCHED = " (batch)"
"""What stands behind a model's name where its answers came from a batch file."""
FIELDS = (
    "calls",
    "estimated",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "lost_calls",
    "lost_input_tokens",
    "lost_output_tokens",
)
"""lost: of attempts that may have been billed and gave nothing, at their dearest."""
TEMPLATE_TOKENS = 64
MESSAGE_TOKENS = 16
"""What a chat template may add to a conversation, and to each of its messages; the rest has a token
a byte at most."""


@dataclass(slots=True)
class Spending:
    """models: prices by section; used: by (model, role), the sums of FIELDS."""

    models: Mapping[str, ModelSettings]
    limits: LimitSettings
    used: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    reserved: dict[str, Usage] = field(default_factory=dict)
    """By model: the dearest outcome of all that is under way."""
    forecast: Forecast = field(default_factory=Forecast)
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def bounded(self) -> bool:
        return bool(self.limits.budget_usd or self.limits.budget_tokens)

    def load(self, counts: Mapping[str, int]) -> None:
        """Takes up what earlier processes of this folder have used."""
        for name, count in counts.items():
            if name.startswith(SPENT):
                _, model, *role, what = name.split("|")  # schema 2 told no roles
                self._of(model, role[0] if role else "")[what] = count

    async def take_up(self, journal: Journal) -> None:
        """The same, with the leases that a killed process has left: they count as spent."""
        left = await journal.leases()
        lost: dict[str, int] = {}
        for lease in left:
            lost_now = _counts(
                lease.model,
                lease.role,
                {
                    "lost_calls": 1,
                    "lost_input_tokens": lease.input_tokens,
                    "lost_output_tokens": lease.output_tokens,
                },
            )
            for name, count in lost_now.items():
                lost[name] = lost.get(name, 0) + count
        await journal.end_leases(left, lost)
        self.load(await journal.counts())

    def price(self, model: str, usage: Usage) -> float:
        """USD of a call; its tokens, where no model has a price."""
        return (
            self.usd_of(model, usage) if self.priced else usage.input_tokens + usage.output_tokens
        )

    def add(
        self, model: str, role: str, usage: Usage, dearest: Usage | None = None
    ) -> dict[str, int]:
        """Counts one answer. Returns what the journal is to add. dearest: what it may have cost,
        where there is a budget; it counts where the server did not say."""
        made = {
            "calls": 1,
            "estimated": int(usage.estimated),
            "input_tokens": usage.input_tokens,
            "cached_tokens": usage.cached_tokens,
            "output_tokens": usage.output_tokens,
        }
        if dearest is not None and usage.estimated:
            made |= {
                "lost_input_tokens": max(0, dearest.input_tokens - usage.input_tokens),
                "lost_output_tokens": max(0, dearest.output_tokens - usage.output_tokens),
            }
        self.forecast.add(role, self.price(model, usage))
        return self._added(model, role, made)

    def add_lost(self, model: str, role: str, usage: Usage) -> dict[str, int]:
        """Counts an attempt that gave nothing and may have been billed."""
        return self._added(
            model,
            role,
            {
                "lost_calls": 1,
                "lost_input_tokens": usage.input_tokens,
                "lost_output_tokens": usage.output_tokens,
            },
        )

    def lease(
        self, journal: Journal, model: str, role: str, messages: Messages, most_tokens: int
    ) -> "Lease":
        """A meter for one request, of which an answer has at most so many tokens."""
        size = sum(len(message["content"].encode("utf-8", "surrogatepass")) for message in messages)
        dearest = Usage(size + MESSAGE_TOKENS * len(messages) + TEMPLATE_TOKENS, most_tokens)
        return Lease(self, journal, model, role, dearest)

    async def reserve(self, model: str, usage: Usage) -> None:
        """Waits until the budget holds what may be spent. Raises: Unavailable, when it does not and
        nothing that is under way can change that."""
        while why := self._lacking(model, usage):
            if not any(one.input_tokens + one.output_tokens for one in self.reserved.values()):
                raise Unavailable(why)
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
        self.reserved[model] = self.reserved.get(model, Usage()) + usage

    def release(self, model: str, usage: Usage) -> None:
        left = self.reserved[model]
        self.reserved[model] = Usage(
            left.input_tokens - usage.input_tokens, left.output_tokens - usage.output_tokens
        )
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def holds(self, usd: float, tokens: int) -> bool:
        """Whether the budget holds so much more than is spent."""
        limits = self.limits
        in_usd = not limits.budget_usd or self.usd + usd <= limits.budget_usd
        return in_usd and (not limits.budget_tokens or self.tokens + tokens <= limits.budget_tokens)

    def _lacking(self, model: str, usage: Usage) -> str:
        """Why the budget does not hold this as well, or ""."""
        limits = self.limits
        if limits.budget_tokens:
            held = sum(one.input_tokens + one.output_tokens for one in self.reserved.values())
            need = usage.input_tokens + usage.output_tokens
            if self.tokens + held + need > limits.budget_tokens:
                return (
                    f"limits.budget_tokens: {self.tokens} of {limits.budget_tokens} tokens are used, and the next "
                    f"call may take {need}; raise it and give the same command to go on"
                )
        if limits.budget_usd:
            need_usd = self.usd_of(model, usage)
            if self.usd + self.reserved_usd + need_usd > limits.budget_usd:
                return (
                    f"limits.budget_usd: {self.usd:.4f} of {limits.budget_usd:g} USD are spent, and the next call "
                    f"may cost {need_usd:.4f}; raise it and give the same command to go on"
                )
        return ""

    def usd_of(self, model: str, usage: Usage) -> float:
        """What so many tokens cost at this model; a cached one counts as dear as any where it is
        not cheaper."""
        price = self._prices().get(_plain(model), Price())
        fresh = usage.input_tokens - usage.cached_tokens
        usd = (
            fresh * price.input
            + usage.cached_tokens * price.cached_input
            + usage.output_tokens * price.output
        )
        return usd / 1e6

    @property
    def priced(self) -> bool:
        return any(price.input or price.output for price in self._prices().values())

    @property
    def reserved_usd(self) -> float:
        return sum(self.usd_of(model, usage) for model, usage in self.reserved.items())

    @property
    def tokens(self) -> int:
        return sum(
            used["input_tokens"]
            + used["output_tokens"]
            + used["lost_input_tokens"]
            + used["lost_output_tokens"]
            for used in self.used.values()
        )

    @property
    def usd(self) -> float:
        return sum(self._usd(model, used) for (model, _), used in self.used.items())

    def roles(self) -> dict[str, dict[str, Any]]:
        """What each part of the work has used."""
        found: dict[str, dict[str, Any]] = {}
        for (model, role), used in sorted(self.used.items()):
            row = found.setdefault(role, {"usd": 0.0, **dict.fromkeys(FIELDS, 0)})
            row["usd"] = round(row["usd"] + self._usd(model, used), 6)
            for what in FIELDS:
                row[what] += used[what]
        for row in found.values():
            row["tokens"] = sum(
                row[what] for what in FIELDS if what.endswith(("input_tokens", "output_tokens"))
            )
        return found

    def foretold(
        self, rows: int | None, kinds: Mapping[str, int], samples: int
    ) -> dict[str, Span] | None:
        """What the run will have cost in the end, by role and, as "", in all: USD, or tokens where
        nothing has a price."""
        return self.forecast.of(
            rows, kinds, self.roles(), "usd" if self.priced else "tokens", samples
        )

    def row(self) -> dict[str, Any]:
        models: dict[str, dict[str, int]] = {}
        for (model, _), used in sorted(self.used.items()):
            row = models.setdefault(model, dict.fromkeys(FIELDS, 0))
            for what in FIELDS:
                row[what] += used[what]
        return {
            "usd": round(self.usd, 6),
            "tokens": self.tokens,
            "reserved_usd": round(self.reserved_usd, 6),
            "models": models,
            "roles": self.roles(),
        }

    def _usd(self, model: str, used: Mapping[str, int]) -> float:
        usage = Usage(
            used["input_tokens"] + used["lost_input_tokens"],
            used["output_tokens"] + used["lost_output_tokens"],
            used["cached_tokens"],
        )
        return self.usd_of(model, usage)

    def _prices(self) -> dict[str, Price]:
        prices = {}
        for settings in self.models.values():
            name, price = _plain(settings.model or "simulated"), settings.price
            prices[name] = price
            share = {
                what: getattr(price, what) * price.batch
                for what in ("input", "cached_input", "output")
            }
            prices[name + BATCHED] = price.model_copy(update=share)
        return prices

    def _of(self, model: str, role: str) -> dict[str, int]:
        return self.used.setdefault((_plain(model), role), dict.fromkeys(FIELDS, 0))

    def _added(self, model: str, role: str, made: Mapping[str, int]) -> dict[str, int]:
        used = self._of(model, role)
        for what, count in made.items():
            used[what] += count
        return _counts(model, role, made)


def _counts(model: str, role: str, made: Mapping[str, int]) -> dict[str, int]:
    return {f"{SPENT}{_plain(model)}|{role}|{what}": count for what, count in made.items() if count}


def _plain(model: str) -> str:
    """A model's name as it stands in the names of counts, whose parts a bar keeps apart."""
    return model.replace("|", "/")


@dataclass(slots=True)
class Lease:
    """The meter of one request: what is under way of it is reserved, and journalled before it is
    sent.

    dearest: the most that one attempt can be billed. outstanding: attempts whose price is not known
    yet.
    """

    spending: Spending
    journal: Journal
    model: str
    role: str
    dearest: Usage
    outstanding: int = 0
    id: bytes = field(default_factory=lambda: secrets.token_bytes(8))
    _journalled: int = 0

    async def sending(self) -> None:
        await self.spending.reserve(self.model, self.dearest)
        self.outstanding += 1
        if self.outstanding > self._journalled:
            await self._journal({})

    def unpaid(self) -> None:
        self.outstanding -= 1
        self.spending.release(self.model, self.dearest)

    async def wasted(self, usage: Usage | None) -> None:
        counts = self.spending.add_lost(self.model, self.role, usage or self.dearest)
        self.unpaid()
        await self._journal(counts)

    def settled(self) -> Sequence[LeaseRow]:
        """To be called with the answer: gives back what is reserved. Returns what the journal is to
        end."""
        while self.outstanding:
            self.unpaid()
        row, self._journalled = self._row(), 0
        return [row]

    async def end(self) -> None:
        """To be called when the request has ended, however it did. What is still under way may be
        billed, and counts: its lease stays in the journal, where the next process finds it."""
        if self.outstanding:
            while self.outstanding:
                self.spending.add_lost(self.model, self.role, self.dearest)
                self.unpaid()
        elif self._journalled:
            await self.journal.end_leases([self._row()], {})

    async def _journal(self, counts: Mapping[str, int]) -> None:
        self._journalled = self.outstanding
        await self.journal.lease(self._row(), counts)

    def _row(self) -> LeaseRow:
        return LeaseRow(
            self.id,
            self.model,
            self.role,
            self.dearest.input_tokens * self._journalled,
            self.dearest.output_tokens * self._journalled,
        )
