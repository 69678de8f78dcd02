"""Modules that the code under test patches for the rest of a process, given back afterwards."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from unittest import mock


@contextmanager
def restored(*modules: ModuleType) -> Iterator[None]:
    """Puts back the attributes of modules, the environment and the time zone."""
    before = [dict(vars(module)) for module in modules]
    try:
        with mock.patch.dict(os.environ):
            yield
    finally:
        for module, attributes in zip(modules, before, strict=True):
            for name in vars(module).keys() - attributes.keys():
                delattr(module, name)
            vars(module).update(attributes)
        time.tzset()
