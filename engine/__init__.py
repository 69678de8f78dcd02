"""Runs code-to-samples pipelines as a stream: use `Engine`, or `python -m engine run.toml`.

`__all__` lists the public interface. Each name is imported when it is first used. So the
command's help, and services that only check a run file, do not wait for all of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.config.loading import config_of, load_config
    from engine.config.reach import Reach
    from engine.config.settings import Config
    from engine.core import Engine
    from engine.errors import (
        BadInput,
        EngineError,
        FolderInUse,
        Full,
        MachineFailed,
        OutOfService,
        Stopped,
        TooManyBugs,
    )
    from engine.results.snapshot import Snapshot
    from engine.resuming import ResumeOptions
    from engine.source.items import SourceItem, SourceItems
    from stages.inference.environment import Environment

__version__ = "0.2.0"
__all__ = [
    "BadInput",
    "Config",
    "Engine",
    "EngineError",
    "Environment",
    "FolderInUse",
    "Full",
    "MachineFailed",
    "OutOfService",
    "Reach",
    "ResumeOptions",
    "Snapshot",
    "SourceItem",
    "SourceItems",
    "Stopped",
    "TooManyBugs",
    "config_of",
    "load_config",
]
_HOMES = {
    "Config": "engine.config.settings",
    "Engine": "engine.core",
    "Environment": "stages.inference.environment",
    "Reach": "engine.config.reach",
    "ResumeOptions": "engine.resuming",
    "Snapshot": "engine.results.snapshot",
    "SourceItem": "engine.source.items",
    "SourceItems": "engine.source.items",
    "config_of": "engine.config.loading",
    "load_config": "engine.config.loading",
}
"""The module of each public name that is not an error."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "engine.errors")), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
