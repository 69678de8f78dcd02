"""The engine: a run's resources opened together, source rows fed in, rows coming out, and an
orderly end.

    async with Engine(load_config("run.toml")) as engine:
        async for sample in engine.stream(source_files):
            ...

No signal handlers and no global state: the command adds those. Everything that is opened is closed
on leaving.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio

from engine import benchmarks
from engine.admission import Admission, Sighted
from engine.boundaries import Boundaries
from engine.errors import BadInput, EngineError, Full, Stopped
from engine.flow import Flow
from engine.forecast import Extent, Span
from engine.journal import Journal
from engine.ports import Effects
from engine.report import write_report
from engine.resuming import Again, take_up
from engine.settings import Config
from engine.sources import SourceRow, files_of, rows_of
from engine.spending import Spending
from engine.tickets import Listener, Ticket, Window, WindowClosed
from engine.wiring import ENTRIES, CodeGraph, Wiring
from sandbox import Limits, Sandbox, SandboxError
from stages.errors import Misconfigured
from stages.inference.client import open_session
from stages.inference.world import World
from stages.records import Reject, Row

logger = logging.getLogger(__name__)
SourceItem = Mapping[str, Any] | str | Path
LOOKED_UP, LOOKED_UP_BYTES = 256, 32 << 20
"""Source rows, and bytes of them, whose marks are asked for at once when a run goes on."""
HELD_ROWS = 256
"""Finished rows that wait for a slow reader of `stream` before the flow does."""


class Engine:
    """One run. Enter it, then use `run`, or `stream` and `submit`; `stop` drains. Not to be entered
    twice.

    Raises, on entering: BadInput, MachineFailed.
    """

    def __init__(
        self, config: Config, *, world: World | None = None, again: Again | None = None
    ) -> None:
        self.config = config
        self._again = again or Again()
        self.spending = Spending(config.models, config.limits)
        self.extent = Extent(config.limits.max_files)
        self._world = world or World()
        self._stack = AsyncExitStack()
        self._stopping = asyncio.Event()
        self._fresh = True

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        await self.flow.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.flow.__aexit__(exc_type, exc, traceback)
        finally:
            with anyio.CancelScope(shield=True):
                await self._stack.aclose()

    async def _open(self) -> None:
        config, stack = self.config, self._stack
        self.started = self._world.clock()
        settings = config.sandbox
        limits = Limits(settings.cpu_s, settings.wall_s, settings.memory_mb << 20)
        self.window = Window(1, config.limits.live_bytes, lambda: self.wiring.demand())
        try:
            sandbox = Sandbox(
                limits,
                workers=settings.workers,
                kept=1,
                python=settings.python,
                isolation=settings.isolation,
                changed=self.window.changed,
            )
            self.sandbox = await stack.enter_async_context(sandbox)
        except SandboxError as exc:
            raise BadInput(str(exc)) from exc
        self.journal = await stack.enter_async_context(Journal(config.folder))
        self._fresh = await take_up(config, self.journal, self._again)
        await self.spending.take_up(self.journal)
        counts = await self.journal.counts()
        self._before = Counter(
            {name: count for name, count in counts.items() if name.startswith("kinds.")}
        )
        session = await stack.enter_async_context(open_session())
        self.effects = Effects(self.journal, self._again.replay_only)
        try:
            self.wiring = Wiring(
                config,
                self.sandbox,
                self.effects,
                session,
                self._world,
                self.window.changed,
                self.spending,
            )
            await benchmarks.load(config, self.sandbox, self.wiring.offline.benchmarks)
            nodes = self.wiring.nodes()
            self.admission = Admission(config, self.wiring.feedback)
        except Misconfigured as exc:
            raise BadInput(str(exc)) from exc
        stack.callback(self.admission.close)
        self.window.size = max(2, self.wiring.window_size())
        there = await self.journal.rows(config.output.until)
        self.boundaries = Boundaries(
            self.journal, config.output.until, config.limits.max_rows, there
        )
        self.flow = Flow(
            nodes,
            CodeGraph(),
            self.boundaries,
            self.window,
            queue_size=max(64, self.window.size),
            bugs=config.limits.bugs,
        )
        self.flow.on_halt = self._halted
        self.boundaries.filled = self.flow.halt
        stack.push_async_callback(self._report)

    async def run(self) -> None:
        """Takes all of the configured source through the flow, and returns when nothing is live.

        Raises: EngineError, what stopped it. After `stop` it returns early; `finished` tells the
        difference.
        """
        self.extent.look(self.admission.files())  # says at once that there is nothing, if so
        if self.boundaries.full:
            self.flow.halt(Full(self.config.limits.max_rows))
        await self.admission.look_ahead()
        taken = 0
        with self.flow.feeding():
            async with aclosing(self._looked_up()) as rows:
                async for row, finished in rows:
                    if self._enough(taken):
                        break
                    taken += 1
                    self.extent.seen(row.row.size_bytes)
                    if not finished:
                        await self._enter(row)
        self.extent.whole = not self._stopping.is_set()
        if not taken and self._fresh and not self._stopping.is_set():
            raise BadInput(
                f"source.path: {', '.join(self.config.source.path)}: there is not one row in it"
            )
        await self.flow.quiet()
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self.flow.failure is not None:
            raise self.flow.failure
        if self.flow.halted is not None:
            raise self.flow.halted

    def _halted(self, why: EngineError) -> None:
        """Nothing new is sent; what is under way is paid for, and waited for."""
        self.effects.closed = str(why)
        self._stopping.set()

    async def _looked_up(self) -> AsyncGenerator[tuple[Sighted, bool], None]:
        """The rows of the source, each with whether it is finished; asked of the journal many at a
        time."""
        chunk: list[Sighted] = []
        size_bytes = 0
        async with aclosing(self.admission.rows()) as rows:
            async for row in rows:
                chunk.append(self.admission.sight(row))
                size_bytes += row.size_bytes
                if self._fresh or len(chunk) == LOOKED_UP or size_bytes > LOOKED_UP_BYTES:
                    size_bytes = 0
                    for found in await self._finished_of(chunk):
                        yield found
                    chunk.clear()
        for found in await self._finished_of(chunk):
            yield found

    async def _finished_of(self, chunk: list[Sighted]) -> list[tuple[Sighted, bool]]:
        there = {} if self._fresh else await self.journal.marked([row.id for row in chunk])
        return [(row, row.id in there) for row in chunk]

    def _enough(self, taken: int) -> bool:
        most = self.config.limits.max_files
        return (
            self._stopping.is_set()
            or self.flow.failure is not None
            or self.boundaries.full
            or 0 < most <= taken
        )

    @property
    def finished(self) -> bool:
        """Whether the whole source (up to max_files) has gone through, no limit having ended it
        before."""
        stopped = self._stopping.is_set() or self.boundaries.full
        return (
            not stopped
            and not self.flow.live
            and not self.flow.held_back
            and self.flow.failure is None
        )

    def stop(self) -> None:
        """Admits no more; what is live goes on to its end."""
        self._stopping.set()
        self.window.close()

    async def drained(self, grace_s: float) -> bool:
        """Waits until nothing is live, at most `grace_s` seconds."""
        with anyio.move_on_after(grace_s):
            await self.flow.quiet()
        return not self.flow.live

    async def submit(self, source_file: SourceItem) -> list[dict[str, Any]]:
        """All rows of one source file, in the order of their finishing. Raises: EngineError.

        A row that has to wait for the others of a service to be idle (a request that fails again
        and again) waits.
        """
        rows: list[dict[str, Any]] = []

        async def listen(row: Row) -> None:
            rows.append(dict(row.content))

        tickets = [await self._feed(item, listen) async for item in self._rows_of(source_file)]
        try:
            for ticket in tickets:
                await ticket.done.wait()
        except asyncio.CancelledError:
            for ticket in tickets:
                ticket.cancel()
            raise
        self._check()
        return rows

    async def stream(
        self,
        source_files: Iterable[SourceItem] | AsyncIterable[SourceItem],
        *,
        held: int = HELD_ROWS,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The rows of many source files, each as soon as it is final. Closing early cancels what is
        under way.

        Items are rows (mappings with the fields of source.format), paths, or the text of a source
        file. held: finished rows that wait for a slow reader before the flow does. Raises:
        EngineError.
        """
        sending, rows = anyio.create_memory_object_stream[dict[str, Any]](held)
        live: set[Ticket] = set()

        async def listen(row: Row) -> None:
            with suppress(
                anyio.BrokenResourceError, anyio.ClosedResourceError
            ):  # nobody reads any more
                await sending.send(dict(row.content))

        feeding = asyncio.create_task(self._feed_all(source_files, listen, live))
        feeding.add_done_callback(lambda _: sending.close())
        try:
            async for row in rows:
                yield row
            await feeding
            self._check()
        finally:
            rows.close()
            feeding.cancel()
            for ticket in live:
                ticket.cancel()

    async def _feed_all(
        self,
        items: Iterable[SourceItem] | AsyncIterable[SourceItem],
        listen: Listener,
        live: set[Ticket],
    ) -> None:
        """Feeds all items and waits for their end; `live` holds the tickets that are not done."""
        with self.flow.feeding():
            async for item in _each(items):
                if self._stopping.is_set() or self.flow.failure:
                    break
                async for row in self._rows_of(item):
                    live.add(await self._feed(row, listen))
                    if len(live) > self.window.size:
                        live.difference_update([ticket for ticket in live if ticket.done.is_set()])
        for ticket in tuple(live):
            await ticket.done.wait()

    async def _feed(self, row: SourceRow, listener: Listener | None = None) -> Ticket:
        """Sends one row into the flow, waiting until the window lets it in."""
        return await self._enter(self.admission.sight(row), listener)

    async def _enter(self, sighted: Sighted, listener: Listener | None = None) -> Ticket:
        ticket, record = self.admission.admit(sighted, listener)
        try:
            if isinstance(record, Reject):
                await self.flow.refuse(ticket, record, "source")
            elif self.admission.superseded(sighted.row):
                await self.journal.mark(ticket.id, "")
                ticket.done.set()
            else:
                await self.flow.enter(ticket, record, ENTRIES[self.config.source.format])
        except WindowClosed:
            ticket.done.set()
        if self.flow.failure is not None:
            ticket.done.set()
        return ticket

    async def _rows_of(self, item: SourceItem) -> AsyncIterator[SourceRow]:
        if isinstance(item, Mapping):
            yield SourceRow("", 0, dict(item), len(str(item)))
        elif isinstance(item, Path) or (
            "\n" not in item and await asyncio.to_thread(_is_file, self.config.base / item)
        ):
            async for row in rows_of(
                files_of([str(item)], self.config.base),
                self.config.base,
                self.config.source.code_field,
            ):
                yield row
        else:
            yield SourceRow("", 0, {self.config.source.code_field: item}, len(item))

    def _check(self) -> None:
        self._raise_failure()
        if self._stopping.is_set():
            raise Stopped("the engine was stopped")

    def statistics(self) -> Mapping[str, Any]:
        """A snapshot for people and machines: counts by kind, what waits where, models, sandbox,
        spending."""
        return {
            "counts": self.flow.counts,
            "live": self.flow.live,
            "nodes": self.flow.statistics(),
            "written": dict(self.boundaries.written),
            "sandbox": self.sandbox.statistics(),
            "in_flight": sum(permits.held for permits in self.wiring.permits[1:]),
            "elapsed_s": self._world.clock() - self.started,
            "spending": self.spending,
            "effects": self.effects,
            "endpoints": {
                endpoint.told: endpoint.statistics() for endpoint in self.wiring.endpoints.values()
            },
            "forecast": self.foretold(Counter(self.flow.counts.table()) + self._before),
        }

    def foretold(self, kinds: Mapping[str, int]) -> dict[str, Span] | None:
        """What the run will have cost in the end, by role and, as "", in all; None where too little
        is known yet."""
        return self.spending.foretold(self.extent.expected, kinds, self.config.prediction.samples)

    async def _report(self) -> None:
        """Writes report.json; a run that could not begin or a machine that failed leaves the old
        one."""
        try:
            await write_report(self)
        except (EngineError, OSError) as exc:
            logger.warning("report.json could not be written: %s", exc)


async def _each(
    items: Iterable[SourceItem] | AsyncIterable[SourceItem],
) -> AsyncIterator[SourceItem]:
    if isinstance(items, (str, Path, Mapping)):
        yield items
    elif isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


def _is_file(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long to be one
        return False
