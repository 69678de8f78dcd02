"""The documents say what is true: every setting explained, every command there, the shown session
the real one."""

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from engine.cli import USAGE
from engine.config.loading import config_of, load_config
from engine.config.settings import Config, ModelSettings, Until
from stages.prompts.templates import PLACEHOLDERS, load
from stages.rows.boundaries import BOUNDARIES

ROOT = Path(__file__).parents[1]
RUN_FILE = ROOT / "engine" / "starter" / "run.toml"
README = (ROOT / "README.md").read_text()


def settings_of(model: type[BaseModel]) -> list[tuple[str, str]]:
    found = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += [(name, inner) for inner in field.annotation.model_fields]
    return found


def test_the_starters_run_file_explains_every_setting() -> None:
    text = RUN_FILE.read_text()
    sections = {part.split("]", 1)[0]: part for part in re.split(r"^\[", text, flags=re.MULTILINE)}
    for section, name in settings_of(Config):
        if section == "revision" and name in (
            "model",
            "prompt",
            "temperature",
            "max_tokens",
            "top_p",
            "stop",
            "system",
        ):
            continue  # "default to inference's", as its comment says
        if name in ("prompt", "top_p", "stop", "system"):
            continue  # of all roles alike, explained in README
        assert re.search(rf"^#? ?{name} = ", sections[section], re.MULTILINE), f"[{section}] {name}"
    for name in ModelSettings.model_fields:
        if name not in ("seed", "recorded"):  # of the simulated model, for tests
            assert re.search(rf"^#? ?{name} = ", text, re.MULTILINE), f"[models.*] {name}"


def test_the_starters_run_file_shows_the_defaults() -> None:
    shown = tomllib.loads(RUN_FILE.read_text())
    defaults: dict[str, Any] = config_of(
        {"models": {"main": {"kind": "simulated"}}}, Path()
    ).model_dump()
    for section, settings in shown.items():
        if section not in ("models", "source"):
            for name, value in settings.items():
                assert defaults[section][name] == value, f"[{section}] {name}"


def test_the_starters_run_file_is_valid() -> None:
    assert load_config(RUN_FILE).models["main"].kind == "simulated"


def test_every_boundary_and_every_exit_status_is_in_the_readme() -> None:
    for boundary in (*BOUNDARIES, *Until.__args__):  # type: ignore[attr-defined]
        assert f"`{boundary}`" in README
    for status in ("0 finished", "1 stopped", "2 the command", "3 the machine"):
        assert status in README


def test_every_command_is_in_the_readme() -> None:
    for verb in re.findall(r"python -m engine (\w+)", USAGE):
        assert f"python -m engine {verb}" in README.replace("run.toml", "RUN"), verb


def test_every_prompt_loads_with_its_placeholders_and_a_version() -> None:
    for name in PLACEHOLDERS:
        assert re.fullmatch(rf"{name}/\d+", load(name).version)


def test_the_readme_has_the_two_commands_that_ci_and_a_newcomer_use() -> None:
    commands = re.findall(r"^python -m pip .*$", README, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith("python -m engine demo/run.toml")
    assert commands[1].endswith("python -m pytest")
