"""Run folders that earlier versions wrote are continued, and nothing in them is bought again.

Each archive holds a run file, its sources, a folder whose run was finished and one whose run was
killed half-way. The simulated model bills calls as any other does.
"""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from engine import Config, Engine, ResumeOptions, load_config
from engine.audit.audit import audit
from tests.support.digests import digest_of
from tests.support.runs import rows, samples

ARCHIVES = sorted(Path(__file__).parent.glob("*.tar.gz"))
FIRST_CALLS = {"transform": 4, "inference": 12, "revision": 4}


@pytest.fixture(params=ARCHIVES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def config_of(base: Path, folder: str, *overrides: str) -> Config:
    return load_config(base / "run.toml", [f"output.dir={folder}", *overrides])


async def gone_on(config: Config, options: ResumeOptions | None = None) -> dict[str, int]:
    """Runs to the end. The calls that the folder has paid for in all, by role."""
    async with Engine(config, options=options) as engine:
        await engine.run()
        assert engine.finished
    assert config.folder is not None
    return calls_of(config.folder)


def calls_of(folder: Path) -> dict[str, int]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    roles = report["spending"]["roles"]
    return {role: used["calls"] for role, used in roles.items()}


async def test_a_finished_folder_stays_as_it_is(kept: Path) -> None:
    before = digest_of(kept / "finished")
    assert await gone_on(config_of(kept, "finished")) == FIRST_CALLS
    assert digest_of(kept / "finished") == before


async def test_a_killed_run_ends_as_the_undisturbed_one_did(kept: Path) -> None:
    assert len(samples(kept / "killed")) < len(samples(kept / "finished"))
    assert await gone_on(config_of(kept, "killed")) == FIRST_CALLS
    assert digest_of(kept / "killed") == digest_of(kept / "finished")


async def test_an_extension_buys_only_what_is_new(kept: Path) -> None:
    before = samples(kept / "finished")
    calls = await gone_on(config_of(kept, "finished", "prediction.pairs=3"))
    after = samples(kept / "finished")
    assert before.items() <= after.items()
    assert calls["transform"] == FIRST_CALLS["transform"]
    assert calls["inference"] == len(after) > len(before)


async def test_a_fork_with_another_verifier_buys_nothing(kept: Path) -> None:
    config = config_of(kept, "forked", "verification.equality=strict")
    calls = await gone_on(config, ResumeOptions(fork_of=kept / "finished"))
    assert calls == {}
    assert samples(kept / "forked").keys() == samples(kept / "finished").keys()


@pytest.mark.parametrize("folder", ["finished", "killed"])
async def test_an_audit_finds_nothing(kept: Path, folder: str) -> None:
    found = await audit(kept / folder)
    assert found.findings == []
    assert found.rows == len(rows(kept / folder / "samples.jsonl")) > 0
