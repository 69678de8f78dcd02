"""Which settings may differ when a folder is resumed: free ones, and those that add rows."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from engine.config.settings import Config

Settings = Mapping[str, Any]
"""A Config as JSON: sections by name, settings by name."""
FREE = frozenset({"source.path", "output.dir", "sandbox.workers"})
"""Settings that may change when a folder is resumed, since they change no row.

All of [limits] may change too.
"""
FREE_SECTIONS = frozenset({"limits"})
FREE_OF_MODELS = frozenset(
    {
        "base_url",
        "api_key_env",
        "concurrency",
        "timeout_s",
        "connect_timeout_s",
        "read_timeout_s",
        "attempts",
        "price",
        "hedge",
        "headers",
        "headers_env",
        "requests_per_minute",
        "tokens_per_minute",
    }
)
RAISED = frozenset({"transform.max_tokens", "inference.max_tokens", "revision.max_tokens"})
"""Settings that may also change when rejects are opened again."""


def completed(settings: Settings) -> Settings:
    """Settings that an earlier version has stored, with the defaults of those that came later."""
    try:
        return Config.model_validate(settings).model_dump(mode="json")
    except ValidationError:
        return settings


def differences(before: Settings, now: Settings) -> list[str]:
    """The settings that differ and shape rows, by name."""
    found = []
    for section in sorted((before.keys() | now.keys()) - FREE_SECTIONS):
        old, new = before.get(section, {}), now.get(section, {})
        if not isinstance(old, dict) or not isinstance(new, dict):
            continue
        if section == "models":
            for name in sorted(old.keys() | new.keys()):
                keys = _changed(old.get(name, {}), new.get(name, {}))
                found += [f"models.{name}.{key}" for key in keys if key not in FREE_OF_MODELS]
        else:
            found += [f"{section}.{key}" for key in _changed(old, new)]
    return [name for name in found if name not in FREE]


def extensions(before: Settings, now: Settings) -> list[str]:
    """The settings that differ and only add rows, by name."""
    old, new = before["prediction"], now["prediction"]
    more = {
        "prediction.pairs": old["pairs"] < new["pairs"],
        "prediction.samples": old["samples"] < new["samples"],
        "prediction.directions": set(old["directions"]) < set(new["directions"]),
    }
    return [name for name, adds in more.items() if adds]


def touches(name: str, role: str, settings: Settings) -> bool:
    """Whether a setting is of a role's, or of the model that the role uses."""
    section, _, rest = name.partition(".")
    model = settings.get(role, {}).get("model")
    return section == role or (section == "models" and rest.split(".")[0] == model)


def _changed(old: Settings, new: Settings) -> list[str]:
    return [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
