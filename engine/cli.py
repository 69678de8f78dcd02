"""The command: reads the run file, runs, shows how it goes, and ends with the exit status of
DESIGN's contract.

0 finished; 1 stopped with work left, the same command continues; 2 the command, the run file, the
input, a key or the folder is wrong; 3 the machine failed, or a bug; 4 an audit found what does not
reproduce.
"""

import argparse
import asyncio
import logging
import resource
import shutil
import signal
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path

from engine import audit, batch
from engine.config import load_config
from engine.core import Engine
from engine.database import Database
from engine.errors import BadInput, EngineError, MachineFailed
from engine.monitor import watch
from engine.outbox import Outbox
from engine.report import report_of, standing_rejects, summary
from engine.resuming import Again, outlook
from engine.settings import Config

USAGE = """\
python -m engine RUN.toml [--set section.key=value ...]    run, or go on with, what the run file says
    --fork NEWDIR             with other settings into a new folder; what the old one has paid for is used again
    --replay-only             call no model; say what would be needed
    --retry-rejects REASON    take up again what was rejected for this reason
python -m engine compact DIR                               make a run folder's journal smaller
python -m engine batch write RUN.toml FILE                 the calls that the run needs now, as a batch input file
python -m engine batch read RUN.toml FILE                  takes a batch API's results in
python -m engine audit DIR [--sample N]                    re-execute what a run folder holds; 4 if anything does not reproduce
python -m engine init DIR                                  write a starter: source files and a commented run file"""

SPARE_DESCRIPTORS = 256
"""Files that a run opens beside its connections."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command. Returns its exit status."""
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("engine.monitor").setLevel(logging.INFO)
    try:
        if arguments and arguments[0] == "init":
            return _init(arguments[1:])
        if arguments and arguments[0] == "compact":
            return _compact(arguments[1:])
        if arguments and arguments[0] == "audit":
            return _audit(arguments[1:])
        if arguments and arguments[0] == "batch":
            return _batch(arguments[1:])
        return _run(arguments)
    except EngineError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return exc.exit_status
    except KeyboardInterrupt:
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine", usage=USAGE, add_help=True)
    parser.add_argument("run_file", help="a run file (TOML)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="section.key=value",
        dest="overrides",
        help="lays a setting over the run file; may be given again",
    )
    parser.add_argument("--fork", metavar="NEWDIR", default="")
    parser.add_argument("--replay-only", action="store_true")
    parser.add_argument("--retry-rejects", metavar="REASON", default="")
    return parser


def _run(arguments: Sequence[str]) -> int:
    parsed = _parser().parse_args(arguments)
    path = Path(parsed.run_file)
    if path.is_dir():
        raise BadInput(f"{path} is a folder; give the run file in it, such as {path / 'run.toml'}")
    config = load_config(path, parsed.overrides)
    if not config.source.path:
        raise BadInput(f"{path}: [source] path is missing: the files to read")
    again = Again(replay_only=parsed.replay_only, retry=parsed.retry_rejects)
    if parsed.fork:
        config, again = _forked(config, parsed.fork), replace(again, fork_of=config.folder)
    _raise_descriptors(config)
    return asyncio.run(_supervised(config, again, f"python -m engine {' '.join(arguments)}"))


def _forked(config: Config, new: str) -> Config:
    """The same settings with another folder. Raises: BadInput."""
    if config.folder is None or not (config.folder / "journal.sqlite").exists():
        raise BadInput(
            f"--fork {new}: output.dir is {config.output.dir!r}, where there is no run to take results from"
        )
    output = config.output.model_copy(update={"dir": str(Path(new).absolute())})
    forked = config.model_copy(update={"output": output})
    if forked.folder is not None and forked.folder.resolve() == config.folder.resolve():
        raise BadInput(f"--fork {new}: this is the folder itself; name a new one")
    return forked


def _raise_descriptors(config: Config) -> None:
    """Lets this process open as many files as its connections need. Raises: BadInput where the
    system forbids it."""
    need = SPARE_DESCRIPTORS + sum(model.concurrency for model in config.models.values())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= need:
        return
    if hard != resource.RLIM_INFINITY and hard < need:
        raise BadInput(
            f"models.*.concurrency need {need} open files, and this system allows {hard}: lower them, or "
            f"raise the limit (ulimit -Hn {need})"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))


def _compact(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine compact")
    parser.add_argument("dir", help="a run folder that no run holds")
    folder = Path(parser.parse_args(arguments).dir)
    if not (folder / "journal.sqlite").exists():
        raise BadInput(f"{folder}: there is no journal.sqlite in it; name a run folder")
    before = (folder / "journal.sqlite").stat().st_size
    database = Database(folder)
    try:
        database.open()
        outbox = Outbox(database)
        outbox.recover()
        outbox.sync()
        outbox.close()
        dropped = database.compact(reject["source"]["row"] for reject in standing_rejects(folder))
        database.close()
    except (OSError, sqlite3.Error) as exc:
        raise MachineFailed(
            f"{folder}: its journal cannot be made smaller: {exc}; it is as it was"
        ) from exc
    after = (folder / "journal.sqlite").stat().st_size
    print(
        f"{folder / 'journal.sqlite'}: {before} bytes, now {after}; {dropped} results were dropped that only finished "
        "source rows had asked for: going on needs none of them, an extension or a fork would ask again"
    )
    return 0


def _audit(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine audit")
    parser.add_argument("dir", help="a run folder")
    parser.add_argument(
        "--sample", type=int, default=0, metavar="N", help="only N of its finished rows; 0: all"
    )
    parsed = parser.parse_args(arguments)
    found = asyncio.run(audit.audit(Path(parsed.dir), parsed.sample))
    for finding in found.findings:
        print(finding)
    if found.elsewhere:
        print(
            f"{found.elsewhere} programs were generated by another Python, platform or packages than this audit's"
        )
    print(
        f"audited {found.programs} programs with {found.pairs} pairs and {found.rows} rows with {found.answers} answers: "
        + (f"{len(found.findings)} rows do not reproduce" if found.findings else "all reproduced")
        + (f"; {found.near_limit} differ near a limit and say so" if found.near_limit else "")
    )
    return 4 if found.findings else 0


def _batch(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine batch")
    parser.add_argument("what", choices=("write", "read"))
    parser.add_argument("run_file", help="a run file (TOML)")
    parser.add_argument("file", help="the batch input file to write, or the result file to read")
    parser.add_argument(
        "--most", type=int, default=batch.MOST, help="requests in the file, at most"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="section.key=value", dest="overrides"
    )
    parsed = parser.parse_args(arguments)
    config = load_config(Path(parsed.run_file), parsed.overrides)
    if config.folder is None:
        raise BadInput(
            "output.dir is empty: a batch needs a run folder, where its results are kept"
        )
    if parsed.what == "write":
        written = asyncio.run(batch.write(config, Path(parsed.file), parsed.most))
        print(
            f"{parsed.file}: {written.requests} requests, which can cost {written.most_usd:.4f} USD at most; "
            f"{written.waiting} more are needed now"
        )
        return 0
    taken = asyncio.run(batch.read(config, Path(parsed.file)))
    print(
        f"{parsed.file}: {taken.answers} answers, {taken.refused} refusals, {taken.known} that were there already; "
        f"{taken.failed} failed and will be asked again"
    )
    return 0


async def _supervised(config: Config, how: Again, again: str) -> int:
    """One run under signals: the first drains, the second cancels."""
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[str] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, signals.put_nowait, signal.Signals(number).name)
    async with Engine(config, again=how) as engine:
        if how.fork_of is not None:
            print(await outlook(config, engine.journal), file=sys.stderr)
        running = asyncio.create_task(engine.run())
        watching = asyncio.create_task(watch(engine))
        stopping = asyncio.create_task(_stop_on_signals(engine, signals, running))
        try:
            await running
        except asyncio.CancelledError:
            if not stopping.done():
                raise
        finally:
            for task in (watching, stopping):
                task.cancel()
            await asyncio.gather(watching, stopping, return_exceptions=True)
            report = await report_of(engine)
            _tell(config, report)
        if engine.effects.withheld:
            print(
                f"{engine.effects.withheld} model calls would be needed to begin with; --replay-only makes none",
                file=sys.stderr,
            )
            return 2
        if engine.finished:
            return 0
        left = report["source"]["live"]
        print(
            f"stopped; {left} source rows are under way or more are left. To go on: {again}",
            file=sys.stderr,
        )
        return 1


async def _stop_on_signals(
    engine: Engine, signals: "asyncio.Queue[str]", running: "asyncio.Task[None]"
) -> None:
    name = await signals.get()
    grace_s = engine.config.limits.grace_s
    print(
        f"{name}: no more is taken in; what is live gets {grace_s:g} s (again: stop at once)",
        file=sys.stderr,
    )
    engine.stop()
    draining = asyncio.create_task(engine.drained(grace_s))
    second = asyncio.create_task(signals.get())
    await asyncio.wait({draining, second}, return_when=asyncio.FIRST_COMPLETED)
    for task in (draining, second):
        task.cancel()
    running.cancel()


def _tell(config: Config, report: "dict[str, object]") -> None:
    for line in summary(report):
        print(line)
    if config.folder is not None:
        print(f"rows are in {config.folder / (config.output.until + '.jsonl')}")


def _init(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine init")
    parser.add_argument("dir", help="a folder to write the starter into; it must be new or empty")
    folder = Path(parser.parse_args(arguments).dir)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} is there already and not empty; choose another folder")
    starter = resources.files("engine").joinpath("starter")
    try:
        (folder / "code").mkdir(parents=True)
        with resources.as_file(starter) as files:
            shutil.copy(files / "run.toml", folder / "run.toml")
            for file in sorted((files / "code").glob("*.py")):
                shutil.copy(file, folder / "code" / file.name)
    except OSError as exc:
        raise BadInput(f"{folder}: cannot be written: {exc.strerror}") from exc
    print(f"wrote {folder / 'run.toml'} and {len(list((folder / 'code').iterdir()))} source files.")
    print(f"next: python -m engine {folder / 'run.toml'}")
    return 0
