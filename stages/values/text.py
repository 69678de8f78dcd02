"""Canonical JSON text of values that were not made in the guest."""

import json
from typing import Any


class NotJson(ValueError):
    """Raised for text or a value that has no canonical JSON form."""


def text_of(value: Any) -> str:
    """The canonical text of a value: as the guest writes it, with the order of keys kept.

    Raises: NotJson for NaN, infinities, lone surrogates, other types, and what is nested too deep.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, TypeError, RecursionError) as exc:
        raise NotJson(str(exc)) from None
    return text


def value_of(text: str) -> Any:
    """The value of JSON text. Raises: NotJson, also for NaN and infinities."""
    try:
        return json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError) as exc:
        raise NotJson(str(exc)) from None


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def sorted_text(text: str) -> str:
    """The compact form of JSON text with sorted keys, of which ids are hashes."""
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
