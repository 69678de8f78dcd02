"""One opened run: its parts are built once, in one order, and closed in reverse."""

import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from engine.config.settings import Config
from engine.effects.effects import Effects
from engine.effects.prices import Prices
from engine.effects.sandbox import JournalledSandbox
from engine.effects.spending import Spending
from engine.errors import BadInput, EngineError
from engine.flow.context import StopSwitch
from engine.flow.flow import Flow
from engine.flow.signal import Signal
from engine.flow.window import Window
from engine.journal.journal import Journal
from engine.results.report import Report, report, write_report
from engine.results.sink import RunSink
from engine.results.snapshot import Snapshot, SpendingSnapshot, totals_of
from engine.resuming import ResumeOptions, resume
from engine.source import benchmarks
from engine.source.admission import Admission
from engine.wiring.graph import CodeGraph, Wiring
from engine.wiring.model_free import ModelFreeStages
from engine.wiring.models import Models
from sandbox import Limits, Sandbox, SandboxError
from stages.errors import Misconfigured
from stages.inference.client import open_session
from stages.inference.environment import Environment
from stages.records import counts

logger = logging.getLogger(__name__)
SMALLEST_WINDOW = 2
SMALLEST_INBOX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The parts of an opened run.

    fresh: the folder is new. before: counts by kind, of earlier processes of the folder.
    opened_at: seconds on the environment's clock.
    """

    config: Config
    environment: Environment
    opened_at: float
    stop: StopSwitch
    sandbox: Sandbox
    journal: Journal
    spending: Spending
    effects: Effects
    models: Models
    admission: Admission
    sink: RunSink
    flow: Flow
    fresh: bool
    before: counts.Counts

    def snapshot(self) -> Snapshot:
        """The run as it is now."""
        books, spending = self.flow.books, self.spending
        by_kind = Counter(books.counts.table())
        by_kind.update(self.before)
        expected, answers = self.admission.extent.expected, self.config.prediction.samples
        pools = self.models.pools.values()
        return Snapshot(
            elapsed_s=self.environment.clock() - self.opened_at,
            counts=books.counts.table(),
            live_counts=books.live_counts,
            live=books.live,
            held_back=books.held_back,
            nodes=self.flow.statistics(),
            written=dict(self.sink.written),
            sandbox=self.sandbox.statistics(),
            endpoints={pool.addresses: pool.statistics() for pool in pools},
            in_flight=self.models.in_flight,
            made=self.effects.made,
            replayed=self.effects.replayed,
            withheld=self.effects.withheld,
            spending=SpendingSnapshot(
                usd=spending.usd,
                tokens=spending.tokens,
                priced=spending.prices.known,
                details=spending.to_json(),
            ),
            forecast=spending.spans(expected, by_kind, answers),
            isolation=self.sandbox.isolation,
            unseen_packages=self.sandbox.guest.unseen,
        )

    async def report(self) -> Report:
        """The report of the whole folder, up to now."""
        return report(self.snapshot(), await totals_of(self.journal))


@asynccontextmanager
async def open_run(
    config: Config, options: ResumeOptions, environment: Environment
) -> AsyncIterator[Run]:
    """Opens a run's parts, each with all that it needs, and closes them in reverse.

    The flow is not started: the caller enters and leaves it. What frees a resource notifies one
    signal, and what stops the run sets one switch. So the parts need not know of each other, and
    none is changed once it is built.
    Raises: EngineError.
    """
    opened_at = environment.clock()
    signal, stop = Signal(), StopSwitch()
    spending = Spending(prices=Prices.of(config.models), limits=config.limits)
    async with (
        _opened_sandbox(config, signal) as sandbox,
        Journal(config.folder) as journal,
        open_session() as session,
    ):
        fresh = await resume(config, journal, options)
        await spending.resume(journal)
        before = counts.of_kinds(await journal.counts())
        effects = Effects(
            journal=journal,
            stop=stop,
            replay_only=options.replay_only,
            most_pending=options.most_pending,
        )
        models = Models(
            config=config,
            sandbox=sandbox,
            effects=effects,
            spending=spending,
            session=session,
            environment=environment,
            changed=signal.notify,
        )
        recorded = JournalledSandbox(sandbox, effects)
        try:
            known = await benchmarks.load(config, sandbox)
            stages = ModelFreeStages(config, recorded, known)
            wiring = Wiring(config=config, sandbox=sandbox, stages=stages, models=models)
            nodes = wiring.nodes()
            admission = Admission(config, stages.feedback, stop)
        except Misconfigured as exc:
            raise BadInput(str(exc)) from exc
        # Rows are let in by demand. This bound is twice what the models, and a stage that runs
        # programs, can work on at once.
        size = max(SMALLEST_WINDOW, 2 * models.ceiling + 4 * sandbox.workers)
        window = Window(
            size,
            config.limits.live_bytes,
            demand=lambda: sandbox.semaphore.idle or models.idle,
            signal=signal,
        )
        sink = RunSink(
            journal=journal,
            until=config.output.until,
            max_rows=config.limits.max_rows,
            rows=await journal.rows(config.output.until),
        )
        flow = Flow(
            nodes,
            graph=CodeGraph(),
            sink=sink,
            window=window,
            stop=stop,
            queue_size=max(SMALLEST_INBOX, size),
            bugs=config.limits.bugs,
        )
        run = Run(
            config=config,
            environment=environment,
            opened_at=opened_at,
            stop=stop,
            sandbox=sandbox,
            journal=journal,
            spending=spending,
            effects=effects,
            models=models,
            admission=admission,
            sink=sink,
            flow=flow,
            fresh=fresh,
            before=before,
        )
        try:
            yield run
        finally:
            admission.close()
            await _leave_report(run)


@asynccontextmanager
async def _opened_sandbox(config: Config, signal: Signal) -> AsyncIterator[Sandbox]:
    settings = config.sandbox
    sandbox = Sandbox(
        Limits(
            cpu_s=settings.cpu_s,
            wall_s=settings.wall_s,
            memory_bytes=settings.memory_mb << 20,
        ),
        workers=settings.workers,
        # One more permit that only verification takes, so that slow programs never idle a model.
        kept=1,
        python=settings.python,
        isolation=settings.isolation,
        changed=signal.notify,
    )
    try:
        await sandbox.__aenter__()
    except SandboxError as exc:
        raise BadInput(str(exc)) from exc
    try:
        yield sandbox
    finally:
        await sandbox.__aexit__(None, None, None)


async def _leave_report(run: Run) -> None:
    """Writes report.json. Where the machine has failed, the old one stays."""
    if run.config.folder is None:
        return
    try:
        write_report(run.config.folder, await run.report())
    except (EngineError, OSError) as exc:
        logger.warning("report.json could not be written: %s", exc)
