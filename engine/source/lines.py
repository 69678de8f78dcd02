"""The rows of a JSONL file, compressed or not, in bounded memory.

A bad line is a row that says what is wrong. Files are read in a thread, a chunk of lines at a time.
So a large or slow file never holds up the loop.
"""

import gzip
import io
import json
import zlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import anyio.to_thread
import zstandard

from engine.errors import BadInput
from engine.source.row import ROW_BYTES, SourceRow

CHUNK_BYTES = 1 << 20
"""Bytes of lines that are read in one go."""
DAMAGED = (zlib.error, gzip.BadGzipFile, zstandard.ZstdError, EOFError)
"""What the unpackers raise for bytes that they cannot read."""


@dataclass(slots=True)
class _Chunk:
    """Lines that were read in one go.

    lines: their bytes, None for one that is too long. damage: why nothing more can be read.
    """

    lines: list[bytes | None]
    damage: str = ""


async def line_rows(path: Path, name: str) -> AsyncGenerator[SourceRow, None]:
    """The rows of a .jsonl, .jsonl.gz or .jsonl.zst file. Raises: BadInput.

    name: of the file, as rows carry it.
    """
    line = 0
    try:
        with _opened(path) as file:
            while (chunk := await anyio.to_thread.run_sync(_read, file)).lines or chunk.damage:
                for raw in chunk.lines:
                    line += 1
                    if raw is None:
                        detail = f"the line has more than {ROW_BYTES} bytes"
                        yield SourceRow.bad(name, line, "too_long", detail)
                    elif raw.strip():
                        yield row_of(raw, name, line)
                if chunk.damage:
                    detail = f"the file cannot be unpacked from here on: {chunk.damage}"
                    yield SourceRow.bad(name, line + 1, "damaged", detail)
                    return
    except OSError as exc:
        raise BadInput(f"source.path: {path} cannot be read: {exc.strerror}") from exc


def row_of(raw: bytes, file: str, line: int) -> SourceRow:
    """A line of JSONL, or what is wrong with it.

    NaN and infinities are accepted, since some files hold them.
    """
    size = len(raw)
    try:
        fields = json.loads(raw.decode())
    except UnicodeDecodeError as exc:
        return SourceRow.bad(file, line, "not_utf8", f"the line is not UTF-8: {exc}", size)
    except (ValueError, RecursionError) as exc:
        return SourceRow.bad(file, line, "not_json", f"the line is not JSON: {exc}", size)
    if not isinstance(fields, dict):
        return SourceRow.bad(file, line, "not_json", "the line is JSON, but no object", size)
    return SourceRow(file=file, line=line, fields=fields, size_bytes=size)


def _opened(path: Path) -> BinaryIO:
    if path.name.endswith(".gz"):
        return cast("BinaryIO", gzip.open(path, "rb"))
    if path.name.endswith(".zst"):
        packed = path.open("rb")
        reader = zstandard.ZstdDecompressor().stream_reader(
            packed, read_across_frames=True, closefd=True
        )
        return cast("BinaryIO", io.BufferedReader(reader))
    return path.open("rb")


def _read(file: BinaryIO) -> _Chunk:
    """The next lines, none at the end of the file. Runs in a thread."""
    chunk, size = _Chunk([]), 0
    try:
        while size < CHUNK_BYTES and (raw := file.readline(ROW_BYTES + 1)):
            size += len(raw)
            line = raw.removesuffix(b"\n")
            if len(line) > ROW_BYTES:
                chunk.lines.append(None)
                _skip_line(file)
            else:
                chunk.lines.append(line)
    except DAMAGED as exc:
        chunk.damage = str(exc)
    return chunk


def _skip_line(file: BinaryIO) -> None:
    """Reads to the end of a line of which a part was read, and keeps nothing of it."""
    while (raw := file.readline(CHUNK_BYTES)) and not raw.endswith(b"\n"):
        pass
