"""The 316 recorded programs of the sample before the gate: what does not reproduce is listed with
its class, as by hand."""

import asyncio
import json
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from sandbox import Limits, Sandbox
from stages.execution.profile import CLEAN
from stages.execution.review import Review
from stages.likeness.likeness import Likeness
from stages.records import Origin, Program
from stages.rows.entries import parsed
from tests.support.standin import PARSED, needs_shared

BY_HAND = tomllib.loads((Path(__file__).parent.parent / "planted" / "recorded.toml").read_text())
CLASSES = ("random", "clock", "hash_order", "state", "opaque", "mutation", "mismatch", "module")


@needs_shared
@pytest.mark.slow
async def test_every_recorded_program_that_does_not_reproduce_is_listed_with_its_class() -> None:
    rows = [json.loads(line) for line in PARSED.read_text().splitlines()]
    found: dict[str, set[str]] = defaultdict(set)
    async with Sandbox(Limits(), workers=2) as box:
        review = Review(box, CLEAN, Likeness(box, clusters=False))

        async def one(number: int, row: dict[str, object]) -> None:
            id_ = str(row["id"])
            (outcome,) = await review(
                parsed(row, Origin(id=id_, file="parsed.jsonl", line=number + 1, index=number))
            )
            if isinstance(outcome, Program):
                found["mutates"].update(
                    {id_} if any(pair.mutates for pair in outcome.pairs) else ()
                )
            else:
                found[outcome.reason].add(id_)

        await asyncio.gather(*(one(number, row) for number, row in enumerate(rows)))
    doubtful = set(BY_HAND["doubtful"])
    assert {name: found[name] - doubtful for name in (*CLASSES, "mutates")} == {
        name: set(BY_HAND[name]) - doubtful for name in (*CLASSES, "mutates")
    }
    assert found.keys() <= {*CLASSES, "mutates", "no_pairs"}
