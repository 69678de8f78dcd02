"""The reader of transform replies, against recorded replies in many layouts."""

import json
from pathlib import Path

import pytest

from stages.records import Sections
from stages.transform.sections import Declined, merged, read

REPLIES = Path(__file__).with_name("replies")
PROGRAMS = {
    name: Sections(**{key: text or "" for key, text in program.items()})
    for name, program in json.loads((REPLIES / "programs.json").read_text()).items()
}
LAYOUTS = sorted((REPLIES / "layouts").glob("*/*.md"))
UNPARSABLE = json.loads((REPLIES / "unparsable" / "expected.json").read_text())
SEVERAL = json.loads((REPLIES / "several" / "expected.json").read_text())


def text_of(path: Path) -> str:
    return path.read_bytes().decode()


def test_there_are_sixty_replies_in_twelve_layouts() -> None:
    assert len(LAYOUTS) >= 60
    assert len({path.parent.name for path in LAYOUTS}) >= 12


@pytest.mark.parametrize("path", LAYOUTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_layout_reads_alike(path: Path) -> None:
    parts = read(text_of(path))
    assert not isinstance(parts, Declined)
    assert [part.fault for part in parts] == [None]
    assert parts[0].sections == PROGRAMS[path.stem]


@pytest.mark.parametrize("name", sorted(UNPARSABLE))
def test_what_cannot_be_used_is_refused_by_its_reason(name: str) -> None:
    found = read(text_of(REPLIES / "unparsable" / name))
    if isinstance(found, Declined):
        assert UNPARSABLE[name] == {"reason": "declined", "category": found.category}
    else:
        assert [part.fault and part.fault.kind for part in found] == [UNPARSABLE[name]["reason"]]


@pytest.mark.parametrize("name", sorted(SEVERAL))
def test_several_programs_of_one_reply_are_kept_apart(name: str) -> None:
    parts = read(text_of(REPLIES / "several" / name))
    assert not isinstance(parts, Declined)
    assert [part.sections for part in parts] == [PROGRAMS[program] for program in SEVERAL[name]]


def test_a_repair_replaces_only_the_sections_it_gives() -> None:
    base = next(iter(PROGRAMS.values()))
    mended = merged(base, "Here it is.\n\n## Problem Statement\nWhat now?\n")
    assert mended.statement == "What now?"
    assert mended.code == base.code


def test_a_repair_that_repeats_what_was_there_changes_nothing() -> None:
    base = next(iter(PROGRAMS.values()))
    assert merged(base, f"## Problem Statement\n{base.statement}\n") is base
