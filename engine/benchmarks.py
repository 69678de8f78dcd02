"""Reads the benchmarks of a run file, before the first row: their 13-grams, and the behaviour of
those that are programs."""

from contextlib import aclosing

from engine.errors import BadInput
from engine.settings import Config
from engine.sources import files_of, rows_of
from sandbox import Runner
from stages.clusters import Probing
from stages.contamination import Benchmarks
from stages.entries import parsed
from stages.errors import Rejected
from stages.records import Origin

SETTING = "contamination.benchmarks"


async def load(config: Config, sandbox: Runner, into: Benchmarks) -> None:
    """Takes in all rows of the configured files. Memory: about 150 bytes for each 13-gram. Raises:
    BadInput."""
    files = files_of(config.contamination.benchmarks, config.base, SETTING)
    async with aclosing(rows_of(files, config.base, "content")) as rows:
        async for row in rows:
            if row.fields is None:
                raise BadInput(f"{SETTING}: {row.file}, line {row.line}: {row.detail}")
            into.add(row.file, row.fields)
            if "refcode" in row.fields and "ios" in row.fields:
                try:
                    program = parsed(
                        row.fields, Origin(f"{row.file}:{row.line}", row.file, row.line)
                    )
                except Rejected as exc:
                    raise BadInput(f"{SETTING}: {row.file}, line {row.line}: {exc.detail}") from exc
                behaviour = await Probing(sandbox).behaviour(program)
                if behaviour is not None:
                    into.behaviours.setdefault(behaviour, row.file)
