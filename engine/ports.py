"""The journal around the two ports: a request is looked up by its content, and its result is durable before use.

One flight per key: while a request is under way, whoever asks the same waits for its result.
"""

import asyncio
import hashlib
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from engine import faults
from engine.journal import Journal
from engine.spending import Spending
from engine.tickets import SOURCE, Withheld
from sandbox import Clock, Draws, Guest, Limits, Run, Sandbox, Trace
from stages.errors import Rejected
from stages.inference import ChatRequest, Model
from stages.records import Answer, Usage

PASSING = frozenset({"gave_up"})
"""Reasons of refusals that another try may turn out otherwise: not recorded."""


@dataclass(slots=True)
class Effects:
    """Looks requests up before they are made, and records their results before they are used."""

    journal: Journal
    replay_only: bool = False
    """Model calls are not made; who needs one gets Withheld."""
    made: int = 0
    replayed: int = 0
    withheld: int = 0
    _flights: dict[bytes, tuple[str, asyncio.Future[bytes]]] = field(default_factory=dict)

    async def of(self, request: Any, make: Callable[[], Awaitable[tuple[bytes, Mapping[str, int]]]]) -> bytes:
        """The result of a request, made at most once; `make` gives it with what it adds to the report's counts."""
        key = hashlib.sha256(json.dumps(request, sort_keys=True).encode("utf-8", "surrogatepass")).digest()
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
                value, counts = await make()
                faults.strike_at("made")
                await self.journal.record(key, value, counts, source)
                self.made += 1
            else:
                self.replayed += 1
            flight.set_result(value)
        finally:
            del self._flights[key]
            if not flight.done():
                flight.cancel()
        return value


@dataclass(frozen=True, slots=True)
class JournalledModel:
    """A model whose answers, and final refusals, are recorded."""

    model: Model
    effects: Effects
    spending: Spending

    @property
    def name(self) -> str:
        return self.model.name

    def body(self, request: ChatRequest) -> dict[str, Any]:
        return self.model.body(request)

    async def complete(self, request: ChatRequest) -> Answer:
        async def make() -> tuple[bytes, Mapping[str, int]]:
            if self.effects.replay_only:
                self.effects.withheld += 1
                raise Withheld
            self.spending.check()
            try:
                answer = await self.model.complete(request)
            except Rejected as exc:
                if exc.reason in PASSING:
                    raise
                return orjson.dumps({"rejected": [exc.reason, exc.detail]}), {}
            return orjson.dumps({"answer": asdict(answer)}), self.spending.add(self.model.name, answer.usage)

        body = self.model.body(request)
        if request.seed == 0 == body.get("seed"):
            del body["seed"]  # the first sample is the same answer whether more are wanted or not
        found = orjson.loads(await self.effects.of({"model": body}, make))
        if "rejected" in found:
            raise Rejected(*found["rejected"])
        return Answer(**{**found["answer"], "usage": Usage(**found["answer"]["usage"])})


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

    async def run(self, code: str, entrypoint: str, arguments: str | dict[str, Any], *, urgency: int = 0,
                  limits: Limits | None = None, seed: int = 0, hash_seed: int = 0,
                  trace: Trace | None = None, clock: Clock | None = None) -> Run:  # fmt: skip
        runs = await self.run_many(code, entrypoint, [arguments], urgency=urgency, limits=limits, seed=seed,
                                   hash_seed=hash_seed, trace=trace, clock=clock)  # fmt: skip
        return runs[0]

    async def run_many(self, code: str, entrypoint: str, arguments: Sequence[str | dict[str, Any]], *,
                       urgency: int = 0, limits: Limits | None = None, seed: int = 0, hash_seed: int = 0,
                       trace: Trace | None = None, clock: Clock | None = None,
                       total_cpu_s: float = math.inf) -> list[Run]:  # fmt: skip
        async def make() -> tuple[bytes, Mapping[str, int]]:
            runs = await self.sandbox.run_many(code, entrypoint, arguments, urgency=urgency, limits=limits, seed=seed,
                                               hash_seed=hash_seed, trace=trace, clock=clock,
                                               total_cpu_s=total_cpu_s)  # fmt: skip
            return orjson.dumps([asdict(run) for run in runs]), {}

        request = {
            "run": [code, entrypoint, list(arguments)], "seeds": [seed, hash_seed],
            "trace": trace and asdict(trace), "clock": clock and asdict(clock), "total_cpu_s": str(total_cpu_s), **self._where(limits),
        }  # fmt: skip
        return [_run(row) for row in orjson.loads(await self.effects.of(request, make))]

    async def draw(self, code: str, entrypoint: str, *, calls: int, distinct: int, seed: int, value_bytes: int,
                   cpu_s: float, urgency: int = 1, limits: Limits | None = None) -> Draws:  # fmt: skip
        async def make() -> tuple[bytes, Mapping[str, int]]:
            draws = await self.sandbox.draw(code, entrypoint, calls=calls, distinct=distinct, seed=seed, cpu_s=cpu_s,
                                            value_bytes=value_bytes, urgency=urgency, limits=limits)  # fmt: skip
            return orjson.dumps(asdict(draws)), {}

        request = {"draw": [code, entrypoint, calls, distinct, seed, value_bytes, cpu_s], **self._where(limits)}
        found = orjson.loads(await self.effects.of(request, make))
        texts = {name: tuple(found[name]) for name in ("values", "errors", "refused")}
        return Draws(**{**found, **texts, "run": _run(found["run"])})

    def _where(self, limits: Limits | None) -> dict[str, Any]:
        return {"limits": asdict(limits or self.sandbox.limits), "guest": self.guest.fingerprint(),
                "harness": self.sandbox.version}  # fmt: skip


def _run(row: dict[str, Any]) -> Run:
    changes = tuple((int(line), str(name), str(text)) for line, name, text in row["changes"])
    return Run(**{**row, "coerced": tuple(row["coerced"]), "lines": tuple(row["lines"]), "changes": changes})
