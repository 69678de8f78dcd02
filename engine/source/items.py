"""What a caller may hand in: a row, a path, or the text of a source file."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

import anyio

from engine.source.files import found_files, rows_of
from engine.source.row import SourceRow

SourceItem = Mapping[str, Any] | str | Path
SourceItems = Iterable[SourceItem] | AsyncIterable[SourceItem]


async def each(items: SourceItems) -> AsyncIterator[SourceItem]:
    """The items, one by one. A single one counts as a list of one."""
    if isinstance(items, (str, Path, Mapping)):
        yield items
    elif isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def rows_of_item(item: SourceItem, base: Path, code_field: str) -> AsyncIterator[SourceRow]:
    """The rows of an item. A text of one line that names a file is a path. Raises: BadInput."""
    if isinstance(item, Mapping):
        yield SourceRow(file="", line=0, fields=dict(item), size_bytes=len(str(item)))
    elif isinstance(item, Path) or (item and "\n" not in item and await _names_a_file(base / item)):
        async for row in rows_of(await found_files([str(item)], base), base, code_field):
            yield row
    else:
        yield SourceRow(file="", line=0, fields={code_field: item}, size_bytes=len(item))


async def _names_a_file(path: Path) -> bool:
    try:
        return await anyio.Path(path).exists()
    except OSError:  # a name too long to be one
        return False
