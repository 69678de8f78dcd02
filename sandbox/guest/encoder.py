"""Values become canonical JSON text here, in generation, verification and audit alike."""

from __future__ import annotations

import json
import math
import sys

dumps = json.dumps  # bound before any job runs
DEPTH = 100


class Invalid(Exception):
    """The value has no canonical JSON text; says where and why."""


class Encoder:
    """Turns one value into canonical JSON text, noting in `coerced` what had to be changed for it.

    tuple -> list, numpy scalar -> number, numpy array -> list, integer and boolean keys -> strings,
    -0.0 -> 0.0. Sets, bytes, complex, NaN, infinities and other objects are invalid.
    """

    def __init__(self) -> None:
        self.coerced: set[str] = set()

    def text(self, value: object) -> str:
        try:
            out = dumps(self.plain(value, "$", 0), ensure_ascii=False, allow_nan=False)
            out.encode()
        except UnicodeEncodeError:
            raise Invalid("$: a lone surrogate is no text") from None
        except (ValueError, RecursionError) as exc:
            raise Invalid(f"$: {exc}") from None
        return out

    def plain(self, value: object, path: str, depth: int) -> object:
        if depth > DEPTH:
            raise Invalid(f"nested deeper than {DEPTH}")
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return self.number(float(value), path)
        if isinstance(value, (list, tuple)):
            if isinstance(value, tuple):
                self.coerced.add("tuple")
            return [self.plain(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
        if isinstance(value, dict):
            return self.mapping(value, path, depth)
        return self.foreign(value, path, depth)

    def number(self, value: float, path: str) -> float:
        if math.isnan(value) or math.isinf(value):
            raise Invalid(f"{path}: {value} is no JSON number")
        if value == 0.0 and math.copysign(1.0, value) < 0:
            self.coerced.add("negative_zero")
            return 0.0
        return value

    def mapping(self, value: dict, path: str, depth: int) -> dict:  # type: ignore[type-arg]
        out: dict[str, object] = {}
        for key, item in value.items():
            name = self.key(key, path)
            if name in out:
                raise Invalid(f"{path}: two keys become {name!r}")
            out[name] = self.plain(item, f"{path}.{name}", depth + 1)
        return out

    def key(self, key: object, path: str) -> str:
        if isinstance(key, str):
            return str.__str__(key)
        scalar = unboxed(key)
        if isinstance(scalar, (bool, int)):
            self.coerced.add("key")
            return dumps(int(scalar) if not isinstance(scalar, bool) else scalar)
        raise Invalid(f"{path}: a key of type {type(key).__name__}")

    def foreign(self, value: object, path: str, depth: int) -> object:
        scalar = unboxed(value)
        if scalar is value:
            raise Invalid(f"{path}: {type(value).__name__} is no JSON value")
        self.coerced.add("numpy")
        return self.plain(scalar, path, depth)


def unboxed(value: object) -> object:
    """The plain value of a numpy scalar or array; anything else as it is."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return value
    if isinstance(value, numpy.ndarray):
        return value.tolist()
    if isinstance(value, numpy.generic) and not isinstance(value, numpy.void):
        return value.item()
    return value
