"""How many source rows there will be."""

from pathlib import Path

import pytest

from engine.source.extent import Extent


@pytest.mark.parametrize(
    ("extent", "expected"),
    [
        (Extent(rows=3, bytes=30), None),
        (Extent(total_bytes=300), None),
        (Extent(total_bytes=100, rows=3, bytes=30), 10),
        (Extent(total_bytes=10, rows=3, bytes=30), 3),
        (Extent(total_bytes=300, rows=3, bytes=30, whole=True), 3),
        (Extent(most=7), 7),
        (Extent(most=7, total_bytes=300, rows=3, bytes=30), 7),
        (Extent(most=50, total_bytes=300, rows=3, bytes=30), 30),
        (Extent(most=7, rows=3, whole=True), 3),
    ],
)
def test_rows_are_expected_by_the_share_of_bytes_until_all_are_read(
    extent: Extent, expected: int | None
) -> None:
    assert extent.expected == expected


@pytest.mark.parametrize(
    ("names", "total"),
    [
        (["a.jsonl", "b.py"], 20),
        (["a.jsonl", "c.jsonl.gz"], None),
        (["c.jsonl.zst"], None),
        (["c.parquet"], None),
    ],
)
def test_compressed_files_say_nothing_of_their_rows(
    tmp_path: Path, names: list[str], total: int | None
) -> None:
    extent = Extent()
    for name in names:
        (tmp_path / name).write_bytes(b"x" * 10)
    extent.look([tmp_path / name for name in names])
    assert extent.total_bytes == total
    extent.seen(4)
    extent.seen(4)
    assert extent.expected == (total and 5)
