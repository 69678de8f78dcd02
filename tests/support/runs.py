"""Whole runs in a test: settings from a mapping, rows read back from the folder."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

from engine import Config, Engine, config_of

SIMULATED: dict[str, Any] = {"main": {"kind": "simulated", "concurrency": 8}}


def starter_files(*names: str) -> list[str]:
    """Paths of starter files, all of them if no name is given."""
    folder = Path(str(resources.files("engine").joinpath("starter", "code")))
    return [str(path) for path in sorted(folder.glob("*.py")) if not names or path.stem in names]


def settings(base: Path, **sections: Any) -> Config:
    """A run file's settings with the simulated model, its folder below `base`."""
    given: dict[str, Any] = {"models": SIMULATED, "sandbox": {"cpu_s": 5.0, "wall_s": 10.0}}
    return config_of({**given, **sections}, base)


async def finished(config: Config) -> dict[str, Any]:
    """Runs to the end; the report."""
    async with Engine(config) as engine:
        await engine.run()
        assert engine.finished
        return dict(await engine.report())


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file, none if it is not there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def samples(folder: Path) -> dict[str, dict[str, Any]]:
    """The samples of a run folder by their id."""
    found = rows(folder / "samples.jsonl")
    by_id = {row["meta"]["id"]: row for row in found}
    assert len(by_id) == len(found), "two samples have one id"
    return by_id


def unmeasured(folder: Path) -> dict[str, dict[str, Any]]:
    """The samples of a folder without what is a measurement: the CPU time of verifying a turn."""
    found = samples(folder)
    for row in found.values():
        for turn in row["meta"]["turns"]:
            del turn["cpu_s"]
    return found


def write_rows(path: Path, *found: Any) -> Path:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in found)
    )
    return path
