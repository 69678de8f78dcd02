"""The engine: a facade over one opened run, for those who embed it.

    async with Engine(load_config("run.toml")) as engine:
        async for sample in engine.stream(source_files):
            ...

The engine installs no signal handlers and keeps no global state: the command adds the handlers.
Everything that is opened is closed on leaving.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, suppress
from types import TracebackType
from typing import Any, Self

import anyio

from engine.config.settings import Config
from engine.errors import Stopped
from engine.flow.tickets import Listener, Ticket
from engine.flow.window import WindowClosed
from engine.results.report import Report
from engine.results.snapshot import Snapshot
from engine.resuming import ResumeOptions
from engine.run import Run, open_run
from engine.source.admission import Arrival
from engine.source.items import SourceItem, SourceItems, each
from engine.wiring.graph import ENTRIES
from stages.inference.environment import Environment
from stages.records import Reject, Row

HELD_ROWS = 256
"""Finished rows that wait for a slow reader of `stream` before the flow does."""


class Engine:
    """One run, as an async context manager that is entered once.

    Use `run`, or `stream` and `submit`. `stop` lets no more source rows in.
    Raises, on entering: BadInput, MachineFailed.
    """

    def __init__(
        self,
        config: Config,
        *,
        options: ResumeOptions | None = None,
        environment: Environment | None = None,
    ) -> None:
        """options: how to go on with an earlier run. environment: clock and chance, for tests."""
        self.config = config
        self._options = options or ResumeOptions()
        self._environment = environment or Environment()
        self._stack = AsyncExitStack()
        self._run: Run | None = None

    async def __aenter__(self) -> Self:
        opening = open_run(self.config, self._options, self._environment)
        self._run = await self._stack.enter_async_context(opening)
        await self._run.flow.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The flow is left before the shield is put up: its task group is an older cancel scope, and
        # scopes end in the reverse order of their beginning.
        try:
            await self.opened.flow.__aexit__(exc_type, exc, traceback)
        finally:
            with anyio.CancelScope(shield=True):
                await self._stack.aclose()

    @property
    def opened(self) -> Run:
        """The parts of the run, for those who look deeper.

        Raises: Stopped, where the run is not open.
        """
        if self._run is None:
            raise Stopped("the engine is not open: use `async with Engine(...) as engine`")
        return self._run

    async def run(self) -> None:
        """Sends the whole configured source through the flow. Returns when nothing is live.

        After `stop` it returns early, and then `finished` is false.
        Raises: EngineError, what stopped the run.
        """
        run = self.opened
        if (full := run.sink.full) is not None:
            run.flow.halt(full)
        with run.flow.feeding():
            async with aclosing(run.admission.arrivals(run.journal, fresh=run.fresh)) as arrivals:
                async for arrival in arrivals:
                    await self._enter(arrival)
                    if run.flow.failure is not None:
                        break
        await run.flow.quiet()
        self._raise_failure()

    @property
    def finished(self) -> bool:
        """Whether the whole source (up to max_files) has gone through, no limit having ended it."""
        run, books = self.opened, self.opened.flow.books
        stopped = run.stop.on or run.sink.full is not None or run.flow.failure is not None
        return not stopped and not books.live and not books.held_back

    def stop(self) -> None:
        """Lets no more source rows in. Those that are live go on to their end."""
        self.opened.stop.stop()
        self.opened.flow.window.close()

    async def drained(self, grace_s: float) -> bool:
        """Waits until nothing is live, at most `grace_s` seconds. Returns whether nothing is."""
        with anyio.move_on_after(grace_s):
            await self.opened.flow.quiet()
        return not self.opened.flow.books.live

    async def submit(self, source_file: SourceItem) -> list[dict[str, Any]]:
        """All rows of one source file, in the order of their finishing.

        A request that fails again and again waits until the others are idle, and so does its row.
        Cancelling this call cancels what is under way for the file.
        Raises: EngineError.
        """
        rows: list[dict[str, Any]] = []

        async def listen(row: Row) -> None:
            rows.append(dict(row.content))

        tickets: list[Ticket] = []
        try:
            async for arrival in self.opened.admission.of_item(source_file, listen):
                tickets.append(arrival[0])  # before it is entered: that may be cancelled too
                await self._enter(arrival)
            for ticket in tickets:
                await ticket.done.wait()
        except asyncio.CancelledError:
            for ticket in tickets:
                ticket.cancel()
            raise
        self._check()
        return rows

    async def stream(
        self, source_files: SourceItems, *, held: int = HELD_ROWS
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The rows of many source files, each as soon as it is final.

        Closing early cancels what is under way. Items are rows (mappings with the fields of
        source.format), paths, or the text of a source file. held: finished rows that wait for a
        slow reader before the flow does.
        Raises: EngineError.
        """
        sending, rows = anyio.create_memory_object_stream[dict[str, Any]](held)
        live: set[Ticket] = set()

        async def listen(row: Row) -> None:
            # The reader may have gone while the flow still writes.
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await sending.send(dict(row.content))

        feeding = asyncio.create_task(self._feed(source_files, listen, live))
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

    def statistics(self) -> Snapshot:
        """The run as it is now: counts, what waits where, models, sandbox, spending, forecast."""
        return self.opened.snapshot()

    async def report(self) -> Report:
        """What report.json will hold, up to now."""
        return await self.opened.report()

    async def _feed(self, items: SourceItems, listener: Listener, live: set[Ticket]) -> None:
        """Sends all items in, and waits for their end. live: the tickets that are not done."""
        run = self.opened
        with run.flow.feeding():
            async for item in each(items):
                if run.stop.on or run.flow.failure:
                    break
                async for arrival in run.admission.of_item(item, listener):
                    live.add(arrival[0])
                    await self._enter(arrival)
                    # However long the stream is, the set grows no larger than the window.
                    if len(live) > run.flow.window.size:
                        live.difference_update([one for one in live if one.done.is_set()])
        for ticket in tuple(live):
            await ticket.done.wait()

    async def _enter(self, arrival: Arrival) -> Ticket:
        """Sends one row into the flow, waiting until the window lets it in."""
        flow, (ticket, record) = self.opened.flow, arrival
        try:
            if isinstance(record, Reject):
                await flow.refuse(ticket, record, "source")
            else:
                await flow.enter(ticket, record, ENTRIES[self.config.source.format])
        except WindowClosed:
            # No more rows are let in: nothing else would wake the caller that waits for this one.
            ticket.done.set()
        if flow.failure is not None:
            ticket.done.set()
        return ticket

    def _raise_failure(self) -> None:
        run = self.opened
        if run.flow.failure is not None:
            raise run.flow.failure
        if run.stop.why is not None:
            raise run.stop.why

    def _check(self) -> None:
        self._raise_failure()
        if self.opened.stop.on:
            raise Stopped("the engine was stopped")
