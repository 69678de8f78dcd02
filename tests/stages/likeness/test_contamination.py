"""Benchmarks that users measure with: a program that is in one is tagged, by 13 words in a row or
by what it does."""

import json
from pathlib import Path

import pytest

from engine.errors import BadInput
from engine.source import benchmarks
from sandbox import Limits, Sandbox
from stages.likeness.contamination import GRAM, Benchmarks, grams
from stages.likeness.likeness import TAG, Likeness
from stages.records import Pair, Program, Sections
from tests.support.records import program
from tests.support.runs import settings

TEXT = (
    "Given a list of parcels, find the number of journeys that a lorry makes until every parcel "
    "is gone."
)
SQUARES = "def main_solution(n):\n    return n * n + 1\n"


def subject(statement: str, code: str = "def main_solution(a):\n    return a\n") -> Program:
    return program(
        sections=Sections(code=code, description="", generator="", statement=statement),
        pairs=(Pair(input='{"n": 3}', output="10"),),
    )


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (TEXT, True),
        (f"Once more. {TEXT.upper().replace(',', ' ;')} And so on.", True),
        (" ".join(TEXT.split()[3 : 3 + GRAM]), True),
        (" ".join(TEXT.split()[3 : 2 + GRAM]), False),
        (TEXT.replace("journeys", "trips").replace("lorry", "van"), False),
    ],
)
def test_13_words_in_a_row_are_found_whatever_their_case_and_punctuation(
    statement: str, *, found: bool
) -> None:
    known = Benchmarks()
    known.add("bench.jsonl", {"task": {"prompt": [TEXT]}, "number": 3})
    assert known.matches(subject(statement)) == (
        [{"benchmark": "bench.jsonl", "how": "13-gram"}] if found else []
    )


def test_a_short_text_has_no_13_grams() -> None:
    assert list(grams("one two three")) == []


async def test_a_rewrite_of_a_benchmarks_program_is_found_by_what_it_does(tmp_path: Path) -> None:
    row = {
        "refcode": SQUARES,
        "ios": [{"input": {"n": 2}, "output": 5}],
        "problem_description": TEXT,
    }
    (tmp_path / "bench.jsonl").write_text(json.dumps(row) + "\n")
    config = settings(tmp_path, contamination={"benchmarks": "bench.jsonl"})
    rewrite = subject(
        "What comes out?",
        (
            "def main_solution(n):\n"
            "    total = 1\n"
            "    for _ in range(n):\n"
            "        total += n\n"
            "    return total\n"
        ),
    )
    other = subject("What comes out?", "def main_solution(n):\n    return n * n + 2\n")
    async with Sandbox(Limits(), workers=1) as box:
        likeness = Likeness(box, benchmarks=await benchmarks.load(config, box))
        found, clean = await likeness.tagged(rewrite), await likeness.tagged(other)
    assert found.tags == (TAG,)
    assert found.generation.to_json()["contamination"] == [
        {"benchmark": "bench.jsonl", "how": "behaviour"}
    ]
    assert clean.tags == ()
    assert clean.cluster is not None


async def test_a_bad_row_of_a_benchmark_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "bench.jsonl").write_text('{"a": 1}\n{"a": \n')
    config = settings(tmp_path, contamination={"benchmarks": ["bench.jsonl"]})
    async with Sandbox(Limits(), workers=1) as box:
        with pytest.raises(BadInput, match=r"contamination\.benchmarks: bench\.jsonl, line 2"):
            await benchmarks.load(config, box)


async def test_a_missing_benchmark_is_named(tmp_path: Path) -> None:
    config = settings(tmp_path, contamination={"benchmarks": ["nowhere.jsonl"]})
    async with Sandbox(Limits(), workers=1) as box:
        with pytest.raises(BadInput, match=r"contamination\.benchmarks: there is no file"):
            await benchmarks.load(config, box)
