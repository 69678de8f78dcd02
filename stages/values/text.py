"""Canonical JSON text of values that were not made in the guest."""

import json
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
