"""Known bugs put back on purpose: each is found by the test that it names. A hang counts as
found."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MUTANTS = {
    path.stem: tomllib.loads(path.read_text())
    for path in sorted(Path(__file__).parent.glob("mutants/*.toml"))
}
USUAL = (
    "rows_appended_before_the_commit",
    "row_written_again_for_its_id",
    "lost_ticket",
    "result_used_and_not_recorded",
    "swallowed_cancel",
)
PATIENCE_S = 60


@pytest.mark.parametrize(
    "name",
    [name if name in USUAL else pytest.param(name, marks=pytest.mark.slow) for name in MUTANTS],
)
def test_a_bug_that_is_put_back_is_found(name: str, tmp_path: Path) -> None:
    mutant = MUTANTS[name]
    for package in ("engine", "stages", "sandbox", "tests"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / mutant["file"]
    before, after = mutant["before"].strip("\n"), mutant["after"].strip("\n")
    assert path.read_text().count(before) == 1, "the code has changed; write the bug anew"
    path.write_text(path.read_text().replace(before, after))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-n",
        "0",
        mutant["found_by"],
    ]
    try:
        out = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return
    assert out.returncode == 1, out.stdout[-2000:]
