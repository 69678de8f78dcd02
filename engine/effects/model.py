"""A model whose answers, and final refusals, are recorded."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from engine.effects.effects import Effects, FreshResult, PendingCall, key_of
from engine.effects.lease import Lease, worst_case
from engine.effects.spending import Spending
from engine.flow.context import Withheld
from stages.errors import Rejected, Unavailable
from stages.inference import ChatRequest, Model
from stages.records import Answer, Usage

PASSING = frozenset({"gave_up"})
"""Reasons of refusals that are not recorded, since another try may give an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalledModel:
    """A model whose answers, and final refusals, are recorded.

    section: its name in the run file.
    """

    section: str
    model: Model
    effects: Effects
    spending: Spending

    @property
    def name(self) -> str:
        return self.model.name

    def body(self, request: ChatRequest) -> dict[str, Any]:
        return self.model.body(request)

    async def complete(self, request: ChatRequest) -> Answer:
        """The recorded answer to a request, or a new one that is recorded.

        Raises: Rejected, Unavailable, Misconfigured, Withheld, MachineFailed.
        """
        body = self.model.body(request)
        key = key_of({"model": identity(request, body)})
        found = orjson.loads(await self.effects.of(key, lambda: self._made(key, request, body)))
        if "rejected" in found:
            raise Rejected(*found["rejected"])
        return Answer(**{**found["answer"], "usage": Usage(**found["answer"]["usage"])})

    async def _made(self, key: bytes, request: ChatRequest, body: Mapping[str, Any]) -> FreshResult:
        """Makes the call, metered where there is a budget."""
        if self.effects.replay_only:
            self.effects.withhold(key, PendingCall(self.section, request.role, dict(body)))
            raise Withheld
        if (why := self.effects.stop.why) is not None:
            raise Unavailable(str(why))
        if not self.spending.bounded:
            return await self._answered(request, None)
        lease = Lease(
            spending=self.spending,
            journal=self.effects.journal,
            model=self.name,
            role=request.role,
            worst_case=worst_case(request.messages, most_tokens(body)),
        )
        try:
            return await self._answered(replace(request, meter=lease), lease)
        finally:
            await lease.end()

    async def _answered(self, request: ChatRequest, lease: Lease | None) -> FreshResult:
        try:
            answer = await self.model.complete(request)
        except Rejected as exc:
            if exc.reason in PASSING:
                raise
            return FreshResult(refusal(exc), leases=lease.settled() if lease else ())
        return answered(answer, self.spending, self.name, request.role, lease)


def identity(request: ChatRequest, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an answer depends on: the body, with the seeds of all samples but the first."""
    if request.seed == 0 == body.get("seed"):  # the same answer, whether more are wanted or not
        return {name: value for name, value in body.items() if name != "seed"}
    return body


def most_tokens(body: Mapping[str, Any]) -> int:
    """The most that an answer to this body can have."""
    return int(body.get("max_completion_tokens") or body.get("max_tokens") or 0)


def refusal(exc: Rejected) -> bytes:
    """A refusal as it is recorded."""
    return orjson.dumps({"rejected": [exc.reason, exc.detail]})


def answered(
    answer: Answer, spending: Spending, model: str, role: str, lease: Lease | None = None
) -> FreshResult:
    """An answer as it is recorded, with its price."""
    usage = replace(answer.usage, usd=spending.prices.usd(model, answer.usage))
    counts = spending.add(model, role, usage, lease.worst_case if lease else None)
    value = orjson.dumps({"answer": asdict(replace(answer, usage=usage))})
    return FreshResult(value, counts, lease.settled() if lease else ())
