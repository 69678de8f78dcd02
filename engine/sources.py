"""Reads the user's files row by row, in sorted order, in bounded memory; a bad row is a row that
says what is bad."""

import glob
import json
import zlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiofiles
import aiofiles.os
import zstandard

from engine.errors import BadInput

ROW_BYTES = 32 << 20
"""A longer line is a reject; nothing of it is held in memory."""
CHUNK_BYTES = 1 << 20
ROWS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
CODE = frozenset(
    {
        ".py",
        ".pyi",
        ".js",
        ".ts",
        ".jsx",
        ".tsx",
        ".java",
        ".kt",
        ".scala",
        ".c",
        ".h",
        ".cc",
        ".cpp",
        ".hpp",
        ".cs",
        ".go",
        ".rs",
        ".rb",
        ".php",
        ".swift",
        ".m",
        ".pl",
        ".lua",
        ".r",
        ".jl",
        ".sh",
        ".sql",
        ".hs",
        ".ml",
        ".ex",
        ".erl",
        ".clj",
        ".dart",
        ".f90",
        ".pas",
        ".txt",
    }
)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of a source file: its fields, or what is wrong with it. line: from 1; size_bytes: as
    read."""

    file: str
    line: int
    fields: dict[str, Any] | None
    size_bytes: int = 0
    reason: str = ""
    detail: str = ""


def files_of(paths: Sequence[str], base: Path, setting: str = "source.path") -> list[Path]:
    """All files that the paths name (files, globs, folders), sorted, each once. Raises: BadInput,
    naming `setting`."""
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
            # absolute patterns
            matches = [Path(match) for match in glob.glob(str(path), recursive=True)]  # noqa: PTH207
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


async def rows_of(
    files: Sequence[Path], base: Path, code_field: str
) -> AsyncGenerator[SourceRow, None]:
    """The rows of all files in order. A source file itself is one row, its text in `code_field`."""
    for path in files:
        name = _shown(path, base)
        if path.name.endswith(".parquet"):
            for row in _parquet_rows(path, name):
                yield row
        elif path.name.endswith(ROWS):
            async with aclosing(_line_rows(path, name)) as found:
                async for row in found:
                    yield row
        else:
            yield await _file_row(path, name, code_field)


def _shown(path: Path, base: Path) -> str:
    """The path as rows carry it: relative to the run file where it lies below it."""
    try:
        return path.resolve().relative_to(base.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


async def _file_row(path: Path, name: str, code_field: str) -> SourceRow:
    size = (await aiofiles.os.stat(path)).st_size
    if size > ROW_BYTES:
        return SourceRow(name, 1, None, reason="too_long", detail=f"a source file of {size} bytes")
    try:
        async with aiofiles.open(path, "rb") as file:
            text = (await file.read()).decode()
    except UnicodeDecodeError as exc:
        return SourceRow(name, 1, None, size, "not_utf8", f"the file is not UTF-8: {exc}")
    except OSError as exc:
        raise BadInput(f"source.path: {path} cannot be read: {exc.strerror}") from exc
    return SourceRow(name, 1, {code_field: text, "path": name}, size)


async def _line_rows(path: Path, name: str) -> AsyncGenerator[SourceRow, None]:
    line = 0
    try:
        async with aclosing(_lines(path)) as found:
            async for raw in found:
                line += 1
                if raw is None:
                    detail = f"the line has more than {ROW_BYTES} bytes"
                    yield SourceRow(name, line, None, reason="too_long", detail=detail)
                elif raw.strip():
                    yield row_of(raw, name, line)
    except (zlib.error, zstandard.ZstdError, EOFError) as exc:
        yield SourceRow(
            name,
            line + 1,
            None,
            reason="damaged",
            detail=f"the file cannot be unpacked from here on: {exc}",
        )
    except OSError as exc:
        raise BadInput(f"source.path: {path} cannot be read: {exc.strerror}") from exc


def row_of(raw: bytes, file: str, line: int) -> SourceRow:
    """A line of JSONL, or what is wrong with it. NaN and infinities are let in: files of others
    hold them."""
    try:
        fields = json.loads(raw.decode())
    except UnicodeDecodeError as exc:
        return SourceRow(file, line, None, len(raw), "not_utf8", f"the line is not UTF-8: {exc}")
    except (ValueError, RecursionError) as exc:
        return SourceRow(file, line, None, len(raw), "not_json", f"the line is not JSON: {exc}")
    if not isinstance(fields, dict):
        return SourceRow(file, line, None, len(raw), "not_json", "the line is JSON, but no object")
    return SourceRow(file, line, fields, len(raw))


class _Unpacking(Protocol):
    def __call__(self, chunk: bytes, /) -> bytes: ...


def _unpacker(path: Path) -> _Unpacking:
    if path.name.endswith(".gz"):
        return _Gzip()
    if path.name.endswith(".zst"):
        return zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress
    return bytes


class _Gzip:
    """Unpacks gzip, of several members too."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    def __call__(self, chunk: bytes) -> bytes:
        out = self._inner.decompress(chunk)
        while self._inner.eof and self._inner.unused_data.strip(b"\0"):
            rest = self._inner.unused_data
            self._inner = zlib.decompressobj(wbits=31)
            out += self._inner.decompress(rest)
        return out


async def _lines(path: Path) -> AsyncGenerator[bytes | None, None]:
    """The lines of a file, None for one that is too long. Only one line and one chunk are held."""
    unpack = _unpacker(path)
    parts: list[bytes] = []
    held, too_long = 0, False
    async with aiofiles.open(path, "rb") as file:
        while chunk := await file.read(CHUNK_BYTES):
            *ended, rest = unpack(chunk).split(b"\n")
            for piece in ended:
                yield (
                    None if too_long or held + len(piece) > ROW_BYTES else b"".join([*parts, piece])
                )
                parts, held, too_long = [], 0, False
            held += len(rest)
            parts.append(rest)
            if held > ROW_BYTES:
                parts, too_long = [], True
    if too_long or held:
        yield None if too_long else b"".join(parts)


def _parquet_rows(path: Path, name: str) -> Iterator[SourceRow]:
    try:
        import pyarrow.parquet as parquet  # an extra
    except ImportError:
        raise BadInput(
            f"{path}: reading parquet needs pyarrow: pip install 'codeio-engine[parquet]'"
        ) from None
    try:
        line = 0
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=256):
            for fields in batch.to_pylist():
                line += 1
                yield SourceRow(
                    name, line, fields, sum(len(str(value)) for value in fields.values())
                )
    except (OSError, ValueError) as exc:
        raise BadInput(f"source.path: {path} cannot be read as parquet: {exc}") from exc
