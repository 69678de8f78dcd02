"""Canonical JSON text of values that were not made in the guest, and what can be asked of such
text."""

import json
from dataclasses import dataclass
from typing import Any


class NotJson(ValueError):
    """Raised for text or a value that has no canonical JSON form."""


def text_of(value: Any) -> str:
    """The canonical text of a value read from a JSON file: like the guest's, key order kept.
    Raises: NotJson."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, TypeError, RecursionError) as exc:
        raise NotJson(str(exc)) from None
    return text


def value_of(text: str) -> Any:
    """The value of JSON text; NaN and infinities are refused. Raises: NotJson."""
    try:
        return json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError) as exc:
        raise NotJson(str(exc)) from None


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def sorted_text(text: str) -> str:
    """The sorted compact form of JSON text, which ids hash."""
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Size:
    """Bounds of one value. bytes: UTF-8 bytes of its JSON text; leaves: scalars in it; digits: of
    one integer; items: of one container; characters: of one string; 0 means unbounded. null:
    whether null alone is a value."""

    bytes: int
    leaves: int = 0
    digits: int = 0
    items: int = 0
    characters: int = 0
    null: bool = True

    def excess(self, text: str) -> str:
        """What of the value is too large, or ""."""
        if len(text.encode()) > self.bytes:
            return f"{len(text.encode())} bytes of JSON, more than {self.bytes}"
        value = json.loads(text)
        if value is None and not self.null:
            return "null"
        leaves = 0
        stack = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, (dict, list)):
                if self.items and len(item) > self.items:
                    return f"a container of {len(item)} items, more than {self.items}"
                stack.extend(item.values() if isinstance(item, dict) else item)
                continue
            leaves += 1
            if isinstance(item, str) and self.characters and len(item) > self.characters:
                return f"a string of {len(item)} characters, more than {self.characters}"
            if isinstance(item, int) and self.digits and abs(item) >= 10**self.digits:
                return f"an integer of more than {self.digits} digits"
        if self.leaves and leaves > self.leaves:
            return f"{leaves} scalars, more than {self.leaves}"
        return ""


def signature(value: Any) -> str:
    """The type of a JSON value in words: `dict{a: int, b: list[str]}`."""
    if isinstance(value, dict):
        return (
            "dict{"
            + ", ".join(f"{key}: {signature(item)}" for key, item in sorted(value.items()))
            + "}"
        )
    if isinstance(value, list):
        return "list[" + " | ".join(sorted({signature(item) for item in value})) + "]"
    names = {bool: "bool", int: "int", float: "float", str: "str", type(None): "null"}
    return names[type(value)]
