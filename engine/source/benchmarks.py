"""Reads the benchmarks of a run file: their 13-grams, and the behaviour of their programs."""

from contextlib import aclosing

from engine.config.settings import Config
from engine.errors import BadInput
from engine.source.files import found_files, rows_of
from sandbox import Runner
from stages.errors import Rejected
from stages.likeness.clusters import Probing
from stages.likeness.contamination import Benchmarks
from stages.records import Origin
from stages.rows.entries import parsed

SETTING = "contamination.benchmarks"


async def load(config: Config, sandbox: Runner) -> Benchmarks:
    """Reads all rows of the configured files, before the first source row.

    It takes about 150 bytes of memory for each 13-gram.
    Raises: BadInput.
    """
    into = Benchmarks()
    files = await found_files(config.contamination.benchmarks, config.base, SETTING)
    async with aclosing(rows_of(files, config.base, "content")) as rows:
        async for row in rows:
            if row.fields is None:
                raise BadInput(f"{SETTING}: {row.file}, line {row.line}: {row.detail}")
            into.add(row.file, row.fields)
            if "refcode" in row.fields and "ios" in row.fields:
                try:
                    program = parsed(
                        row.fields,
                        Origin(id=f"{row.file}:{row.line}", file=row.file, line=row.line),
                    )
                except Rejected as exc:
                    raise BadInput(f"{SETTING}: {row.file}, line {row.line}: {exc.detail}") from exc
                behaviour = await Probing(sandbox).behaviour(program)
                if behaviour is not None:
                    into.behaviours.setdefault(behaviour, row.file)
    return into
