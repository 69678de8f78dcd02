"""Runs code-to-samples pipelines as a stream: embed it with `Engine`, or use `python -m engine
run.toml`."""

from engine.config import config_of, load_config
from engine.core import Engine
from engine.errors import (
    BadInput,
    EngineError,
    FolderInUse,
    MachineFailed,
    OutOfService,
    Stopped,
    TooManyBugs,
)
from engine.settings import Config

__all__ = [
    "BadInput",
    "Config",
    "Engine",
    "EngineError",
    "FolderInUse",
    "MachineFailed",
    "OutOfService",
    "Stopped",
    "TooManyBugs",
    "config_of",
    "load_config",
]
