"""The journal: what it acknowledged is there after reopening, each row once, whatever the last process left behind."""

import json
import sqlite3
from pathlib import Path

import pytest

from engine.errors import BadInput, FolderInUse, MachineFailed
from engine.journal import Journal


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
async def test_what_a_kill_cut_off_is_appended_at_the_next_opening(tmp_path: Path, lost: int) -> None:
    async with Journal(tmp_path) as journal:
        for number in range(3):
            await journal.emit("rows", str(number), {"n": number, "pad": "x"}, {})
    whole = (tmp_path / "rows.jsonl").read_bytes()
    assert whole.count(b"\n") == 3
    # as a kill between commit and append leaves it: rows committed in the outbox, the file without their end
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
        assert await journal.marked("b") == "declined"
        assert await journal.marked("c") is None


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
