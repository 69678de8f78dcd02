"""Source files: every form is read alike, in order, and a bad row says what is bad about it."""

import gzip
import json
from pathlib import Path

import pytest
import zstandard

from engine.errors import BadInput
from engine.source.files import found_files, rows_of
from engine.source.row import ROW_BYTES, SourceRow


async def read(base: Path, *paths: str) -> list[SourceRow]:
    return [row async for row in rows_of(await found_files(paths, base), base, "content")]


ROWS = [{"content": f"x = {n}", "n": n} for n in range(3)]
TEXT = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", TEXT),
        ("a.jsonl", TEXT.rstrip(b"\n")),
        ("a.jsonl", TEXT.replace(b"\n", b"\r\n")),
        ("a.jsonl.gz", gzip.compress(TEXT)),
        ("a.jsonl.gz", gzip.compress(TEXT[:40]) + gzip.compress(TEXT[40:])),
        ("a.jsonl.zst", zstandard.compress(TEXT)),
        ("a.jsonl.zst", zstandard.compress(TEXT[:40]) + zstandard.compress(TEXT[40:])),
    ],
)
async def test_rows_are_read_alike_whatever_they_are_packed_in(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    found = await read(tmp_path, name)
    assert [row.fields for row in found] == ROWS
    assert [(row.file, row.line) for row in found] == [(name, 1), (name, 2), (name, 3)]


async def test_parquet_rows_are_read_where_pyarrow_is_there(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra [parquet] is not installed")
    import pyarrow.parquet as parquet

    parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    assert [row.fields for row in await read(tmp_path, "a.parquet")] == ROWS


async def test_a_folder_gives_its_source_files_sorted_and_no_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.py", "a.py", "sub/c.py", ".git/d.py", "e.bin", "__pycache__/f.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"# {name}\n")
    found = await read(tmp_path, ".")
    assert [row.file for row in found] == ["a.py", "b.py", "sub/c.py"]
    assert found[0].fields == {"content": "# a.py\n", "path": "a.py"}


async def test_a_bad_line_is_a_row_with_its_number_and_the_next_one_is_fine(tmp_path: Path) -> None:
    lines = [
        b'{"content": "ok"}',
        b"{not json",
        b'"text"',
        b'{"content": "\xff"}',
        b"",
        b'{"content": "last"}',
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    found = await read(tmp_path, "a.jsonl")
    assert [(row.line, row.reason) for row in found] == [
        (1, ""),
        (2, "not_json"),
        (3, "not_json"),
        (4, "not_utf8"),
        (6, ""),
    ]


async def test_a_row_of_fifty_megabytes_is_refused_without_being_held(tmp_path: Path) -> None:
    with (tmp_path / "a.jsonl").open("wb") as file:
        file.write(b'{"content": "one"}\n{"content": "')
        for _ in range(50):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n{"content": "two"}\n')
    found = await read(tmp_path, "a.jsonl")
    assert [(row.line, row.reason) for row in found] == [(1, ""), (2, "too_long"), (3, "")]
    assert ROW_BYTES < 50 << 20


async def test_a_source_file_that_is_not_utf8_is_a_row_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x = '\xe9'\n")
    (row,) = await read(tmp_path, "a.py")
    assert row.reason == "not_utf8"


async def test_a_damaged_archive_keeps_the_rows_before_the_damage(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(TEXT) + gzip.compress(TEXT))
    packed[len(gzip.compress(TEXT)) + 12] ^= 0xFF
    (tmp_path / "a.jsonl.gz").write_bytes(bytes(packed))
    found = await read(tmp_path, "a.jsonl.gz")
    assert found[-1].reason == "damaged"


async def test_big_integers_and_nan_survive_reading(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"n": 123456789012345678901234567890, "x": NaN}\n')
    (row,) = await read(tmp_path, "a.jsonl")
    assert row.fields is not None
    assert row.fields["n"] == 123456789012345678901234567890


@pytest.mark.parametrize("path", ["nothing.jsonl", "*.jsonl", "empty"])
async def test_what_names_no_file_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"source\.path"):
        await read(tmp_path, path)
