"""The seam: what callers need of a sandbox, whichever backend or wrapper stands behind it."""

import math
from collections.abc import Sequence
from typing import Any, Protocol

from sandbox.records import Clock, Draws, Guest, Limits, Run, Trace


class Runner(Protocol):
    """Runs calls of untrusted code; see `Sandbox` for what each method promises."""

    @property
    def guest(self) -> Guest: ...

    @property
    def isolation(self) -> str: ...

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
    ) -> Run: ...

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
    ) -> list[Run]: ...

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
    ) -> Draws: ...
