"""The starter, as a new user meets it: two commands, a terminal that shows what happens, rows of
every kind, honest exits."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.digests import digest_of
from tests.support.runs import rows, samples, write_rows

SENTENCE = re.compile(r"`(\w+)` (?:is|becomes) (.+)\.$", re.MULTILINE)


def command(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engine", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=200,
    )


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("starter")
    assert command("init", "demo", cwd=base).returncode == 0
    ran = command("demo/run.toml", cwd=base)
    assert ran.returncode == 0, ran.stderr
    (base / "stdout").write_text(ran.stdout)
    return base


def test_the_starter_gives_samples_of_every_ending_and_both_directions(starter: Path) -> None:
    found = samples(starter / "demo" / "out").values()
    assert len(found) >= 100
    endings = {(len(row["meta"]["turns"]), row["meta"]["turns"][-1]["verdict"]) for row in found}
    assert {(1, "right"), (2, "right"), (2, "wrong")} <= endings
    assert {row["meta"]["direction"] for row in found} == {"input", "output"}
    assert all(
        list(row)[:5] == ["prompt", "turn_1", "feedback_1", "turn_2", "feedback_2"] for row in found
    )
    assert {turn["model"] for row in found for turn in row["meta"]["turns"]} == {"simulated"}


def test_the_readme_shows_what_the_starter_prints(starter: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    shown = readme.split("It prints:\n\n```\n")[1].split("```")[0].splitlines()
    printed = (starter / "stdout").read_text().splitlines()
    assert shown[2:-2] == printed[: len(shown) - 4]
    assert shown[-1] == printed[-1]


def test_the_starters_rows_are_those_of_the_first_release(starter: Path) -> None:
    digest = "0dd537270ffbf282a22b5724e30659f8ba7bb859282689165d8772e1206a37a5"
    assert digest_of(starter / "demo" / "out") == digest


def test_the_summary_shows_the_funnel(starter: Path) -> None:
    stdout = (starter / "stdout").read_text()
    assert "30 read  = 28 finished + 2 rejected + 0 live" in stdout
    assert "right in turn 1" in stdout
    assert "2 declined" in stdout


def test_read_is_finished_plus_rejected_from_the_folder_alone(starter: Path) -> None:
    out = starter / "demo" / "out"
    finished = {row["source"]["file"] for row in rows(out / "programs.jsonl")}
    rejected = {
        row["source"]["file"] for row in rows(out / "rejects.jsonl") if row["kind"] == "file"
    }
    assert finished | rejected == {
        f"code/{path.name}" for path in (starter / "demo" / "code").iterdir()
    }
    assert not finished & rejected


def test_rationales_name_variables_with_values_of_their_run(starter: Path) -> None:
    """At least nine in ten, checked by running the program by hand, outside of the sandbox."""
    out = starter / "demo" / "out"
    programs = {row["id"]: row for row in rows(out / "programs.jsonl")}
    good = [names_a_value(row, programs[row["meta"]["program"]]) for row in samples(out).values()]
    assert sum(good) >= 0.9 * len(good)


def names_a_value(row: dict[str, Any], program: dict[str, Any]) -> bool:
    """Whether some variable that is not an argument is named with a value that it really had."""
    had = traced(program["refcode"], json.loads(row["meta"]["input"]))
    return any((name, value) in had for name, value in SENTENCE.findall(row["turn_1"]))


def traced(code: str, arguments: dict[str, Any]) -> set[tuple[str, str]]:
    """All (variable, JSON text) of a run that are no arguments of the main function."""
    had: set[tuple[str, str]] = set()

    def watch(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename != "<by hand>":
            return None
        for name, value in frame.f_locals.items():
            if (
                isinstance(value, (bool, int, float, str, list, dict, tuple))
                and name not in arguments
            ):
                try:
                    had.add((name, json.dumps(value, ensure_ascii=False)))
                except (TypeError, ValueError):
                    continue
        return watch

    space: dict[str, Any] = {"__name__": "by_hand"}
    exec(compile(code, "<by hand>", "exec"), space)
    sys.settrace(watch)
    try:
        space["main_solution"](**arguments)
    finally:
        sys.settrace(None)
    return had


def test_the_same_command_again_does_nothing_and_says_so(starter: Path) -> None:
    before = (starter / "demo" / "out" / "samples.jsonl").read_bytes()
    again = command("demo/run.toml", cwd=starter)
    assert again.returncode == 0
    assert "0 calls made" in again.stdout
    assert (starter / "demo" / "out" / "samples.jsonl").read_bytes() == before


def test_init_never_writes_over_anything(starter: Path) -> None:
    again = command("init", "demo", cwd=starter)
    assert again.returncode == 2
    assert "not empty" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.toml"], "nowhere.toml"),
        (["demo"], "is a folder"),
        (["demo/run.toml", "--set", "execution.poool=3"], "did you mean 'pool'"),
        (
            ["demo/run.toml", "--set", "source.path=nothing/*.jsonl", "--set", "output.dir=o1"],
            "there is no file",
        ),
        (
            [
                "demo/run.toml",
                "--set",
                "models.main.kind=openai",
                "--set",
                "models.main.model=m",
                "--set",
                "models.main.api_key_env=NOT_SET_AT_ALL",
                "--set",
                "output.dir=o2",
            ],
            "NOT_SET_AT_ALL",
        ),
        (
            ["demo/run.toml", "--set", "sandbox.python=/nowhere/python", "--set", "output.dir=o3"],
            "/nowhere/python",
        ),
        (
            ["demo/run.toml", "--set", "transform.prompt=nowhere.md", "--set", "output.dir=o4"],
            "nowhere.md",
        ),
    ],
)
def test_bad_input_is_one_clear_message_and_exit_2(
    starter: Path, arguments: list[str], message: str
) -> None:
    ran = command(*arguments, cwd=starter)
    assert ran.returncode == 2, ran.stderr
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_empty_source_is_exit_2(starter: Path) -> None:
    write_rows(starter / "demo" / "empty.jsonl")
    ran = command(
        "demo/run.toml", "--set", "source.path=empty.jsonl", "--set", "output.dir=o5", cwd=starter
    )
    assert ran.returncode == 2
    assert "not one row" in ran.stderr


def wait_for_programs(process: "subprocess.Popen[Any]", out: Path, count: int) -> None:
    """Waits until a run has written so many programs; it must still be running."""
    path = out / "programs.jsonl"
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
        assert process.poll() is None, "the run ended before it was stopped"


def test_a_first_signal_drains_and_the_same_command_continues(starter: Path) -> None:
    arguments = [
        sys.executable,
        "-m",
        "engine",
        "demo/run.toml",
        "--set",
        "output.dir=stopped",
        "--set",
        "sandbox.workers=1",
    ]
    process = subprocess.Popen(
        arguments, cwd=starter, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    out = starter / "demo" / "stopped"
    wait_for_programs(process, out, 1)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert "SIGTERM" in stderr
    if process.returncode == 1:  # else it was through before the signal came
        assert "To go on: python -m engine demo/run.toml" in stderr
    ended = command(
        "demo/run.toml", "--set", "output.dir=stopped", "--set", "sandbox.workers=1", cwd=starter
    )
    assert ended.returncode == 0
    assert samples(out) == samples(starter / "demo" / "out")
