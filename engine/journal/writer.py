"""One thread that does work on a store in group commits. Callers go on once it is on disk.

A disk sync takes milliseconds, however little is written. So the work that gathers during one sync
shares the next. Without a thread of its own the loop waits for the disk, so that a simulation is
deterministic.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from engine.errors import BadInput, EngineError, Full, MachineFailed
from engine.journal.lock import BEAT_S

logger = logging.getLogger(__name__)
BATCH = 512
"""Pieces of work in one commit, at most."""


class Store(Protocol):
    """What the writer needs to know of what it writes to."""

    def begin(self) -> None: ...

    def commit(self) -> None:
        """Everything since `begin` is on disk when this returns."""
        ...

    def beat(self) -> None:
        """Called every few seconds."""
        ...

    def close(self, *, sound: bool) -> None:
        """sound: nothing has failed, so that what is in memory may still be written."""
        ...


S = TypeVar("S", bound=Store)
T = TypeVar("T")
Work = tuple[Callable[[S], Any], "asyncio.Future[Any]"]
Result = tuple["asyncio.Future[Any]", Any, Exception | None]


class Writer(Generic[S]):
    """Does work on a store, and wakes the callers when it is on disk.

    All public methods are called from the loop's thread. place: what is written to, for messages.
    failed: why nothing is written any more.
    """

    def __init__(self, place: str, *, own_thread: bool = True) -> None:
        self.failed: MachineFailed | None = None
        self._place = place
        self._own_thread = own_thread
        self._draining: asyncio.Handle | None = None
        self._queue: queue.SimpleQueue[Work[S] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._store: S | None = None

    async def start(self, open_: Callable[[], S]) -> None:
        """Opens the store, in the thread that will write to it. Raises: EngineError."""
        self._loop = asyncio.get_running_loop()
        if not self._own_thread:
            self._store = open_()
            return
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._serve, args=(open_, opened), name="journal", daemon=True
        )
        self._thread.start()
        await opened

    async def close(self) -> None:
        if self._thread is None:
            self._drain()
            self._let_go()
            return
        self._queue.put(None)
        # Joined in another thread, since the loop must stay free for the last callbacks. Shielded,
        # since a cancelled close must not leave a thread that still writes.
        thread = self._thread
        await asyncio.shield(self._loop.run_in_executor(None, thread.join))

    async def do(self, work: Callable[[S], T]) -> T:
        """Does the work in the next commit, and returns its result once that is on disk.

        Raises: MachineFailed, where writing fails. BadInput and Full, from the work itself.
        """
        if self.failed is not None:
            raise self.failed
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put((work, future))
        if not self._own_thread and self._draining is None:
            self._draining = self._loop.call_soon(self._drain)
        return await future

    def _abandon(self, work: list[Work[S]]) -> None:
        """Wakes all callers that wait, since nothing is written any more.

        It runs in the loop's thread, so that no call can enter the queue behind its back.
        """
        waiting = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        left = (entry for entry in (*work, *waiting) if entry is not None)
        _resolve([(future, None, self.failed) for _, future in left])

    def _drain(self) -> None:
        """Does what waits, in the loop's own thread."""
        self._draining = None
        batch = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        if batch:
            self._commit([entry for entry in batch if entry is not None])

    # What follows runs in the writer's own thread.

    def _serve(self, open_: Callable[[], S], opened: "asyncio.Future[None]") -> None:
        try:
            self._store = open_()
        except EngineError as exc:
            self._loop.call_soon_threadsafe(opened.set_exception, exc)
            return
        except (OSError, sqlite3.Error) as exc:
            failed = MachineFailed(f"{self._place}: the journal cannot be opened: {exc}")
            self._loop.call_soon_threadsafe(opened.set_exception, failed)
            return
        self._loop.call_soon_threadsafe(opened.set_result, None)
        closing, work = False, []
        try:
            while not closing:
                batch = self._batch()
                closing, work = None in batch, [entry for entry in batch if entry is not None]
                self._commit(work)
        except BaseException as exc:  # whatever ends this thread: no caller may wait for it
            self.failed = MachineFailed(f"{self._place}: the journal's thread has ended: {exc!r}")
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._abandon, work)
            raise
        finally:
            self._let_go()

    def _batch(self) -> list[Work[S] | None]:
        """The work that waits. It is empty if none comes for BEAT_S seconds."""
        batch: list[Work[S] | None] = []
        with suppress(queue.Empty):
            batch.append(self._queue.get(timeout=BEAT_S))
            while len(batch) < BATCH:
                batch.append(self._queue.get_nowait())
        return batch

    def _commit(self, batch: list[Work[S]]) -> None:
        """Does a batch of work in one commit, and only then wakes those who wait."""
        results: list[Result] = []
        assert self._store is not None
        try:
            if self.failed is not None:
                raise self.failed
            self._store.beat()
            if batch:
                self._store.begin()
                results = [self._done(self._store, work, future) for work, future in batch]
                self._store.commit()
        except (OSError, sqlite3.Error, MachineFailed) as exc:
            # Nothing is retried. After a failed fsync Linux takes the pages for clean, so another
            # one would succeed without having written them. Source: Rebello et al., "Can
            # Applications Recover from fsync Failures?", USENIX ATC 2020.
            self.failed = (
                exc
                if isinstance(exc, MachineFailed)
                else MachineFailed(
                    f"{self._place}: the journal or a file beside it cannot be written: {exc}; "
                    "nothing that was acknowledged is lost, and the same command continues"
                )
            )
            results = [(future, None, self.failed) for _, future in batch]
        except Exception as exc:  # a bug in one piece of work must not leave its callers waiting
            logger.exception("the journal failed")
            self.failed = MachineFailed(f"the journal failed: {exc!r}")
            results = [(future, None, self.failed) for _, future in batch]
        with suppress(RuntimeError):  # the loop has gone, and so has everybody who waited
            self._loop.call_soon_threadsafe(_resolve, results)

    def _done(self, store: S, work: Callable[[S], Any], future: "asyncio.Future[Any]") -> Result:
        try:
            return future, work(store), None
        except (BadInput, Full) as exc:  # it concerns this caller alone, and nothing was written
            return future, None, exc

    def _let_go(self) -> None:
        """Closes the store, so that the folder is free for the next run, in this process too."""
        if self._store is not None:
            self._store.close(sound=self.failed is None)


def _resolve(results: list[Result]) -> None:
    for future, value, error in results:
        if not future.done():
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)
