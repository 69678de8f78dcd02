"""The whole pipeline over real files, against the stand-in server; skipped where ../shared is not
there."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from engine import Config, Engine
from stages.guest import guest_packages
from tests.support.digests import digest_of
from tests.support.runs import finished, rows, samples, settings, unmeasured, write_rows
from tests.support.standin import PARSED, RAW, needs_shared, standin

pytestmark = needs_shared


def against(base: Path, url: str, **sections: Any) -> Config:
    models = {"main": {"base_url": f"{url}/v1", "model": "stand-in", "concurrency": 64}}
    return settings(base, **{"models": models, "source": {"path": str(RAW)}, **sections})


def ledger(url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{url}/ledger") as reply:
        return dict(json.load(reply))


def endings(folder: Path) -> tuple[set[int], set[int]]:
    """Lines of the source that gave a program, and lines that gave none but a reject."""
    finished_lines = {row["source"]["line"] for row in rows(folder / "programs.jsonl")}
    rejected = {row["source"]["line"] for row in rows(folder / "rejects.jsonl")}
    return finished_lines, rejected - finished_lines


@pytest.mark.parametrize(
    ("total", "programs"), [(45, 8), pytest.param(702, 265, marks=pytest.mark.slow)]
)
async def test_real_files_run_through_and_nothing_is_lost(
    tmp_path: Path, total: int, programs: int
) -> None:
    with standin("--latency", "0") as url:
        report = await finished(against(tmp_path, url, limits={"max_files": total}))
        billed = ledger(url)
    out = tmp_path / "out"
    done, rejected = endings(out)
    assert done | rejected == set(range(1, total + 1))
    assert (
        report["source"]["read"]
        == total
        == report["source"]["finished"] + sum(report["source"]["rejected"].values())
    )
    assert len(rows(out / "programs.jsonl")) >= programs
    assert billed["paid_twice"] == 0
    questions = rows(out / "questions.jsonl")
    assert len(samples(out)) == len(questions) == len({row["id"] for row in questions})
    for kind in report["kinds"].values():
        assert kind["read"] == kind["finished"] + kind["rejected"]


async def test_a_second_run_gives_the_same_rows(tmp_path: Path) -> None:
    with standin() as url:
        for name in ("one", "two"):
            await finished(against(tmp_path, url, output={"dir": name}, limits={"max_files": 20}))
    assert unmeasured(tmp_path / "one") == unmeasured(tmp_path / "two")
    one, two = (
        sorted(rows(tmp_path / name / "rejects.jsonl"), key=lambda row: str(row["id"]))
        for name in ("one", "two")
    )
    assert one == two


async def test_broken_programs_are_there_again_after_repair(tmp_path: Path) -> None:
    programs = {}
    for name, options in (("sound", ()), ("broken", ("--broken", "0.5"))):
        with standin(*options) as url:
            await finished(
                against(
                    tmp_path, url, output={"dir": name, "until": "parsed"}, limits={"max_files": 20}
                )
            )
        programs[name] = {
            row["source"]["line"]: row for row in rows(tmp_path / name / "programs.jsonl")
        }
    assert len(programs["sound"].keys() & programs["broken"].keys()) >= 0.95 * len(
        programs["sound"]
    )
    repaired = [row for row in programs["broken"].values() if row["transform"]["attempts"] > 1]
    assert len(repaired) >= 0.2 * len(programs["sound"])


@pytest.mark.slow
async def test_recorded_programs_enter_at_parsed(tmp_path: Path) -> None:
    lines = PARSED.read_text().splitlines()[100:108]
    write_rows(tmp_path / "parsed.jsonl", *lines)
    with standin() as url:
        source = {"path": "parsed.jsonl", "format": "parsed"}
        report = await finished(against(tmp_path, url, source=source))
    assert report["source"]["read"] == 8
    assert report["source"]["finished"] >= 5
    assert {row["meta"]["turns"][0]["verdict"] for row in samples(tmp_path / "out").values()} >= {
        "right",
        "wrong",
    }


@pytest.mark.slow
async def test_all_recorded_programs_enter_at_parsed(tmp_path: Path) -> None:
    with standin() as url:
        report = await finished(
            against(tmp_path, url, source={"path": str(PARSED), "format": "parsed"})
        )
    total = len(PARSED.read_text().splitlines())
    assert (
        report["source"]["read"]
        == total
        == report["source"]["finished"] + sum(report["source"]["rejected"].values())
    )


@pytest.mark.slow
async def test_all_broken_programs_are_there_again_after_repair(tmp_path: Path) -> None:
    lines = {}
    for name, options in (("sound", ()), ("broken", ("--broken", "0.5"))):
        with standin(*options) as url:
            await finished(against(tmp_path, url, output={"dir": name, "until": "parsed"}))
        lines[name] = {row["source"]["line"] for row in rows(tmp_path / name / "programs.jsonl")}
    assert len(lines["sound"] & lines["broken"]) >= 0.95 * len(lines["sound"])


@pytest.mark.slow
async def test_a_second_run_over_all_files_gives_the_same_rows(tmp_path: Path) -> None:
    with standin() as url:
        for name in ("one", "two"):
            await finished(against(tmp_path, url, output={"dir": name}))
    assert unmeasured(tmp_path / "one") == unmeasured(tmp_path / "two")
    assert endings(tmp_path / "one") == endings(tmp_path / "two")


@pytest.mark.slow
async def test_the_rows_of_all_files_are_those_of_the_first_release(tmp_path: Path) -> None:
    with standin("--latency", "0") as url:
        async with Engine(against(tmp_path, url)) as engine:
            if guest_packages(engine.opened.sandbox.guest.modules) != ("numpy",):
                pytest.skip("the digest is of a guest that has numpy, and no other known package")
            await engine.run()
    digest = "586cfc032967a83b267e14317ece6c80ced9685decd0ce2d4a309e30d74cd716"
    assert digest_of(tmp_path / "out") == digest
