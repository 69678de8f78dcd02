"""A run of the shipping flow, window, tickets, ports, journal and outbox under virtual time, killed
wherever a seed says.

    python -m tests.faults.simulation [RUNS] [FIRST SEED]      (10000 0)

The stages are small and follow from their input alone, so that the right rows are known without
running. Prints what was killed where and how fast; a failing seed is printed and gives the same
failure again.
"""

import asyncio
import hashlib
import json
import random
import selectors
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.effects.effects import Effects, FreshResult, key_of
from engine.errors import MachineFailed
from engine.flow.context import StopSwitch
from engine.flow.flow import Flow
from engine.flow.graph import Node
from engine.flow.tickets import Ticket
from engine.flow.window import Window, WindowClosed
from engine.journal import faults
from engine.journal.journal import Journal
from engine.results.sink import RunSink
from stages.errors import Rejected
from stages.records import Kind, Origin, Reject, Row, Tally

TURNS = 3
MEMORY = Path("/dev/shm")  # a disk that costs nothing, where there is one


class Killed(SystemExit):
    """What the fault switch does in a simulation; nothing catches it."""


class VirtualTime(selectors.DefaultSelector):
    """A selector that never waits: the time for which it was asked to has passed."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        VirtualTime.now += max(0.0, timeout or 0.0)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__(VirtualTime())

    def time(self) -> float:
        return VirtualTime.now


@dataclass(frozen=True)
class Item:
    """A record: a file, or a question in its turn; node says where it goes."""

    id: str
    kind: Kind
    node: str
    turn: int = 0


class Graph:
    def target(self, record: Item) -> str:
        return record.node

    def identity(self, record: Item) -> tuple[Kind, str]:
        return record.kind, record.id

    def urgency(self, record: Item) -> int:
        return 0 if record.turn else 1


def number(*parts: object, below: int) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4]) % below


@dataclass
class SimulatedRun:
    """One seed's run: its stages, what they were billed, and how often it was killed."""

    seed: int
    files: int
    workers: int
    billed: Counter[str] = field(default_factory=Counter)
    kills: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    async def call(self, effects: Effects, what: str, id_: str) -> int:
        """A model call or sandboxed run: some virtual time, an answer that follows from the
        request."""

        async def make() -> FreshResult:
            self.billed[f"{what} {id_}"] += 1
            await asyncio.sleep(self.chance.choice((0, 0.001, 0.1, 3.0, 60.0)))
            return FreshResult(json.dumps(number(what, id_, below=100)).encode(), {what: 1})

        return int(json.loads(await effects.of(key_of([what, id_]), make)))

    def questions(self, file: str) -> list[str]:
        return [f"{file}.{n}" for n in range(1 + number("questions", file, below=3))]

    def nodes(self, effects: Effects) -> list[Node]:
        async def transform(item: Item) -> tuple[Any, ...]:
            if await self.call(effects, "transform", item.id) < 20:
                raise Rejected("declined", item.id)
            return *(Item(id_, "question", "ask") for id_ in self.questions(item.id)), Tally(
                item.id, {"asked": 1}
            )

        async def ask(item: Item) -> tuple[Any, ...]:
            if await self.call(effects, "ask", f"{item.id} {item.turn}") < 5:
                return (Reject(id=item.id, kind="question", reason="refused"),)
            return (Item(item.id, "question", "judge", item.turn),)

        async def judge(item: Item) -> tuple[Any, ...]:
            right = await self.call(effects, "judge", f"{item.id} {item.turn}") < 40
            if right or item.turn + 1 == TURNS:
                return (
                    Row(
                        file="samples",
                        id=item.id,
                        content={"id": item.id, "turn": item.turn, "right": right},
                        counts={"samples": 1},
                    ),
                )
            return (Item(item.id, "question", "ask", item.turn + 1),)

        return [
            Node("transform", transform, self.workers),
            Node("ask", ask, self.workers),
            Node("judge", judge, self.workers),
        ]

    def expected(self) -> tuple[dict[str, tuple[int, bool]], set[str]]:
        """The samples by id, as (turn, right), and the ids of all rejects."""
        samples: dict[str, tuple[int, bool]] = {}
        rejects: set[str] = set()
        for file in (f"f{n}" for n in range(self.files)):
            if number("transform", file, below=100) < 20:
                rejects.add(file)
                continue
            for id_ in self.questions(file):
                for turn in range(TURNS):
                    if number("ask", f"{id_} {turn}", below=100) < 5:
                        rejects.add(id_)
                        break
                    right = number("judge", f"{id_} {turn}", below=100) < 40
                    if right or turn + 1 == TURNS:
                        samples[id_] = (turn, right)
                        break
        return samples, rejects

    async def process(self, folder: Path) -> None:
        """One process of the run, from opening to its end."""
        self.journal = Journal(folder, own_thread=False)
        async with self.journal as journal:
            window = Window(self.chance.choice((1, 3, 8)), 10**9)
            sink, stop = RunSink(journal=journal, until="samples"), StopSwitch()
            queue_size = self.chance.choice((1, 4, 64))
            flow = Flow(
                self.nodes(Effects(journal=journal, stop=stop)),
                graph=Graph(),
                sink=sink,
                window=window,
                stop=stop,
                queue_size=queue_size,
            )
            async with flow:
                done = await journal.marked([f"f{n}" for n in range(self.files)])
                for file in (f"f{n}" for n in range(self.files)):
                    if file not in done:
                        try:
                            await flow.enter(
                                Ticket(id=file, origin=Origin(id=file), size_bytes=10),
                                Item(file, "file", "transform"),
                                "transform",
                            )
                        except WindowClosed:
                            break
                await flow.quiet()
                if flow.failure is not None:
                    raise flow.failure
                assert (window.live, window.bytes) == (0, 0), "credit was not returned"
                counts = flow.books.counts
                assert all(counts.live(kind) == 0 for kind in counts.read), "something was lost"

    def run(self, folder: Path) -> None:
        """The run to its end, under its kills; checks all that was promised."""
        seen: list[str] = []
        while not self.lived(folder):
            self.follow(folder, seen)
        self.follow(folder, seen)
        samples, rejects = self.expected()
        found = [json.loads(line) for line in seen]
        assert len(found) == len({row["id"] for row in found}), "a row was written twice"
        assert {row["id"]: (row["turn"], row["right"]) for row in found} == samples
        path = folder / "rejects.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        assert sorted(json.loads(line)["id"] for line in lines) == sorted(rejects)
        twice = sum(count - 1 for count in self.billed.values())
        assert twice <= self.kills * 3 * self.workers, (
            f"{twice} calls were paid twice in {self.kills} kills"
        )

    def lived(self, folder: Path) -> bool:
        """One process; False if it was killed."""
        point = self.chance.choice((*faults.POINTS, "")) if self.kills < 6 else ""

        def blow() -> None:
            raise Killed

        faults.arm(point, self.chance.randint(1, 40), blow)
        loop = Loop()
        try:
            loop.run_until_complete(self.process(folder))
            return True
        except Killed:
            self.kills += 1
            return False
        finally:
            faults.arm("", 0)
            buried(loop, self.journal)

    @staticmethod
    def follow(folder: Path, seen: list[str]) -> None:
        """A reader that takes the whole lines which are new to it."""
        path = folder / "samples.jsonl"
        whole = (
            path.read_bytes().rpartition(b"\n")[0].decode().splitlines() if path.exists() else []
        )
        assert whole[: len(seen)] == seen, "what a reader has seen was changed"
        seen += whole[len(seen) :]


def buried(loop: Loop, journal: Journal) -> None:
    """Ends what a killed process leaves in this one; its journal has gone, so that nothing more is
    written."""
    tasks = asyncio.all_tasks(loop)
    writer = journal._writer
    writer.failed = MachineFailed("killed")
    assert writer._store is not None
    writer._store.database.connection.close()
    writer._store.outbox.close()
    for task in tasks:
        task.cancel()
    while any(not task.done() for task in tasks):
        try:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        except (Killed, asyncio.CancelledError):
            continue
    loop.close()


def simulate(runs: int, first: int = 0) -> Counter[str]:
    """Runs the seeds; returns what happened, counted. Raises: AssertionError, naming the seed."""
    counted: Counter[str] = Counter()
    for seed in range(first, first + runs):
        chance = random.Random(seed)
        simulated = SimulatedRun(
            seed=seed, files=chance.randint(1, 10), workers=chance.choice((1, 2, 4))
        )
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            try:
                simulated.run(Path(folder) / "out")
            except Exception as exc:
                raise AssertionError(f"seed {seed}: {exc!r}") from exc
        counted["runs"] += 1
        counted["kills"] += simulated.kills
        counted["calls"] += sum(simulated.billed.values())
    return counted


if __name__ == "__main__":
    count, start = (
        (int(sys.argv[1]) if sys.argv[1:] else 10_000),
        (int(sys.argv[2]) if sys.argv[2:] else 0),
    )
    began = time.perf_counter()
    totals = simulate(count, start)
    taken_s = time.perf_counter() - began
    print(f"{dict(totals)} in {taken_s:.0f} s: nothing lost, nothing written twice")  # noqa: T201
