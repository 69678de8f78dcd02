"""The flow: every graph with bounded loops ends, every ticket settles, failures stay where they
belong."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadInput, EngineError, MachineFailed, OutOfService, TooManyBugs
from engine.flow.context import StopSwitch
from engine.flow.flow import Flow
from engine.flow.graph import Node
from engine.flow.tickets import Ticket
from engine.flow.window import Window, WindowClosed
from sandbox import JobRefused, SandboxError
from stages.errors import Misconfigured, Rejected, Unavailable
from stages.records import Kind, Later, Origin, Reject, Row, Tally

RowsOut = tuple[Any, ...]


@dataclass(frozen=True)
class Token:
    """A record that knows where it goes and how many rounds it may still make."""

    at: int
    id: str = "t"
    rounds: int = 0


class TokenGraph:
    def target(self, record: Token) -> str:
        return f"n{record.at}"

    def identity(self, record: Token) -> tuple[Kind, str]:
        return "file", record.id

    def urgency(self, record: Token) -> int:
        return 0 if record.rounds else 1


@dataclass
class Kept:
    """A sink that keeps what comes."""

    rows: list[str] = field(default_factory=list)
    rejects: list[tuple[str, str]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    tallies: list[str] = field(default_factory=list)
    full: EngineError | None = None

    async def cross(self, ticket: Ticket, record: Any) -> Any:
        return record

    async def row(self, ticket: Ticket, row: Row) -> None:
        self.rows.append(row.id)
        ticket.rows += 1

    async def reject(self, ticket: Ticket, reject: Reject, stage: str) -> None:
        self.rejects.append((reject.id, reject.reason))
        ticket.rejects.append(reject.reason)

    async def tally(self, tally: Tally) -> None:
        self.tallies.append(tally.id)

    async def finished(self, ticket: Ticket) -> None:
        self.done.append(ticket.id)


def ticket(id_: str) -> Ticket:
    return Ticket(id=id_, origin=Origin(id=id_))


def flow_of(nodes: list[Node], sink: Kept, window: Window | None = None, **options: Any) -> Flow:
    return Flow(
        nodes,
        graph=TokenGraph(),
        sink=sink,
        window=window or Window(4, 10**6),
        **{"stop": StopSwitch(), **options},
    )


def single(stage: Callable[[Token], Awaitable[RowsOut]], sink: Kept, **options: Any) -> Flow:
    return flow_of([Node("n0", stage)], sink, **options)


@dataclass(frozen=True)
class Shape:
    """A random graph: for each node, where its records go, as (node, copies); edges back are used
    up by rounds."""

    edges: tuple[tuple[tuple[int, int], ...], ...]
    workers: tuple[int, ...]
    queue_size: int
    window: int
    rows: int
    rounds: int


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    count = draw(st.integers(1, 5))
    edges = tuple(
        tuple(draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(1, 2)), max_size=2)))
        for _ in range(count)
    )
    workers = tuple(draw(st.integers(1, 3)) for _ in range(count))
    return Shape(
        edges,
        workers,
        draw(st.integers(1, 3)),
        draw(st.integers(1, 6)),
        draw(st.integers(0, 8)),
        draw(st.integers(0, 2)),
    )


def stage_of(shape: Shape, at: int) -> Callable[[Token], Awaitable[RowsOut]]:
    async def stage(token: Token) -> RowsOut:
        await asyncio.sleep(0)
        onward = [
            Token(to, token.id, token.rounds - (to <= at))
            for to, copies in shape.edges[at]
            for _ in range(copies)
            if to > at or token.rounds > 0
        ]
        return tuple(onward) or (Row(file="rows", id=f"{token.id}", content={}),)

    return stage


@settings(max_examples=150, deadline=None)
@given(shapes())
def test_any_graph_with_bounded_loops_ends_at_any_queue_size(shape: Shape) -> None:
    async def run() -> tuple[Kept, Flow]:
        sink = Kept()
        nodes = [
            Node(f"n{at}", stage_of(shape, at), workers) for at, workers in enumerate(shape.workers)
        ]
        window = Window(shape.window, 10**6)
        flow = flow_of(nodes, sink, window, queue_size=shape.queue_size)
        async with flow, asyncio.timeout(20):
            for number in range(shape.rows):
                await flow.enter(ticket(str(number)), Token(0, str(number), shape.rounds), "n0")
            await flow.quiet()
        return sink, flow

    sink, flow = asyncio.run(run())
    assert sorted(sink.done, key=int) == [str(number) for number in range(shape.rows)]
    assert flow.books.live == 0
    assert flow.window.live == flow.window.bytes == 0
    assert flow.books.counts.live("file") == 0


async def test_a_row_is_finished_only_when_its_last_descendant_settles() -> None:
    gate = asyncio.Event()
    sink = Kept()

    async def split(token: Token) -> RowsOut:
        return (Token(1, "quick"), Token(1, "slow"))

    async def end(token: Token) -> RowsOut:
        if token.id == "slow":
            await gate.wait()
        return (Row(file="rows", id=token.id, content={}),)

    nodes = [Node("n0", split), Node("n1", end, 2)]
    async with flow_of(nodes, sink, Window(4, 100)) as flow:
        await flow.enter(ticket("x"), Token(0), "n0")
        while sink.rows != ["quick"]:
            await asyncio.sleep(0)
        assert sink.done == []
        assert flow.books.live == 1
        gate.set()
        await flow.quiet()
    assert sink.done == ["x"]


async def test_work_that_has_been_round_goes_before_new_work() -> None:
    order: list[str] = []
    gate = asyncio.Event()

    async def stage(token: Token) -> RowsOut:
        if token.id == "first":
            await gate.wait()
        order.append(token.id)
        return (Token(0, "again", 0),) if token.id == "back" else ()

    async with single(stage, Kept()) as flow:
        await flow.enter(ticket("1"), Token(0, "first"), "n0")
        await flow.enter(ticket("2"), Token(0, "new"), "n0")
        await flow.enter(ticket("3"), Token(0, "urgent", rounds=1), "n0")
        gate.set()
        await flow.quiet()
    assert order == ["first", "urgent", "new"]


async def test_a_bug_rejects_its_record_and_the_others_go_on() -> None:
    sink = Kept()

    async def stage(token: Token) -> RowsOut:
        if token.id == "bad":
            raise ZeroDivisionError
        return (Row(file="rows", id=token.id, content={}),)

    async with single(stage, sink) as flow:
        for name in ("a", "bad", "b"):
            await flow.enter(ticket(name), Token(0, name), "n0")
        await flow.quiet()
    assert sink.rows == ["a", "b"]
    assert sink.rejects == [("bad", "bug")]
    assert flow.books.counts.rejected["file"] == 1


async def test_more_bugs_than_allowed_stop_the_run() -> None:
    async def stage(token: Token) -> RowsOut:
        raise ZeroDivisionError

    async with single(stage, Kept(), bugs=1) as flow:
        await flow.enter(ticket("1"), Token(0), "n0")
        await flow.enter(ticket("2"), Token(0), "n0")
        await flow.quiet()
    assert isinstance(flow.failure, TooManyBugs)
    assert flow.failure.exit_status == 3


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (Misconfigured("no key"), BadInput),
        (SandboxError("no process"), MachineFailed),
    ],
)
async def test_a_failure_that_is_no_rows_fault_stops_the_run_and_settles_nothing(
    raised: Exception, error: type
) -> None:
    sink = Kept()

    async def stage(token: Token) -> RowsOut:
        raise raised

    async with single(stage, sink) as flow:
        one = ticket("1")
        await flow.enter(one, Token(0), "n0")
        await flow.quiet()
    assert isinstance(flow.failure, error)
    assert sink.done == []
    assert one.done.is_set()


async def test_an_endpoint_that_is_gone_lets_nothing_in_and_what_is_live_goes_on() -> None:
    sink, gone = Kept(), asyncio.Event()

    async def stage(token: Token) -> RowsOut:
        if token.id == "unlucky":
            gone.set()
            raise Unavailable("gone")
        await gone.wait()
        return (Row(file="samples", id=token.id, content={}),)

    nodes = [Node("n0", stage, workers=2)]
    stop = StopSwitch()
    async with flow_of(nodes, sink, stop=stop) as flow:
        for id_ in ("lucky", "unlucky"):
            await flow.enter(ticket(id_), Token(0, id_), "n0")
        await flow.quiet()
        assert isinstance(stop.why, OutOfService)
        with pytest.raises(WindowClosed):
            await flow.enter(ticket("late"), Token(0, "late"), "n0")
    assert (sink.rows, sink.done, flow.books.held_back) == (["lucky"], ["lucky"], 1)
    assert flow.books.live_counts == {
        "kinds.file.read": 1
    }  # the other one is not lost, and not finished


async def test_what_is_parked_is_sent_again_when_nothing_else_is_left() -> None:
    sink, order = Kept(), []

    async def stage(token: Token) -> RowsOut:
        order.append((token.id, token.rounds))
        if token.id == "poison" and token.rounds:
            return (Later(Token(0, "poison")),)
        return (Row(file="samples", id=token.id, content={}),)

    async with flow_of([Node("n0", stage)], sink, Window(1, 10**6)) as flow:
        with flow.feeding():
            await flow.enter(ticket("poison"), Token(0, "poison", 1), "n0")
            for number in range(
                3
            ):  # the window has room for one: the parked one gave its place back
                await flow.enter(ticket(str(number)), Token(0, str(number)), "n0")
        await flow.quiet()
        assert (flow.window.live, flow.window.bytes) == (0, 0)
    assert order == [("poison", 1), ("0", 0), ("1", 0), ("2", 0), ("poison", 0)]
    assert flow.books.counts.table() == {"kinds.file.read": 4, "kinds.file.finished": 4}


@pytest.mark.parametrize(
    ("raised", "reason"),
    [(Rejected("no_code", "none there"), "no_code"), (JobRefused("too large"), "sandbox")],
)
async def test_a_rejected_record_is_counted_by_its_reason(raised: Exception, reason: str) -> None:
    sink = Kept()

    async def stage(token: Token) -> RowsOut:
        raise raised

    async with single(stage, sink) as flow:
        one = ticket("1")
        await flow.enter(one, Token(0, "x"), "n0")
        await flow.quiet()
    assert sink.rejects == [("x", reason)]
    assert one.rejected == reason


async def test_a_cancelled_ticket_frees_its_place_and_writes_nothing() -> None:
    sink, never = Kept(), asyncio.Event()

    async def stage(token: Token) -> RowsOut:
        await never.wait()
        return (Row(file="rows", id=token.id, content={}),)

    async with single(stage, sink) as flow:
        one = ticket("1")
        await flow.enter(one, Token(0), "n0")
        while not one.scopes:
            await asyncio.sleep(0)
        one.cancel()
        await flow.quiet()
        assert flow.window.live == 0
    assert sink.rows == sink.done == []


async def test_no_more_rows_are_live_than_the_window_holds() -> None:
    peak = live = 0

    async def stage(token: Token) -> RowsOut:
        nonlocal peak, live
        live += 1
        peak = max(peak, live)
        for _ in range(5):
            await asyncio.sleep(0)
        live -= 1
        return ()

    async with flow_of([Node("n0", stage, 20)], Kept(), Window(3, 10**6)) as flow:
        for number in range(30):
            await flow.enter(ticket(str(number)), Token(0), "n0")
        await flow.quiet()
    assert peak == 3


async def test_a_row_larger_than_the_whole_bound_comes_in_alone() -> None:
    window = Window(10, live_bytes=100)
    large = Ticket(id="large", origin=Origin(id="large"), size_bytes=1000)
    small = Ticket(id="small", origin=Origin(id="small"), size_bytes=1)
    await window.enter(large)
    waiting = asyncio.create_task(window.enter(small))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    window.leave(large)
    await waiting
    assert window.bytes == 1


async def test_rows_come_in_only_while_something_is_idle() -> None:
    idle = False
    window = Window(10, 100, demand=lambda: idle)
    await window.enter(ticket("first"))  # nothing live: always let in
    waiting = asyncio.create_task(window.enter(ticket("second")))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    idle = True
    window.signal.notify()
    await waiting
    assert window.live == 2


async def test_a_row_whose_entering_is_cancelled_gives_its_place_back() -> None:
    sink, never = Kept(), asyncio.Event()

    async def stage(token: Token) -> RowsOut:
        await never.wait()
        return ()

    async with single(stage, sink, queue_size=1) as flow:
        for name in ("works", "waits"):
            await flow.enter(ticket(name), Token(0, name), "n0")
        late = ticket("late")
        entering = asyncio.create_task(flow.enter(late, Token(0, "late"), "n0"))
        while flow.books.live < 3:
            await asyncio.sleep(0)
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        assert late.done.is_set()
        assert (flow.books.live, flow.window.live) == (2, 2)
    assert sink.done == []
