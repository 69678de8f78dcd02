"""A sandbox that runs nothing: it gives the runs that were set, and keeps what was asked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox import Clock, Draws, Guest, Limits, Run, Trace

GUEST = Guest(
    python="/usr/bin/python3",
    version="3.11.7",
    implementation="CPython",
    platform="linux-x86_64",
    path=(),
    packages=(),
)


@dataclass
class FakeRunner:
    """Gives the run that was set for an input; one without is what `others` says, or else a failed
    test."""

    runs: dict[str, Run] = field(default_factory=dict)
    check: Run = field(default_factory=lambda: Run(status="ok", value="true"))
    others: Run | None = None
    guest: Guest = GUEST
    asked: list[tuple[str, str, str, int]] = field(default_factory=list)

    @property
    def isolation(self) -> str:
        return "none"

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
        assert isinstance(arguments, str)
        self.asked.append((code, entrypoint, arguments, seed))
        if entrypoint == "input_check":
            return self.check
        return (
            self.runs[arguments] if self.others is None else self.runs.get(arguments, self.others)
        )

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
        return [await self.run(code, entrypoint, text, seed=seed) for text in arguments]

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
        raise AssertionError("nothing is drawn here")
