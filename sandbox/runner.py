"""What callers need of a sandbox, whichever backend or wrapper implements it."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from sandbox.records import Clock, Drawing, Draws, Guest, Job, Limits, Run, Trace


class Runner(ABC):
    """Runs calls of untrusted code. `Sandbox` does so, and a wrapper may record or fake it."""

    @property
    @abstractmethod
    def guest(self) -> Guest:
        """The interpreter that runs jobs."""

    @property
    @abstractmethod
    def isolation(self) -> str:
        """The level of isolation in force, by name."""

    @abstractmethod
    async def run_many(self, job: Job, *, urgency: int = 0) -> list[Run]:
        """One Run for each of the job's arguments, in order.

        The code is loaded once for all calls. A call that ends its process leaves the others alone:
        they are made in a new one.

        urgency: a number, of which the lowest goes first.
        Raises: JobRefused, SandboxError.
        """

    @abstractmethod
    async def draw(self, drawing: Drawing, *, urgency: int = 0) -> Draws:
        """Draws values from a generator. Raises: JobRefused, SandboxError."""

    async def run(
        self,
        code: str,
        entrypoint: str,
        arguments: str | Mapping[str, Any],
        *,
        urgency: int = 0,
        limits: Limits | None = None,
        seed: int = 0,
        hash_seed: int = 0,
        clock: Clock | None = None,
        trace: Trace | None = None,
        salt: int = 0,
    ) -> Run:
        """One call of `entrypoint(**loads(arguments))`.

        arguments: a mapping, or JSON text of any value. `Job` describes the other parameters.
        Raises: JobRefused, SandboxError, and ValueError for an unknown hash_seed.
        """
        job = Job(
            code=code,
            entrypoint=entrypoint,
            arguments=(arguments if isinstance(arguments, str) else json.dumps(arguments),),
            limits=limits,
            seed=seed,
            hash_seed=hash_seed,
            clock=clock,
            trace=trace,
            salt=salt,
        )
        return (await self.run_many(job, urgency=urgency))[0]
