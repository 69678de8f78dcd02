"""The journal around the ports: what makes two requests the same, and who waits for whom."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.effects.effects import Effects, Made
from engine.effects.sandbox import JournalledSandbox
from engine.journal.journal import Journal
from sandbox import Clock, Guest, Limits, Run, Trace

USUAL: dict[str, Any] = {
    "code": "def f(n): return n",
    "entrypoint": "f",
    "arguments": ['{"n": 1}'],
    "seed": 1,
}


@dataclass
class Counted:
    """Stands for a sandbox: every run gives its own number."""

    guest: Guest = field(
        default_factory=lambda: Guest(
            python="python",
            version="3.11.1",
            implementation="CPython",
            platform="Linux",
            path=(),
            packages=("numpy==2.0",),
        )
    )
    limits: Limits = field(default_factory=Limits)
    version: int = 1
    runs: int = 0

    async def run_many(
        self, code: str, entrypoint: str, arguments: list[str], **_: object
    ) -> list[Run]:
        self.runs += 1
        return [Run(status="ok", value=str(self.runs)) for _ in arguments]


async def ask(port: JournalledSandbox, **changes: Any) -> str | None:
    return (await port.run_many(**{**USUAL, **changes}))[0].value


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "def f(n): return -n"},
        {"entrypoint": "g"},
        {"arguments": ['{"n": 2}']},
        {"seed": 2},
        {"hash_seed": 1},
        {"limits": Limits(cpu_s=1.0)},
        {"trace": Trace()},
        {"clock": Clock(86400.0)},
        {"total_cpu_s": 5.0},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_run_is_another_one_where_anything_differs_that_it_may_depend_on(
    changes: dict[str, Any],
) -> None:
    async with Journal(None) as journal:
        port = JournalledSandbox(Counted(), Effects(journal=journal))  # type: ignore[arg-type]
        assert [await ask(port), await ask(port), await ask(port, **changes), await ask(port)] == [
            "1",
            "1",
            "2",
            "1",
        ]


@pytest.mark.parametrize(
    "other",
    [
        Counted(version=2),
        Counted(
            guest=Guest(
                python="python",
                version="3.12.0",
                implementation="CPython",
                platform="Linux",
                path=(),
                packages=("numpy==2.0",),
            )
        ),
        Counted(
            guest=Guest(
                python="python",
                version="3.11.1",
                implementation="CPython",
                platform="Linux",
                path=(),
                packages=("numpy==2.1",),
            )
        ),
    ],
)
async def test_a_run_in_another_guest_or_harness_is_another_one(other: Counted) -> None:
    async with Journal(None) as journal:
        effects = Effects(journal=journal)
        await ask(JournalledSandbox(Counted(), effects))  # type: ignore[arg-type]
        await ask(JournalledSandbox(other, effects))  # type: ignore[arg-type]
    assert other.runs == 1


async def test_a_guest_elsewhere_with_the_same_packages_is_the_same(tmp_path: object) -> None:
    moved = Counted(
        guest=Guest(
            python="/opt/python",
            version="3.11.1",
            implementation="CPython",
            platform="Linux",
            path=("/opt/lib",),
            packages=("numpy==2.0",),
        )
    )
    async with Journal(None) as journal:
        effects = Effects(journal=journal)
        await ask(JournalledSandbox(Counted(), effects))  # type: ignore[arg-type]
        await ask(JournalledSandbox(moved, effects))  # type: ignore[arg-type]
    assert moved.runs == 0


async def test_who_asks_the_same_at_the_same_time_waits_and_one_who_goes_leaves_it_to_the_next() -> (
    None
):
    started, made = asyncio.Event(), 0

    async def make() -> Made:
        nonlocal made
        made += 1
        started.set()
        if made == 1:
            await asyncio.Event().wait()
        return Made(b"answer")

    async with Journal(None) as journal:
        effects = Effects(journal=journal)
        first = asyncio.create_task(effects.of(b"request", make))
        await started.wait()
        others = [asyncio.create_task(effects.of(b"request", make)) for _ in range(3)]
        first.cancel()
        assert await asyncio.gather(*others) == [b"answer"] * 3
    assert made == 2
