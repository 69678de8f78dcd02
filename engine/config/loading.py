"""Reads a run file: every mistake at once, each with its file, line and section."""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from engine.config.settings import Config
from engine.errors import BadInput
from stages.execution.profile import PROFILES

PAPER: dict[str, dict[str, Any]] = {
    "verification": {"equality": "paper"},
    "prediction": {"steps": [], "skip": []},
}
"""What the profile `paper` sets where the run file is silent. Source: arXiv 2502.07316."""


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """The settings of a run file, with `section.key=value` overrides laid over them.

    Raises: BadInput.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
    except OSError as exc:
        raise BadInput(f"{path}: the run file cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise BadInput(f"{path}: the run file is not UTF-8: {exc}") from exc
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise BadInput(f"{path}: the run file is no TOML: {exc}") from exc
    for override in overrides:
        _set(given, override)
    return config_of(given, path.parent, path.name, text)


def config_of(given: Mapping[str, Any], base: Path, name: str = "config", text: str = "") -> Config:
    """The settings of a mapping shaped like a run file. Raises: BadInput with every mistake."""
    given = _with_profile(given)
    try:
        config = Config.model_validate({**given, "base": base})
    except ValidationError as exc:
        raise BadInput("\n".join(_message(error, name, text) for error in exc.errors())) from None
    mistakes = _inconsistencies(config)
    if mistakes:
        raise BadInput("\n".join(f"{name}: {mistake}" for mistake in mistakes))
    return config


def _with_profile(given: Mapping[str, Any]) -> dict[str, Any]:
    run = given.get("run")
    if not isinstance(run, dict) or run.get("profile") != "paper":
        return dict(given)
    laid = dict(given)
    for section, settings in PAPER.items():
        own = given.get(section, {})
        laid[section] = {**settings, **own} if isinstance(own, dict) else own
    return laid


def _inconsistencies(config: Config) -> list[str]:
    """Mistakes that only show when settings of several sections are compared."""
    reach, mistakes = config.reach, []
    if not reach.possible:
        mistakes.append(
            f"[output] until: {config.output.until!r} does not come after "
            f"[source] format {config.source.format!r}"
        )
    roles = [
        ("transform", config.transform.model, reach.transform),
        ("inference", config.inference.model, reach.inference),
    ]
    if reach.revision and config.revision.model:
        roles.append(("revision", config.revision.model, True))
    for role, model, used in roles:
        if used and model not in config.models:
            there = ", ".join(sorted(config.models)) or "none"
            mistakes.append(
                f"[{role}] model: there is no section [models.{model}]; there are: {there}"
            )
    if reach.programs and not config.source.parsed:
        mistakes.append(
            f"[source] parsed: rows of the format {config.source.format!r} need the file of their "
            "programs"
        )
    if config.limits.budget_usd and not any(
        m.price.input or m.price.output for m in config.models.values()
    ):
        mistakes.append("[limits] budget_usd: a budget needs prices: set models.*.price")
    assert config.run.profile in PROFILES
    return mistakes


def _set(given: dict[str, Any], override: str) -> None:
    name, equals, value = override.partition("=")
    keys = name.strip().split(".")
    if not equals or len(keys) < 2 or not all(keys):
        raise BadInput(f"--set {override}: write it as section.key=value")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    place: Any = given
    for key in keys[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise BadInput(f"--set {override}: {key} is no section")
    place[keys[-1]] = parsed


def _message(error: Any, name: str, text: str) -> str:
    """One mistake in words: its place, what is wrong, and what was meant perhaps."""
    place = [str(part) for part in error["loc"]]
    where = f"{name}:{line}" if (line := _line(text, place)) else name
    setting = (
        f"[{'.'.join(place[:-1])}] {place[-1]}"
        if len(place) > 1
        else f"[{place[0]}]"
        if place
        else "the run file"
    )
    if error["type"] == "extra_forbidden":
        return f"{where}: {setting}: there is no such setting{_suggestion(place)}"
    message = error["msg"].removeprefix("Value error, ")
    given = error.get("input")
    shown = f" (given: {given!r})" if isinstance(given, (str, int, float, bool)) else ""
    return f"{where}: {setting}: {message[:1].lower()}{message[1:]}{shown}"


def _suggestion(place: list[str]) -> str:
    fields: Mapping[str, Any] = Config.model_fields
    for key in place[:-1]:
        if key not in fields:
            fields = {}
            break
        annotation = fields[key].annotation
        arguments = getattr(annotation, "__args__", ())
        inner = next(
            (
                a
                for a in (annotation, *arguments)
                if isinstance(a, type) and issubclass(a, BaseModel)
            ),
            None,
        )
        if inner is None:
            fields = {}
            break
        fields = (
            inner.model_fields
            if annotation is inner
            else {place[place.index(key) + 1]: _Field(inner)}
        )
    names = [name for name in fields if name != "base"]
    close = difflib.get_close_matches(place[-1], names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are: {', '.join(sorted(names))}" if names else ""


class _Field:
    """Stands for the named entries of a table such as [models.*]."""

    def __init__(self, annotation: type[BaseModel]) -> None:
        self.annotation = annotation


def _line(text: str, place: list[str]) -> int | None:
    """The line of a setting in the run file's text, from 1."""
    section, found = "", None
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[([^\[\]]+)\]", line)
        if header:
            section = header[1].strip()
            if section == ".".join(place):
                found = number
            continue
        key = re.match(r"\s*([\w.-]+)\s*=", line)
        path = [*section.split("."), key[1]] if key and section else [key[1]] if key else []
        if path and path == place[: len(path)]:
            found = number
            if path == place:
                return number
    return found
