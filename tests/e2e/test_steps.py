"""Each step of the published scripts, run alone on files that hold nothing but the reference's
fields."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.support.runs import finished, rows, samples, settings, starter_files, write_rows

FIELDS = {
    "questions": ("messages",),
    "unified": ("messages", "index", "output", "model", "reasoning"),
    "parsed": (
        "problem_description",
        "io_requirements",
        "refcode",
        "funcname",
        "ios",
        "category",
        "meta",
    ),
    "messages": ("messages", "itemid", "ioid", "io_pred"),
    "generations": (
        "messages",
        "itemid",
        "ioid",
        "io_pred",
        "index",
        "output",
        "model",
        "reasoning",
    ),
    "verified": (
        "messages",
        "itemid",
        "ioid",
        "io_pred",
        "index",
        "output",
        "model",
        "reasoning",
        "res",
        "retry_count",
    ),
    "revision": (
        "messages",
        "itemid",
        "ioid",
        "io_pred",
        "retry_count",
        "history_errors",
        "original_id",
    ),
}


def bare(found: Iterable[dict[str, Any]], boundary: str) -> list[dict[str, Any]]:
    """The rows as the reference would have written them."""
    return [{name: row[name] for name in FIELDS[boundary] if name in row} for row in found]


class Steps:
    """A folder in which one step after the other is run, each on the bare file of the one
    before."""

    def __init__(self, base: Path) -> None:
        self.base = base

    async def run(
        self, source: str | list[str], entering: str, until: str, name: str, **sections: Any
    ) -> dict[str, Any]:
        config = settings(
            self.base,
            source={"path": source, "format": entering, "parsed": "parsed.jsonl"},
            output={"dir": name, "until": until},
            **sections,
        )
        report = await finished(config)
        if until != "samples":
            found = bare(rows(self.base / name / f"{until}.jsonl"), until)
            assert found
            write_rows(self.base / f"{name}.jsonl", *found)
        return report


async def test_each_step_of_the_published_scripts_runs_alone(tmp_path: Path) -> None:
    steps = Steps(tmp_path)
    await steps.run(starter_files("bank_queue", "rle_rows"), "raw", "questions", "asked")
    await steps.run("asked.jsonl", "questions", "unified", "unified")
    await steps.run("unified.jsonl", "unified", "parsed", "parsed", models={})
    await steps.run("parsed.jsonl", "parsed", "messages", "messages", models={})
    await steps.run("messages.jsonl", "messages", "generations", "turn1")
    await steps.run("turn1.jsonl", "generations", "verified", "verified1", models={})
    await steps.run("verified1.jsonl", "verified", "revision", "revision", models={})
    await steps.run("revision.jsonl", "revision", "generations", "turn2")
    await steps.run("turn2.jsonl", "generations", "verified", "verified2", models={})
    one, two = rows(tmp_path / "verified1.jsonl"), rows(tmp_path / "verified2.jsonl")
    wrong = [row for row in one if row["res"]["status"] != "success"]
    assert 0 < len(two) <= len(wrong) < len(one)
    assert {row["retry_count"] for row in two} == {1}

    report = await steps.run(
        ["verified1.jsonl", "verified2.jsonl"], "verified", "samples", "assembled", models={}
    )
    found = samples(tmp_path / "assembled")
    assert len(found) == len(one)
    assert report["source"]["read"] == len(one) + len(two)
    assert report["spending"]["models"] == {}, "assembling asked a model"
    second = {row["turn_2"] for row in found.values()} - {None}
    assert second == {row["output"] for row in two}
    for row in found.values():
        assert row["meta"]["turns"][0]["verdict"] in ("right", "wrong", "no_answer", "error")


async def test_a_row_without_its_program_is_a_reject_with_its_line(tmp_path: Path) -> None:
    steps = Steps(tmp_path)
    await steps.run(starter_files("rle_rows"), "raw", "parsed", "parsed")
    row = {"messages": [{"role": "user", "content": "?"}], "itemid": 7, "ioid": 0, "io_pred": "o"}
    write_rows(
        tmp_path / "messages.jsonl",
        row,
        {**row, "itemid": 0, "ioid": 99},
        {**row, "itemid": 0, "io_pred": "x"},
    )
    report = await steps.run("messages.jsonl", "messages", "samples", "out")
    assert report["source"]["rejected"] == {"no_program": 1, "no_pair": 1, "bad_row": 1}
    assert sorted(r["source"]["line"] for r in rows(tmp_path / "out" / "rejects.jsonl")) == [
        1,
        2,
        3,
    ]
