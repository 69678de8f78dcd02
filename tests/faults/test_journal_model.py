"""Any interleaving of writes, crashes and reopenings: the journal answers what it acknowledged, and
the files hold it."""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.journal.journal import Journal

NAMES = st.sampled_from("abcdef")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), NAMES),
        st.tuples(st.just("emit"), NAMES),
        st.tuples(st.just("mark"), NAMES),
        st.tuples(st.just("crash"), st.integers(0, 60)),
        st.tuples(st.just("reopen"), st.none()),
    ),
    max_size=30,
)


class Acknowledged:
    """What the journal has said is safe."""

    def __init__(self) -> None:
        self.effects: dict[bytes, bytes] = {}
        self.rows: list[str] = []
        self.marks: set[str] = set()


async def do(journal: Journal, known: Acknowledged, step: str, name: str) -> None:
    if step == "record":
        value = f"value {len(known.effects)} ".encode() * 100
        await journal.record(name.encode(), value)
        known.effects.setdefault(name.encode(), value)
    elif step == "emit":
        row = await journal.emit("rows", name, {"id": name, "n": len(known.rows)}, {"rows": 1})
        if name not in known.rows:
            known.rows.append(name)
        assert known.rows[row] == name
    else:
        await journal.mark(name, "")
        known.marks.add(name)


async def check(journal: Journal, known: Acknowledged, folder: Path) -> None:
    for key, value in known.effects.items():
        assert await journal.effect(key) == value
    assert await journal.counts() == ({"rows": len(known.rows)} if known.rows else {})
    assert await journal.endings() == ({"": len(known.marks)} if known.marks else {})
    path = folder / "rows.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    assert [json.loads(line)["id"] for line in lines] == known.rows


def crashed(folder: Path, cut_bytes: int, synced_bytes: int) -> Path:
    """The folder as a loss of power leaves it: a copy made while the journal is open, whose rows'
    file lacks its last bytes, but none that were synced."""
    copy = Path(tempfile.mkdtemp(dir=folder.parent))
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    path = copy / "rows.jsonl"
    if path.exists():
        path.write_bytes(path.read_bytes()[: max(synced_bytes, path.stat().st_size - cut_bytes)])
    return copy


async def played(folder: Path, steps: list[tuple[str, object]]) -> None:
    known, journal, synced_bytes = Acknowledged(), Journal(folder), 0
    await journal.__aenter__()
    for step, what in steps:
        if step in ("crash", "reopen"):
            left = crashed(folder, int(str(what)), synced_bytes) if step == "crash" else folder
            await journal.__aexit__(None, None, None)
            if step == "reopen" and known.rows:
                synced_bytes = (folder / "rows.jsonl").stat().st_size
            folder, journal = left, Journal(left)
            await journal.__aenter__()
            await check(journal, known, folder)
        else:
            await do(journal, known, step, str(what))
    await check(journal, known, folder)
    await journal.__aexit__(None, None, None)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_what_was_acknowledged_is_there_after_any_crash(steps: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as base:
        asyncio.run(played(Path(base) / "run", steps))
