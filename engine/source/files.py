"""Which files the user's paths name, and their rows, in sorted order and bounded memory."""

import glob
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import aiofiles
import aiofiles.os
import anyio.to_thread

from engine.errors import BadInput
from engine.source.lines import line_rows
from engine.source.parquet import parquet_rows
from engine.source.row import ROW_BYTES, SourceRow

ROWS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
"""Ends of the names of files that hold rows. Any other file is a source file itself."""
CODE = frozenset(
    """
    .py .pyi .js .ts .jsx .tsx .java .kt .scala .c .h .cc .cpp .hpp .cs .go .rs .rb .php
    .swift .m .pl .lua .r .jl .sh .sql .hs .ml .ex .erl .clj .dart .f90 .pas .txt
    """.split()  # noqa: SIM905  # a list of them would take a line each
)
"""Ends of the names of source files that are taken out of a folder."""


def files_of(paths: Sequence[str], base: Path, setting: str = "source.path") -> list[Path]:
    """All files that the paths name (files, globs, folders), sorted, each once.

    setting: where the paths come from, for messages.
    Raises: BadInput.
    """
    found: list[Path] = []
    for text in paths:
        path = base / Path(text).expanduser()
        if path.is_dir():
            inside = [
                p for p in path.rglob("*") if p.is_file() and _readable(p) and not _hidden(p, path)
            ]
            if not inside:
                raise BadInput(
                    f"{setting}: the folder {path} holds no source files and no {', '.join(ROWS)}"
                )
            found += inside
        elif path.exists():
            found.append(path)
        else:
            names = glob.glob(str(path), recursive=True)  # noqa: PTH207  # absolute patterns
            matches = [Path(name) for name in names]
            if not matches:
                raise BadInput(f"{setting}: there is no file {path}")
            found += [match for match in matches if match.is_file()]
    return sorted(set(found))


def _readable(path: Path) -> bool:
    return path.suffix in CODE or path.name.endswith(ROWS)


def _hidden(path: Path, top: Path) -> bool:
    return any(
        part.startswith(".") or part == "__pycache__" for part in path.relative_to(top).parts
    )


async def found_files(paths: Sequence[str], base: Path, setting: str = "source.path") -> list[Path]:
    """The same in a thread: a folder of a million files takes seconds to list. Raises: BadInput."""
    return await anyio.to_thread.run_sync(files_of, paths, base, setting)


async def rows_of(
    files: Sequence[Path], base: Path, code_field: str
) -> AsyncGenerator[SourceRow, None]:
    """The rows of all files in order. A source file itself is one row, its text in `code_field`."""
    for path in files:
        name = await anyio.to_thread.run_sync(_shown, path, base)
        if not path.name.endswith(ROWS):
            yield await _file_row(path, name, code_field)
            continue
        read = parquet_rows if path.name.endswith(".parquet") else line_rows
        async with aclosing(read(path, name)) as found:
            async for row in found:
                yield row


def _shown(path: Path, base: Path) -> str:
    """The path as rows carry it: relative to the run file where it lies below it."""
    try:
        return path.resolve().relative_to(base.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


async def _file_row(path: Path, name: str, code_field: str) -> SourceRow:
    size = (await aiofiles.os.stat(path)).st_size
    if size > ROW_BYTES:
        return SourceRow.bad(name, 1, "too_long", f"a source file of {size} bytes")
    try:
        async with aiofiles.open(path, "rb") as file:
            text = (await file.read()).decode()
    except UnicodeDecodeError as exc:
        return SourceRow.bad(name, 1, "not_utf8", f"the file is not UTF-8: {exc}", size)
    except OSError as exc:
        raise BadInput(f"source.path: {path} cannot be read: {exc.strerror}") from exc
    return SourceRow(file=name, line=1, fields={code_field: text, "path": name}, size_bytes=size)
