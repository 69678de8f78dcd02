"""A folder with packages of the same names beside the user's files."""

import subprocess
import sys
from pathlib import Path

import pytest


def ran(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", ["engine", "stages", "sandbox"])
def test_the_console_script_is_hidden_by_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise SystemExit('hidden')\n")
    script = Path(sys.executable).with_name("codeio")
    if not script.exists():
        pytest.skip("the package is not installed")
    found = ran(str(script), "--version", cwd=tmp_path)
    assert (found.returncode, found.stdout[:13]) == (0, "codeio-engine")


@pytest.mark.parametrize("name", ["stages", "sandbox"])
def test_the_module_says_what_hides_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    found = ran(sys.executable, "-m", "engine", "--version", cwd=tmp_path)
    assert found.returncode == 2
    assert f"{name}: {tmp_path / name}" in found.stderr
    assert "give the command `codeio`" in found.stderr
