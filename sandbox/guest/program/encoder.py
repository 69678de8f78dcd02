"""Values become canonical JSON text here, in generation, verification and audit alike."""

from __future__ import annotations

import json
import json.decoder
import json.encoder
import math
import sys
from typing import Any

DEPTH = 100
WHITE = " \t\n\r"


class Invalid(Exception):
    """The value has no canonical JSON text. The message says where and why."""


def refuse_object(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} is no JSON value")


def refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


# C objects that hold all they need: what a job patches in the json module does not reach them.
c_make_encoder: Any = getattr(json.encoder, "c_make_encoder", None)
WRITER: Any = c_make_encoder and c_make_encoder(
    None, refuse_object, json.encoder.encode_basestring, None, ": ", ", ", False, False, False
)
DECODER: Any = json.decoder.JSONDecoder(parse_constant=refuse_constant)
READER: Any = DECODER.scan_once


def dumps(value: object) -> str:
    """JSON text of plain values, beyond ASCII as it is.

    Raises: ValueError, RecursionError, TypeError.
    """
    if WRITER is None:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return "".join(WRITER(value, 0))


def loads(text: str) -> Any:
    """The value of JSON text. Raises: ValueError, RecursionError."""
    body = text.strip(WHITE)
    try:
        value, end = READER(body, 0)
    except StopIteration as exc:
        raise ValueError(f"no value at character {exc.value}") from None
    if end != len(body):
        raise ValueError(f"something follows the value at character {end}")
    return value


class Encoder:
    """Turns one value into canonical JSON text of at most `limit_bytes`.

    `coerced` names what had to be changed for it. tuple: became a list. numpy: a scalar or array
    became a number or list. key: an integer or boolean became a string. negative_zero: became 0.0.
    Sets, bytes, complex numbers, NaN, infinities and other objects are invalid.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = self.left_bytes = limit_bytes
        self.coerced: set[str] = set()

    def text(self, value: object) -> str:
        """The canonical text of a value. Raises: Invalid."""
        self.left_bytes = self.limit_bytes
        try:
            out = dumps(self.plain(value, "$", 0))
            size = len(out.encode())
        except UnicodeEncodeError:
            raise Invalid("$: a lone surrogate is no text") from None
        except (ValueError, RecursionError) as exc:
            raise Invalid(f"$: {exc}") from None
        if size > self.limit_bytes:
            raise Invalid(f"$: {size} bytes of JSON, more than {self.limit_bytes}")
        return out

    def plain(self, value: object, path: str, depth: int) -> object:
        """The value in the types of JSON alone. Raises: Invalid, with `path` in the message."""
        if depth > DEPTH:
            raise Invalid(f"nested deeper than {DEPTH}")
        # Each value is a byte at least. So a value that is small in memory and huge as text, such
        # as lists that share their items, ends here before its text is made.
        self.left_bytes -= 1
        if self.left_bytes < 0:
            raise Invalid(f"$: more than {self.limit_bytes} bytes of JSON")
        if value is None or value is True or value is False:
            return value
        # By the base type's own methods: a subclass may have overridden what its value looks like.
        if isinstance(value, str):
            self.left_bytes -= str.__len__(value)
            return str.__str__(value)
        if isinstance(value, int):
            return int.__int__(value)
        if isinstance(value, float):
            return self.number(float.__float__(value), path)
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
        # It equals 0.0, and its text would not.
        if value == 0.0 and math.copysign(1.0, value) < 0:
            self.coerced.add("negative_zero")
            return 0.0
        return value

    def mapping(self, value: dict[Any, Any], path: str, depth: int) -> dict[str, object]:
        out: dict[str, object] = {}
        for key, item in value.items():
            name = self.key(key, path)
            if name in out:  # as of 1 and "1": JSON would keep one of them without a word
                raise Invalid(f"{path}: two keys become {name!r}")
            out[name] = self.plain(item, f"{path}.{name}", depth + 1)
        return out

    def key(self, key: object, path: str) -> str:
        if isinstance(key, str):
            return str.__str__(key)
        scalar = unboxed(key)
        if isinstance(scalar, (bool, int)):
            self.coerced.add("key")
            return dumps(int.__int__(scalar) if not isinstance(scalar, bool) else scalar)
        raise Invalid(f"{path}: a key of type {type(key).__name__}")

    def foreign(self, value: object, path: str, depth: int) -> object:
        scalar = unboxed(value)
        if scalar is value:
            raise Invalid(f"{path}: {type(value).__name__} is no JSON value")
        self.coerced.add("numpy")
        return self.plain(scalar, path, depth)


def unboxed(value: object) -> object:
    """The plain value of a numpy scalar or array, and anything else as it is."""
    numpy = sys.modules.get("numpy")  # not imported here: a value of its types has imported it
    if numpy is None:
        return value
    if isinstance(value, numpy.ndarray):
        return value.tolist()
    if isinstance(value, numpy.generic) and not isinstance(value, numpy.void):
        return value.item()
    return value
