"""The journal: what it acknowledged is there after reopening, each row once, whatever the last
process left behind."""

import json
import os
import sqlite3
from pathlib import Path

import pytest

from engine.errors import BadInput, FolderInUse, MachineFailed
from engine.journal.journal import Journal


async def test_an_effect_is_there_after_reopening(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        await journal.record(b"key", b"value")
        await journal.record(b"key", b"another")
    async with Journal(tmp_path) as journal:
        assert await journal.effect(b"key") == b"value"
        assert await journal.effect(b"other") is None


async def test_rows_are_written_once_and_numbered_in_order(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        assert await journal.emit("rows", "a", {"n": 1}, {"x": 1}) == 0
        assert await journal.emit("rows", "b", {"n": 2}, {"x": 1}) == 1
        assert await journal.emit("rows", "a", {"n": 1}, {"x": 1}) == 0
    async with Journal(tmp_path) as journal:
        assert await journal.emit("rows", "b", {"n": 2}, {"x": 1}) == 1
        assert await journal.emit("rows", "c", {"index": None}, {}) == 2
        assert await journal.counts() == {"x": 2}
    lines = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"n": 1}, {"n": 2}, {"index": 2}]


async def test_a_row_is_on_disk_when_emit_returns(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        await journal.emit("rows", "a", {"text": "ü\u2028"}, {})
        assert (tmp_path / "rows.jsonl").read_bytes() == '{"text": "ü\u2028"}\n'.encode()


@pytest.mark.parametrize("lost", [1, 5, 20, 39])
async def test_what_a_kill_cut_off_is_appended_at_the_next_opening(
    tmp_path: Path, lost: int
) -> None:
    async with Journal(tmp_path) as journal:
        for number in range(3):
            await journal.emit("rows", str(number), {"n": number, "pad": "x"}, {})
    whole = (tmp_path / "rows.jsonl").read_bytes()
    assert whole.count(b"\n") == 3
    # as a kill between commit and append leaves it: rows committed in the outbox, the file without
    # their end
    reopened = sqlite3.connect(tmp_path / "journal.sqlite")
    offset = 0
    for line in whole.splitlines(keepends=True):
        reopened.execute("INSERT INTO outbox VALUES ('rows', ?, ?)", (offset, line))
        offset += len(line)
    reopened.commit()
    reopened.close()
    (tmp_path / "rows.jsonl").write_bytes(whole[:-lost])
    async with Journal(tmp_path):
        pass
    assert (tmp_path / "rows.jsonl").read_bytes() == whole


async def test_a_file_that_something_else_wrote_to_is_refused_and_untouched(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        await journal.emit("rows", "a", {}, {})
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write("not ours\n")
    before = (tmp_path / "rows.jsonl").read_bytes()
    with pytest.raises(BadInput, match=r"rows\.jsonl"):
        async with Journal(tmp_path):
            pass
    assert (tmp_path / "rows.jsonl").read_bytes() == before
    assert not (tmp_path / "run.lock").exists()
    (tmp_path / "rows.jsonl").write_bytes(before.removesuffix(b"not ours\n"))
    async with Journal(tmp_path) as journal:  # what refused the folder does not hold it
        assert await journal.rows("rows") == 1


async def test_a_second_run_on_the_folder_is_refused(tmp_path: Path) -> None:
    async with Journal(tmp_path):
        with pytest.raises(FolderInUse, match="another run"):
            async with Journal(tmp_path):
                pass


async def test_marks_are_counted_by_their_ending(tmp_path: Path) -> None:
    async with Journal(None) as journal:
        await journal.mark("a", "")
        await journal.mark("b", "declined")
        await journal.mark("b", "declined")
        assert await journal.endings() == {"": 1, "declined": 1}
        assert await journal.marked(["a", "b", "c"]) == {"a": "", "b": "declined"}


async def test_a_tally_counts_once_for_its_id() -> None:
    async with Journal(None) as journal:
        await journal.tally("t", {"x": 2})
        await journal.tally("t", {"x": 2})
        assert await journal.counts() == {"x": 2}


async def test_a_lone_surrogate_is_written_as_valid_json(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        await journal.emit("rows", "a", {"text": "\ud800"}, {})
    assert json.loads((tmp_path / "rows.jsonl").read_bytes()) == {"text": "\ud800"}


async def test_a_journal_of_another_schema_is_refused(tmp_path: Path) -> None:
    async with Journal(tmp_path):
        pass
    connection = sqlite3.connect(tmp_path / "journal.sqlite")
    connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    connection.commit()
    connection.close()
    with pytest.raises(BadInput, match="schema 99"):
        async with Journal(tmp_path):
            pass


async def test_a_folder_that_cannot_be_made_is_the_machines_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineFailed, match="cannot be opened"):
        async with Journal(tmp_path / "file" / "below"):
            pass


async def test_who_is_refused_a_folder_sees_who_holds_it(tmp_path: Path) -> None:
    async with Journal(tmp_path):
        with pytest.raises(FolderInUse, match=rf"process {os.getpid()} on .* since 20"):
            async with Journal(tmp_path):
                pass
        assert (tmp_path / "run.lock").exists()  # who was refused took nothing away
    assert not (tmp_path / "run.lock").exists()


async def test_long_values_are_packed_and_come_back_as_they_were(tmp_path: Path) -> None:
    value = b'{"answer": "' + b"so it goes " * 1000 + b'"}'
    async with Journal(tmp_path) as journal:
        await journal.record(b"long", value)
        await journal.record(b"short", b"{}")
        assert await journal.effect(b"long") == value
    async with Journal(tmp_path) as journal:
        assert await journal.effect(b"long") == value
        assert await journal.effect(b"short") == b"{}"
    assert (tmp_path / "journal.sqlite").stat().st_size < 90_000 + len(value)


def old_journal(folder: Path) -> None:
    """A journal as version 1 wrote it."""
    connection = sqlite3.connect(folder / "journal.sqlite")
    connection.executescript(
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
        "CREATE TABLE effects (id INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB NOT NULL);"
        "CREATE UNIQUE INDEX effect_keys ON effects (key);"
        "CREATE TABLE marks (id TEXT PRIMARY KEY, ending TEXT NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE files (name TEXT PRIMARY KEY, rows INTEGER NOT NULL, bytes INTEGER NOT NULL);"
        "CREATE TABLE emitted (file TEXT NOT NULL, id TEXT NOT NULL, row INTEGER NOT NULL, "
        "PRIMARY KEY (file, id))"
        " WITHOUT ROWID;"
        "CREATE TABLE outbox (file TEXT NOT NULL, offset INTEGER NOT NULL, line BLOB NOT NULL);"
        "CREATE TABLE counts (name TEXT PRIMARY KEY, count INTEGER NOT NULL);"
        "INSERT INTO meta VALUES ('schema', '1'); INSERT INTO marks VALUES ('a', '');"
    )
    connection.execute("INSERT INTO effects (key, value) VALUES (?, ?)", (b"k", b"v" * 1000))
    connection.commit()
    connection.close()


async def test_a_journal_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    old_journal(tmp_path)
    async with Journal(tmp_path) as journal:
        assert await journal.effect(b"k") == b"v" * 1000
        assert await journal.marked(["a"]) == {"a": ""}
        assert await journal.attempt("program", "x") == 0


async def test_damaged_pages_of_results_are_left_behind_and_the_rest_is_saved(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Journal(tmp_path) as journal:
        await journal.mark("row", "")
        for number in range(200):
            await journal.record(b"%d" % number, os.urandom(2000))
    path = tmp_path / "journal.sqlite"
    bytes_ = bytearray(path.read_bytes())
    half = len(bytes_) // 2 // 4096 * 4096
    bytes_[half : half + 8192] = b"\xff" * 8192
    path.write_bytes(bytes_)
    async with Journal(tmp_path) as journal:
        there = [
            number for number in range(200) if await journal.effect(b"%d" % number) is not None
        ]
        assert await journal.marked(["row"]) == {"row": ""}
        await journal.record(b"new", b"value")
    assert 150 < len(there) < 200
    assert "are lost and will be asked for again" in caplog.text
    assert (tmp_path / "journal.damaged.sqlite").exists()


async def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"not a database at all" * 500)
    with pytest.raises(MachineFailed, match=r"journal\.sqlite: damaged beyond reading"):
        async with Journal(tmp_path):
            pass


@pytest.mark.parametrize("harm", ["delete", "move", "replace"])
async def test_a_file_that_goes_while_it_is_written_stops_the_run(
    tmp_path: Path, harm: str
) -> None:
    folder = tmp_path / "out"
    async with Journal(folder) as journal:
        await journal.emit("rows", "a", {"n": 1}, {})
        if harm == "move":
            folder.rename(tmp_path / "moved")
        else:
            (folder / "rows.jsonl").unlink()
        if harm == "replace":
            (folder / "rows.jsonl").write_text("other")
        with pytest.raises(MachineFailed, match="moved or deleted"):
            await journal.emit("rows", "b", {"n": 2}, {})


async def test_results_of_another_folder_are_found_and_it_is_not_written_to(tmp_path: Path) -> None:
    async with Journal(tmp_path / "old") as old:
        await old.record(b"key", b"v" * 1000)
    before = (tmp_path / "old" / "journal.sqlite").read_bytes()
    async with Journal(tmp_path / "new") as new:
        await new.attach(tmp_path / "old" / "journal.sqlite")
        assert await new.effect(b"key") == b"v" * 1000
        assert await new.effect(b"other") is None
    assert (tmp_path / "old" / "journal.sqlite").read_bytes() == before


async def test_a_folder_that_a_run_holds_cannot_be_forked(tmp_path: Path) -> None:
    async with Journal(tmp_path / "old"), Journal(tmp_path / "new") as new:
        with pytest.raises(FolderInUse, match="another run holds"):
            await new.attach(tmp_path / "old" / "journal.sqlite")
