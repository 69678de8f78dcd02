"""`codeio run`: runs, or goes on with, what the run file says, under signals and with a display."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.commands import options

if TYPE_CHECKING:
    import asyncio

    from engine.config.settings import Config
    from engine.core import Engine
    from engine.results.report import Report
    from engine.resuming import ResumeOptions

SPARE_DESCRIPTORS = 256
"""Files that a run opens beside its connections."""


@click.command()
@options.run_file
@options.overrides
@click.option(
    "--fork",
    metavar="NEWDIR",
    default="",
    help=(
        "Runs with other settings into a new folder. What the old folder has paid for is used "
        "again."
    ),
)
@click.option(
    "--replay-only",
    is_flag=True,
    help="Calls no model. Ends with 2 and how many calls would be needed first, if any are.",
)
@click.option(
    "--retry-rejects",
    metavar="REASON",
    default="",
    help="Tries again what was rejected for this reason, such as gave_up or module.",
)
def command(
    run_file: str, overrides: tuple[str, ...], fork: str, replay_only: bool, retry_rejects: str
) -> int:
    """Runs, or goes on with, what the run file RUN.toml says.

    The same command again continues where the last one stopped. It ends with 0 when all is done,
    and with 1 when work is left.

    \b
    Example:
      codeio run run.toml --set limits.max_files=100
      codeio run run.toml --fork strict --set verification.equality=strict
    """
    import asyncio
    from dataclasses import replace

    from engine.config.loading import load_config
    from engine.errors import BadInput
    from engine.resuming import ResumeOptions

    path = Path(run_file)
    if path.is_dir():
        raise BadInput(f"{path} is a folder; give the run file in it, such as {path / 'run.toml'}")
    config = load_config(path, overrides)
    if not config.source.path:
        raise BadInput(f"{path}: [source] path is missing: the files to read")
    resuming = ResumeOptions(replay_only=replay_only, retry=retry_rejects)
    if fork:
        forked = _forked(config, fork)
        config, resuming = forked, replace(resuming, fork_of=config.folder)
    _raise_descriptors(config)
    return asyncio.run(_supervised(config, resuming))


def _forked(config: "Config", new: str) -> "Config":
    """The same settings with another folder. Raises: BadInput."""
    from engine.errors import BadInput
    from engine.journal.opening import FILE

    if config.folder is None or not (config.folder / FILE).exists():
        raise BadInput(
            f"--fork {new}: output.dir is {config.output.dir!r}, where there is no run to take "
            "results from"
        )
    output = config.output.model_copy(update={"dir": str(Path(new).absolute())})
    forked = config.model_copy(update={"output": output})
    if forked.folder is not None and forked.folder.resolve() == config.folder.resolve():
        raise BadInput(f"--fork {new}: this is the folder itself; name a new one")
    return forked


def _raise_descriptors(config: "Config") -> None:
    """Lets this process open as many files as its connections need.

    Raises: BadInput where the system forbids it.
    """
    import resource

    from engine.errors import BadInput

    need = SPARE_DESCRIPTORS + sum(model.concurrency for model in config.models.values())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= need:
        return
    if hard != resource.RLIM_INFINITY and hard < need:
        raise BadInput(
            f"models.*.concurrency need {need} open files, and this system allows {hard}: lower "
            f"them, or raise the limit (ulimit -Hn {need})"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))


async def _supervised(config: "Config", resuming: "ResumeOptions") -> int:
    """One run under signals: the first drains, the second cancels."""
    import asyncio
    import signal

    from engine.core import Engine
    from engine.results.monitor import watch
    from engine.resuming import outlook

    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[str] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, signals.put_nowait, signal.Signals(number).name)
    async with Engine(config, options=resuming) as engine:
        if resuming.fork_of is not None:
            click.echo(await outlook(config, engine.opened.journal), err=True)
        running = asyncio.create_task(engine.run())
        watching = asyncio.create_task(watch(engine.statistics))
        stopping = asyncio.create_task(_stop_on_signals(engine, signals, running))
        try:
            await running
        except asyncio.CancelledError:
            # The run was cancelled after a signal, or else this coroutine itself is cancelled.
            if not stopping.done():
                raise
        finally:
            for task in (watching, stopping):
                task.cancel()
            await asyncio.gather(watching, stopping, return_exceptions=True)
            report = await engine.report()
            _show(config, report)
        return _status(engine, report)


def _status(engine: "Engine", report: "Report") -> int:
    """The exit status of a run that has ended without an error."""
    if withheld := engine.statistics().withheld:
        click.echo(
            f"{withheld} model calls would be needed to begin with; --replay-only makes none",
            err=True,
        )
        return 2
    if engine.finished:
        return 0
    left = report["source"]["live"]
    command_line = " ".join(
        [click.get_current_context().find_root().info_name or "", *sys.argv[1:]]
    )
    click.echo(
        f"stopped; {left} source rows are under way or more are left. To go on: {command_line}",
        err=True,
    )
    return 1


async def _stop_on_signals(
    engine: "Engine", signals: "asyncio.Queue[str]", running: "asyncio.Task[None]"
) -> None:
    """Waits for a signal, lets the run drain for limits.grace_s seconds, and cancels it."""
    import asyncio

    name = await signals.get()
    grace_s = engine.config.limits.grace_s
    click.echo(
        f"{name}: no more is taken in; what is live gets {grace_s:g} s (again: stop at once)",
        err=True,
    )
    engine.stop()
    draining = asyncio.create_task(engine.drained(grace_s))
    second = asyncio.create_task(signals.get())
    await asyncio.wait({draining, second}, return_when=asyncio.FIRST_COMPLETED)
    for task in (draining, second):
        task.cancel()
    running.cancel()


def _show(config: "Config", report: "Report") -> None:
    from engine.results.summary import summary

    for line in summary(report):
        click.echo(line)
    if config.folder is not None:
        click.echo(f"rows are in {config.folder / (config.output.until + '.jsonl')}")
