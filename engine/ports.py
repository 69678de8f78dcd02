"""The journal around the two ports: a request is looked up by its content, and its result is
durable before use.

One flight per key: while a request is under way, whoever asks the same waits for its result.
"""

import asyncio
import hashlib
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import orjson

from engine import faults
from engine.journal import Journal, LeaseRow
from engine.spending import Lease, Spending
from engine.tickets import SOURCE, Withheld
from sandbox import Clock, Draws, Guest, Limits, Run, Sandbox, Trace
from stages.errors import Rejected, Unavailable
from stages.inference import ChatRequest, Model
from stages.records import Answer, Usage

PASSING = frozenset({"gave_up"})
"""Reasons of refusals that another try may turn out otherwise: not recorded."""


@dataclass(slots=True)
class Made:
    """A fresh result. counts: what it adds to the report; leases: those that it ends."""

    value: bytes
    counts: Mapping[str, int] = field(default_factory=dict)
    leases: Sequence[LeaseRow] = ()


@dataclass(frozen=True, slots=True)
class Awaited:
    """A model call that a run waits for. section: the model's name in the run file."""

    section: str
    role: str
    body: Mapping[str, Any]


@dataclass(slots=True)
class Effects:
    """Looks requests up before they are made, and records their results before they are used."""

    journal: Journal
    replay_only: bool = False
    """Model calls are not made; who needs one gets Withheld."""
    closed: str = ""
    """Why no further model call is made, if that is so; who needs one gets Unavailable."""
    awaited: dict[bytes, Awaited] | None = None
    """With replay_only: where the calls that were not made are gathered, by key, if anywhere."""
    most_awaited: int = 0
    made: int = 0
    replayed: int = 0
    withheld: int = 0
    _flights: dict[bytes, tuple[str, asyncio.Future[bytes]]] = field(default_factory=dict)

    async def of(self, key: bytes, make: Callable[[], Awaitable[Made]]) -> bytes:
        """The result of a request by its key, made at most once."""
        source = SOURCE.get()
        while (found := self._flights.get(key)) is not None:
            asker, flight = found
            await asyncio.wait([flight])
            if not flight.cancelled() and flight.exception() is None:
                self.replayed += 1
                if asker != source:
                    await self.journal.effect(key, source)  # notes that another row needs it too
                return flight.result()
        flight = asyncio.get_running_loop().create_future()
        self._flights[key] = source, flight
        try:
            value = await self.journal.effect(key, source)
            if value is None:
                made = await make()
                value = made.value
                faults.strike_at("made")
                await self.journal.record(key, value, made.counts, source, made.leases)
                self.made += 1
            else:
                self.replayed += 1
            flight.set_result(value)
        finally:
            del self._flights[key]
            if not flight.done():
                flight.cancel()
        return value

    def withhold(self, key: bytes, section: str, role: str, body: Mapping[str, Any]) -> None:
        self.withheld += 1
        if self.awaited is not None and len(self.awaited) < self.most_awaited:
            self.awaited[key] = Awaited(section, role, dict(body))


def key_of(request: Any) -> bytes:
    """The key of a request: its content."""
    return hashlib.sha256(
        json.dumps(request, sort_keys=True).encode("utf-8", "surrogatepass")
    ).digest()


@dataclass(frozen=True, slots=True)
class JournalledModel:
    """A model whose answers, and final refusals, are recorded. section: its name in the run
    file."""

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
        body = self.model.body(request)
        key = key_of({"model": identity(request, body)})
        found = orjson.loads(await self.effects.of(key, lambda: self._made(key, request, body)))
        if "rejected" in found:
            raise Rejected(*found["rejected"])
        return Answer(**{**found["answer"], "usage": Usage(**found["answer"]["usage"])})

    async def _made(self, key: bytes, request: ChatRequest, body: Mapping[str, Any]) -> Made:
        """Makes the call, metered where there is a budget."""
        if self.effects.replay_only:
            self.effects.withhold(key, self.section, request.role, body)
            raise Withheld
        if self.effects.closed:
            raise Unavailable(self.effects.closed)
        if not self.spending.bounded:
            return await self._answered(request, None)
        lease = self.spending.lease(
            self.effects.journal, self.name, request.role, request.messages, most_tokens(body)
        )
        try:
            return await self._answered(replace(request, meter=lease), lease)
        finally:
            await lease.end()

    async def _answered(self, request: ChatRequest, lease: Lease | None) -> Made:
        try:
            answer = await self.model.complete(request)
        except Rejected as exc:
            if exc.reason in PASSING:
                raise
            return Made(refusal(exc), leases=lease.settled() if lease else ())
        return answered(answer, self.spending, self.name, request.role, lease)


def identity(request: ChatRequest, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an answer depends on: the body, with the seeds of all samples but the first."""
    if (
        request.seed == 0 == body.get("seed")
    ):  # the first is the same answer whether more are wanted or not
        return {name: value for name, value in body.items() if name != "seed"}
    return body


def most_tokens(body: Mapping[str, Any]) -> int:
    """The most that an answer to this body can have."""
    return int(body.get("max_completion_tokens") or body.get("max_tokens") or 0)


def refusal(exc: Rejected) -> bytes:
    return orjson.dumps({"rejected": [exc.reason, exc.detail]})


def answered(
    answer: Answer, spending: Spending, model: str, role: str, lease: Lease | None = None
) -> Made:
    """An answer as it is recorded, with its price."""
    usage = replace(answer.usage, usd=spending.usd_of(model, answer.usage))
    counts = spending.add(model, role, usage, lease.dearest if lease else None)
    value = orjson.dumps({"answer": asdict(replace(answer, usage=usage))})
    return Made(value, counts, lease.settled() if lease else ())


@dataclass(frozen=True, slots=True)
class JournalledSandbox:
    """A sandbox whose runs are recorded."""

    sandbox: Sandbox
    effects: Effects

    @property
    def guest(self) -> Guest:
        return self.sandbox.guest

    @property
    def isolation(self) -> str:
        return self.sandbox.isolation

    async def run(
        self,
        code: str,
        entrypoint: str,
        arguments: str | dict[str, Any],
        *,
        urgency: int = 0,
        limits: Limits | None = None,
        seed: int = 0,
        hash_seed: int = 0,
        trace: Trace | None = None,
        clock: Clock | None = None,
        salt: int = 0,
    ) -> Run:
        runs = await self.run_many(
            code,
            entrypoint,
            [arguments],
            urgency=urgency,
            limits=limits,
            seed=seed,
            hash_seed=hash_seed,
            trace=trace,
            clock=clock,
            salt=salt,
        )
        return runs[0]

    async def run_many(
        self,
        code: str,
        entrypoint: str,
        arguments: Sequence[str | dict[str, Any]],
        *,
        urgency: int = 0,
        limits: Limits | None = None,
        seed: int = 0,
        hash_seed: int = 0,
        trace: Trace | None = None,
        clock: Clock | None = None,
        salt: int = 0,
        total_cpu_s: float = math.inf,
        all_or_nothing: bool = False,
    ) -> list[Run]:
        async def make() -> Made:
            runs = await self.sandbox.run_many(
                code,
                entrypoint,
                arguments,
                urgency=urgency,
                limits=limits,
                seed=seed,
                hash_seed=hash_seed,
                trace=trace,
                clock=clock,
                salt=salt,
                total_cpu_s=total_cpu_s,
                all_or_nothing=all_or_nothing,
            )
            return Made(orjson.dumps([asdict(run) for run in runs]))

        request = {
            "run": [code, entrypoint, list(arguments)],
            "seeds": [seed, hash_seed],
            "trace": trace and asdict(trace),
            "clock": clock and asdict(clock),
            "salt": salt,
            "total_cpu_s": str(total_cpu_s),
            "all_or_nothing": all_or_nothing,
            **self._where(limits),
        }
        return [_run(row) for row in orjson.loads(await self.effects.of(key_of(request), make))]

    async def draw(
        self,
        code: str,
        entrypoint: str,
        *,
        calls: int,
        distinct: int,
        seed: int,
        value_bytes: int,
        cpu_s: float,
        urgency: int = 1,
        limits: Limits | None = None,
    ) -> Draws:
        async def make() -> Made:
            draws = await self.sandbox.draw(
                code,
                entrypoint,
                calls=calls,
                distinct=distinct,
                seed=seed,
                cpu_s=cpu_s,
                value_bytes=value_bytes,
                urgency=urgency,
                limits=limits,
            )
            return Made(orjson.dumps(asdict(draws)))

        request = {
            "draw": [code, entrypoint, calls, distinct, seed, value_bytes, cpu_s],
            **self._where(limits),
        }
        found = orjson.loads(await self.effects.of(key_of(request), make))
        texts = {name: tuple(found[name]) for name in ("values", "errors", "refused")}
        return Draws(**{**found, **texts, "run": _run(found["run"])})

    def _where(self, limits: Limits | None) -> dict[str, Any]:
        return {
            "limits": asdict(limits or self.sandbox.limits),
            "guest": self.guest.fingerprint(),
            "harness": self.sandbox.version,
        }


def _run(row: dict[str, Any]) -> Run:
    changes = tuple((int(line), str(name), str(text)) for line, name, text in row["changes"])
    texts = {name: tuple(row[name]) for name in ("coerced", "lines", "salted")}
    return Run(**{**row, **texts, "changes": changes})
