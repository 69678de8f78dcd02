"""What a run folder holds is run again: an untouched one reproduces, and of a tampered one the
tampered rows are named."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.audit.audit import audit
from engine.commands.main import main
from engine.errors import BadInput
from tests.support.runs import finished, settings, starter_files

Row = dict[str, Any]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of a few of the starter's files."""
    folder = tmp_path_factory.mktemp("audited")
    config = settings(
        folder,
        source={"path": [str(path) for path in starter_files("rle_rows", "snake_grid", "bowling")]},
    )
    asyncio.run(finished(config))
    assert config.folder is not None
    return config.folder


@pytest.fixture
def folder(done: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(done, tmp_path / "copy"))


def tampered(path: Path, line: int, change: Callable[[Row], None]) -> str:
    """Changes a row of a file, by its line from 1. Returns where, as a finding says it."""
    lines = path.read_text().split("\n")
    row = json.loads(lines[line - 1])
    change(row)
    lines[line - 1] = json.dumps(row, ensure_ascii=False)
    path.write_text("\n".join(lines))
    return f"{path.name}:{line}"


def line_of(path: Path, wanted: Callable[[Row], Any], after: int = 0) -> int:
    """The first row behind line `after` of which something holds."""
    rows = [json.loads(line) for line in path.read_text().split("\n") if line]
    return next(number for number, row in enumerate(rows, 1) if number > after and wanted(row))


async def named(folder: Path) -> list[str]:
    return [f"{finding.file}:{finding.line}" for finding in (await audit(folder)).findings]


async def test_a_finished_run_reproduces(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = await audit(folder)
    assert found.findings == []
    assert (found.programs, found.rows) == (
        3,
        len((folder / "samples.jsonl").read_text().splitlines()),
    )
    assert found.answers > found.rows > 0 < found.pairs
    assert capsys.readouterr().out == ""


def test_the_command_says_so_with_its_exit_status(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", str(folder)]) == 0
    assert "all reproduced" in capsys.readouterr().out
    place = tampered(folder / "samples.jsonl", 2, lambda row: row["meta"].update(output='"no"'))
    assert main(["audit", str(folder)]) == 4
    printed = capsys.readouterr().out
    assert place in printed
    assert "1 rows do not reproduce" in printed
    assert main(["audit", str(folder / "nowhere")]) == 2


def first(key: str, value: object) -> Callable[[Row], None]:
    return lambda row: row["meta"]["turns"][0].update({key: value})


async def test_of_five_tampered_rows_exactly_these_are_named(folder: Path) -> None:
    samples, programs, questions = (
        folder / f"{name}.jsonl" for name in ("samples", "programs", "questions")
    )
    wrong = line_of(samples, lambda row: row["meta"]["turns"][0]["verdict"] == "wrong")
    right = line_of(samples, lambda row: row["meta"]["turns"][0]["verdict"] == "right")
    other = line_of(samples, lambda row: row["meta"]["turns"][0]["verdict"] == "right", after=right)
    places = [
        tampered(samples, wrong, first("verdict", "right")),
        tampered(samples, right, lambda row: row["meta"].update(output='{"a": 1}')),
        tampered(
            samples,
            other,
            lambda row: row.update(turn_1='{"output": "another"} {"input": {"another": 1}}'),
        ),
        tampered(programs, 2, lambda row: row["ios"][0].update(output="tampered")),
        tampered(questions, 1, lambda row: row.update(right=1 - row["right"])),
    ]
    assert sorted(await named(folder)) == sorted(places)


TAMPERED: dict[str, tuple[str, Callable[[Row], None]]] = {
    "a verdict": ("samples", first("verdict", "cut")),
    "a match": ("samples", first("match", "near")),
    "what was read": ("samples", first("answer", "{}")),
    "what was got": ("samples", first("got", "17")),
    "a feedback": ("samples", lambda row: row.update(feedback_1=row["feedback_1"] + " ")),
    "an input": ("samples", lambda row: row["meta"].update(input="{}")),
    "a guess": ("samples", lambda row: row["meta"].update(guess=["null"])),
    "a tag": ("samples", lambda row: row["meta"]["tags"].append("leak")),
    "steps": ("samples", lambda row: row["meta"].update(steps=5)),
    "a prompt": ("samples", lambda row: row.update(prompt=row["prompt"].replace("a", "b"))),
    "a program's id": ("samples", lambda row: row["meta"].update(program="0" * 16)),
    "a missing field": ("samples", lambda row: row["meta"].pop("turns")),
    "a recorded input": ("programs", lambda row: row["ios"][1].update(input={"x": 1})),
    "a recorded output": ("programs", lambda row: row["ios"][3].update(output=[1])),
    "a count of steps": ("programs", lambda row: row["pairs"][0].update(steps=3)),
    "an id of a pair": ("programs", lambda row: row["pairs"][0].update(id="0" * 12)),
    "a check": (
        "programs",
        lambda row: row.update(input_check="def input_check(**given):\n    return False\n"),
    ),
    "a statement": ("programs", lambda row: row.update(problem_description="Another one.")),
    "code that gives another result": (
        "programs",
        lambda row: row.update(
            refcode=row["refcode"] + "\n\ndef main_solution(**given):\n    return 1\n"
        ),
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_a_tampered_row_is_named_and_no_other(folder: Path, what: str) -> None:
    name, change = TAMPERED[what]
    place = tampered(folder / f"{name}.jsonl", 3, change)
    assert await named(folder) == [place]


async def test_a_program_that_no_longer_reproduces_is_named_with_its_class(folder: Path) -> None:
    code = (
        "import time\nT = []\n\n\ndef main_solution(**given):\n    T.append(1)\n    return len(T)\n"
    )

    def change(row: Row) -> None:
        row.update(refcode=code)
        for number, io in enumerate(row["ios"], 1):
            io.update(output=number)
        for pair in row["pairs"]:
            pair.update(steps=2, lines=[6, 7], mutates=False, coerced=[])

    tampered(folder / "programs.jsonl", 1, change)
    (finding,) = (await audit(folder)).findings
    assert finding.file == "programs.jsonl"
    assert finding.what.startswith("state: ")


async def test_a_sample_of_rows_is_the_same_in_each_audit_and_runs_only_their_programs(
    folder: Path,
) -> None:
    first_time, second_time = await audit(folder, 2), await audit(folder, 2)
    assert (first_time.rows, first_time.answers) == (second_time.rows, second_time.answers)
    assert first_time.rows == 2
    assert first_time.programs <= 2


async def test_what_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"run\.json"):
        await audit(tmp_path)


async def test_a_torn_line_is_named(folder: Path) -> None:
    samples = folder / "samples.jsonl"
    samples.write_text(samples.read_text()[:-40])
    lines = len(samples.read_text().split("\n"))
    assert await named(folder) == [f"samples.jsonl:{lines}"]
