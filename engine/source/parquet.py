"""The rows of a parquet file, a batch at a time in a thread. Needs pyarrow, an extra."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import anyio.to_thread

from engine.errors import BadInput
from engine.source.row import SourceRow

BATCH_ROWS = 256


async def parquet_rows(path: Path, name: str) -> AsyncGenerator[SourceRow, None]:
    """The rows of a parquet file. name: of the file, as rows carry it. Raises: BadInput."""
    batches = _batches(path)
    line = 0
    while rows := await anyio.to_thread.run_sync(_next, batches, path):
        for fields in rows:
            line += 1
            yield SourceRow(
                file=name,
                line=line,
                fields=fields,
                size_bytes=sum(len(str(value)) for value in fields.values()),
            )


def _batches(path: Path) -> Iterator[list[dict[str, Any]]]:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise BadInput(
            f"{path}: reading parquet needs pyarrow: pip install 'codeio-engine[parquet]'"
        ) from None
    for batch in parquet.ParquetFile(path).iter_batches(batch_size=BATCH_ROWS):
        yield batch.to_pylist()


def _next(batches: Iterator[list[dict[str, Any]]], path: Path) -> list[dict[str, Any]]:
    """The rows of the next batch, none at the end. Runs in a thread."""
    try:
        return next(batches, [])
    except (OSError, ValueError) as exc:
        raise BadInput(f"source.path: {path} cannot be read as parquet: {exc}") from exc
