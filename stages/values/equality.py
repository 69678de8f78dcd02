"""When two values are equal: the one place that decides it, over JSON text.

close   numbers with a float on either side: |a - b| <= max(1e-6, 1e-4 |b|), or the paper's rule
paper   with a float on either side: relative error <= 1e-3 and the same integer part
strict  equal as JSON values, 1 and 1.0 being the same number

In all three: a boolean equals only itself, lists by place, objects by key whatever the order, text
exactly. Source: arXiv 2502.07316 for `paper`.
"""

import math
from typing import Any, Literal, get_args

from stages.values.text import NotJson, value_of

Equality = Literal["close", "paper", "strict"]
EQUALITIES: tuple[Equality, ...] = get_args(Equality)
Match = Literal["exact", "close"]


def compare(found: str, target: str, equality: Equality) -> Match | None:
    """How two JSON texts agree: exact (equal without any tolerance), close (within it), or None."""
    try:
        a, b = value_of(found), value_of(target)
        if _equal(a, b, "strict"):
            return "exact"
        return "close" if equality != "strict" and _equal(a, b, equality) else None
    except (NotJson, RecursionError):  # nothing that the guest gives is nested so deep
        return None


def _equal(a: Any, b: Any, equality: Equality) -> bool:
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None or isinstance(a, str):
        return type(a) is type(b) and bool(a == b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key], equality) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_equal(x, y, equality) for x, y in zip(a, b, strict=True))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return _equal_numbers(a, b, equality)
    return False


def _equal_numbers(a: float, b: float, equality: Equality) -> bool:
    if a == b:
        return True
    if equality == "strict" or not (isinstance(a, float) or isinstance(b, float)):
        return False
    try:
        x, y = float(a), float(b)
    except OverflowError:  # an integer beyond any float is near none
        return False
    if not (math.isfinite(x) and math.isfinite(y)):
        return False
    if equality == "close" and abs(x - y) <= max(1e-6, 1e-4 * abs(y)):
        return True
    return math.trunc(x) == math.trunc(y) and abs(x - y) <= 1e-3 * abs(y)
