"""What a caller may hand in: rows, paths, and the text of source files."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadInput
from engine.source.items import SourceItem, SourceItems, each, rows_of_item
from engine.source.row import SourceRow

CODE = "def f():\n    return 1\n"


async def rows(item: SourceItem, base: Path) -> list[SourceRow]:
    return [row async for row in rows_of_item(item, base, "content")]


async def later(*items: SourceItem) -> AsyncIterator[SourceItem]:
    for item in items:
        yield item


@pytest.mark.parametrize(
    ("items", "found"),
    [
        ("a.py", ["a.py"]),
        (Path("a.py"), [Path("a.py")]),
        ({"content": CODE}, [{"content": CODE}]),
        ([], []),
        (iter(["a.py", {"content": CODE}]), ["a.py", {"content": CODE}]),
        (later("a.py", Path("b.py")), ["a.py", Path("b.py")]),
    ],
)
async def test_items_come_one_by_one(items: SourceItems, found: list[Any]) -> None:
    assert [item async for item in each(items)] == found


async def test_a_mapping_is_a_row(tmp_path: Path) -> None:
    (row,) = await rows({"content": CODE, "license": "mit"}, tmp_path)
    assert (row.file, row.line, row.fields) == ("", 0, {"content": CODE, "license": "mit"})


@pytest.mark.parametrize("text", [CODE, "x = 1", "a.py\n", "x" * 5000, "x = '\0'"])
async def test_a_text_that_names_no_file_is_code(tmp_path: Path, text: str) -> None:
    for name in ("a.py", "a.py\n"):
        (tmp_path / name).write_text("other")
    (row,) = await rows(text, tmp_path)
    assert row == SourceRow(file="", line=0, fields={"content": text}, size_bytes=len(text))


@pytest.mark.parametrize("item", ["a.py", Path("a.py")])
async def test_a_path_is_read_below_the_base(tmp_path: Path, item: SourceItem) -> None:
    (tmp_path / "a.py").write_text(CODE)
    (row,) = await rows(item, tmp_path)
    assert (row.file, row.line, row.fields) == ("a.py", 1, {"content": CODE, "path": "a.py"})


async def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no file .*nowhere\.py"):
        await rows(Path("nowhere.py"), tmp_path)


async def test_an_empty_text_is_an_empty_source_file(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CODE)
    (row,) = await rows("", tmp_path)
    assert row.fields == {"content": ""}
