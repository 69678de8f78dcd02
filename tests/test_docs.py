"""The documents say what is true: every verb and boundary explained, the shown sessions real
ones."""

import re
import subprocess
from pathlib import Path

import pytest

from engine.commands.main import VERBS
from engine.config.settings import Until
from stages.prompts.templates import PLACEHOLDERS, load
from stages.rows.boundaries import BOUNDARIES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
RUNNING = (ROOT / "docs" / "running.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SESSION = re.compile(r"<!-- session -->\n```(console|sh)\n(.*?)```", re.DOTALL)
USUAL = "running.md"
SESSIONS = [
    pytest.param(page, marks=[] if page.name == USUAL else pytest.mark.slow, id=page.name)
    for page in PAGES
    if SESSION.search(page.read_text())
]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def test_every_verb_and_every_exit_status_is_explained() -> None:
    for verb in VERBS:
        assert f"`{verb}" in RUNNING or f"codeio {verb}" in RUNNING, verb
    for status in (
        "0 finished",
        "1 stopped",
        "2 the command",
        "3 the machine",
        "4 a check said no",
    ):
        assert status in RUNNING


def test_every_boundary_is_explained() -> None:
    page = (ROOT / "docs" / "boundaries.md").read_text()
    for boundary in (*BOUNDARIES, *Until.__args__):  # type: ignore[attr-defined]
        assert f"`{boundary}`" in page


def test_every_prompt_loads_with_its_placeholders_and_a_version() -> None:
    for name in PLACEHOLDERS:
        assert re.fullmatch(rf"{name}/\d+", load(name).version)


def test_the_readme_has_the_two_commands_that_ci_and_a_newcomer_use() -> None:
    commands = re.findall(r"^python -m pip .*$", README, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith("python -m engine demo/run.toml")
    assert commands[1].endswith("python -m pytest")


def test_every_room_stands_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = [
        path.stem
        for package in ("engine", "stages", "sandbox")
        for path in (ROOT / package).rglob("*.py")
        if "starter" not in path.parts and path.name != "__init__.py"
    ]
    assert [room for room in rooms if f"`{room}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", SESSIONS)
def test_the_sessions_of_a_page_run_as_they_are_shown(page: Path, tmp_path: Path) -> None:
    for kind, text in SESSION.findall(page.read_text()):
        if kind == "sh":
            assert shell(text, tmp_path)[0] == 0
            continue
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            status, printed = shell(command, tmp_path)
            assert status == 0, printed
            assert re.fullmatch(pattern(shown), printed.strip() + "\n"), printed


def shell(text: str, folder: Path) -> tuple[int, str]:
    """Runs it in a folder; its status and all that it printed, without the log lines of
    progress."""
    done = subprocess.run(
        ["bash", "-e", "-c", text],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    kept = [line for line in done.stdout.splitlines() if not line.startswith("INFO ")]
    return done.returncode, "\n".join(kept)


def pattern(shown: str) -> str:
    """What was printed, as far as it is shown: `...` stands for anything, seconds for any
    seconds."""
    literal = re.escape(shown.strip()).replace(re.escape("..."), r"[\s\S]*")
    return re.sub(r"\d+\\\.\d\\ s", r"\\d+\\.\\d\\ s", literal) + r"\s*"
