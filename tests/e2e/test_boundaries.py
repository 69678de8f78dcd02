"""Leaving the stream at a boundary and entering there again gives the rows of the straight run."""

from pathlib import Path
from typing import Any

import pytest

from engine.config.reach import ORDER
from tests.support.runs import finished, rows, samples, settings, starter_files

FILES = ("bank_queue", "rle_rows", "recipe_scaler", "settings")
PREDICTION = {"pairs": 2}


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    import asyncio

    base = tmp_path_factory.mktemp("straight")
    asyncio.run(
        finished(settings(base, source={"path": starter_files(*FILES)}, prediction=PREDICTION))
    )
    return samples(base / "out")


@pytest.mark.parametrize("boundary", ORDER[1:-1])
async def test_leaving_and_entering_again_gives_the_rows_of_the_straight_run(
    boundary: str, straight: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    first = settings(
        tmp_path,
        source={"path": starter_files(*FILES)},
        prediction=PREDICTION,
        output={"dir": "first", "until": boundary},
    )
    await finished(first)
    source: dict[str, Any] = {
        "path": f"first/{boundary}.jsonl",
        "format": boundary,
        "parsed": "first/programs.jsonl",
    }
    second = settings(tmp_path, source=source, prediction=PREDICTION, output={"dir": "second"})
    report = await finished(second)
    assert report["source"]["read"] == len(rows(tmp_path / "first" / f"{boundary}.jsonl"))
    found = {**samples(tmp_path / "first"), **samples(tmp_path / "second")}
    assert found.keys() == straight.keys()
    assert found == straight


async def test_until_verified_holds_the_rows_of_every_turn(
    straight: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    await finished(
        settings(
            tmp_path,
            source={"path": starter_files(*FILES)},
            prediction=PREDICTION,
            output={"dir": "out", "until": "verified"},
        )
    )
    found = rows(tmp_path / "out" / "verified.jsonl")
    turns = sum(len(row["meta"]["turns"]) for row in straight.values())
    assert len(found) == turns
    assert {row["retry_count"] for row in found if "retry_count" in row} == {1}


async def test_verdicts_alone_ask_no_model(
    straight: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    await finished(
        settings(
            tmp_path,
            source={"path": starter_files(*FILES)},
            prediction=PREDICTION,
            output={"dir": "first", "until": "generations"},
        )
    )
    source = {
        "path": "first/generations.jsonl",
        "format": "generations",
        "parsed": "first/programs.jsonl",
    }
    config = settings(
        tmp_path, source=source, models={}, output={"dir": "second", "until": "verified"}
    )
    await finished(config)
    verdicts = {
        row["id"]: row["turn"]["verdict"] for row in rows(tmp_path / "second" / "verified.jsonl")
    }
    assert verdicts == {
        row["meta"]["question"]: row["meta"]["turns"][0]["verdict"] for row in straight.values()
    }
