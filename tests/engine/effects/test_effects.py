"""The journal around the ports: what makes two requests the same, and who waits for whom."""

import asyncio
from dataclasses import dataclass, field, fields, replace

import pytest

from engine.effects.effects import Effects, FreshResult, key_of
from engine.effects.sandbox import JournalledSandbox, drawing_identity, job_identity
from engine.flow.context import StopSwitch
from engine.journal.journal import Journal
from sandbox import Clock, Drawing, Guest, Job, Limits, Run, Trace

USUAL = Job(code="def f(n): return n", entrypoint="f", arguments=('{"n": 1}',), seed=1)
OTHER = Job(
    code="def f(n): return -n",
    entrypoint="g",
    arguments=('{"n": 2}',),
    limits=Limits(cpu_s=1.0),
    seed=2,
    hash_seed=1,
    clock=Clock(86400.0),
    trace=Trace(),
    salt=7,
    total_cpu_s=5.0,
    all_or_nothing=True,
)
GUEST = Guest(
    python="python",
    version="3.11.1",
    implementation="CPython",
    platform="Linux",
    path=(),
    packages=("numpy==2.0",),
)
WHERE = {"guest": GUEST.fingerprint(), "harness": 3}
DEFAULT_LIMITS = {
    "cpu_s": 5.0,
    "wall_s": 10.0,
    "memory_bytes": 512 << 20,
    "value_bytes": 1 << 20,
    "stdout_bytes": 4096,
}


@dataclass
class Counted:
    """Stands for a sandbox: every run gives its own number."""

    guest: Guest = GUEST
    limits: Limits = field(default_factory=Limits)
    version: int = 1
    runs: int = 0

    async def run_many(self, job: Job, *, urgency: int = 0) -> list[Run]:
        self.runs += 1
        return [Run(status="ok", value=str(self.runs)) for _ in job.arguments]


def effects_of(journal: Journal) -> Effects:
    return Effects(journal=journal, stop=StopSwitch())


async def ask(box: Counted, effects: Effects, job: Job = USUAL) -> str | None:
    recorded = JournalledSandbox(box, effects)  # type: ignore[arg-type]
    return (await recorded.run_many(job))[0].value


@pytest.mark.parametrize("name", [one.name for one in fields(Job)])
async def test_a_run_is_another_one_where_any_field_of_its_job_differs(name: str) -> None:
    other = replace(USUAL, **{name: getattr(OTHER, name)})
    async with Journal(None) as journal:
        box, effects = Counted(), effects_of(journal)
        given = [await ask(box, effects, job) for job in (USUAL, USUAL, other, USUAL)]
    assert given == ["1", "1", "2", "1"]


@pytest.mark.parametrize(
    ("identity", "limits", "key"),
    [
        (
            job_identity(USUAL),
            DEFAULT_LIMITS,
            "ea5958e7ee00d733cb03bc18f9d126471a085951716019ae90b43f97d0d8b587",
        ),
        (
            job_identity(
                replace(
                    USUAL,
                    hash_seed=2,
                    trace=Trace(100),
                    clock=Clock(86400.0, "WEST+8"),
                    salt=7,
                    total_cpu_s=61.0,
                    all_or_nothing=True,
                )
            ),
            {**DEFAULT_LIMITS, "cpu_s": 1.0},
            "3feffe5dfcc3878b5c75214e2ddf04bfc1a5de2135096b80c391f475e7eba092",
        ),
        (
            drawing_identity(
                Drawing(
                    code="def g(): return 1",
                    entrypoint="g",
                    calls=100,
                    distinct=10,
                    value_bytes=400,
                    cpu_s=60.0,
                    seed=5,
                )
            ),
            DEFAULT_LIMITS,
            "28fc70d06fbbdcba27f9e8468a323337c8a663d8d12bffd6d9cb3f9b0a4a5a90",
        ),
    ],
    ids=["job", "whole job", "drawing"],
)
def test_keys_are_those_of_the_first_release(
    identity: dict[str, object], limits: dict[str, object], key: str
) -> None:
    assert key_of({**identity, "limits": limits, **WHERE}).hex() == key


@pytest.mark.parametrize(
    "other",
    [
        Counted(version=2),
        Counted(guest=replace(GUEST, version="3.12.0")),
        Counted(guest=replace(GUEST, packages=("numpy==2.1",))),
    ],
    ids=["harness", "python", "package"],
)
async def test_a_run_in_another_guest_or_harness_is_another_one(other: Counted) -> None:
    async with Journal(None) as journal:
        effects = effects_of(journal)
        await ask(Counted(), effects)
        await ask(other, effects)
    assert other.runs == 1


async def test_a_guest_elsewhere_with_the_same_packages_is_the_same() -> None:
    moved = Counted(guest=replace(GUEST, python="/opt/python", path=("/opt/lib",)))
    async with Journal(None) as journal:
        effects = effects_of(journal)
        await ask(Counted(), effects)
        await ask(moved, effects)
    assert moved.runs == 0


async def test_who_asks_the_same_at_once_waits_and_one_who_goes_leaves_it_to_the_next() -> None:
    started, made = asyncio.Event(), 0

    async def make() -> FreshResult:
        nonlocal made
        made += 1
        started.set()
        if made == 1:
            await asyncio.Event().wait()
        return FreshResult(b"answer")

    async with Journal(None) as journal:
        effects = effects_of(journal)
        first = asyncio.create_task(effects.of(b"request", make))
        await started.wait()
        others = [asyncio.create_task(effects.of(b"request", make)) for _ in range(3)]
        first.cancel()
        assert await asyncio.gather(*others) == [b"answer"] * 3
    assert made == 2
