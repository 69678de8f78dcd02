"""When two values are equal. No other module decides that.

    close   numbers with a float on either side: |a - b| <= max(1e-6, 1e-4 |b|), or as in `paper`
    paper   numbers with a float on either side: relative error <= 1e-3, the same integer part
    strict  equal as JSON values, where 1 and 1.0 are the same number

In all three a boolean equals only itself. Lists are compared by place, objects by key in any order,
and texts exactly. Source of `paper`: arXiv 2502.07316.
"""

import math
from typing import Any, Literal, get_args

from stages.values.text import NotJson, value_of

Equality = Literal["close", "paper", "strict"]
EQUALITIES: tuple[Equality, ...] = get_args(Equality)
Match = Literal["exact", "close"]


def compare(found: str, target: str, equality: Equality) -> Match | None:
    """How two JSON texts agree: exact (without any tolerance), close (within it), or None.

    found: what a model or a run gave, which need not be JSON. target: the recorded value, to which
    the tolerance is relative.
    """
    try:
        a, b = value_of(found), value_of(target)
        if _equal(a, b, "strict"):
            return "exact"
        return "close" if equality != "strict" and _equal(a, b, equality) else None
    except (NotJson, RecursionError):
        # What is nested too deep for Python equals no target: the guest gives nothing so deep.
        return None


def _equal(a: Any, b: Any, equality: Equality) -> bool:
    # Booleans come first, since Python counts them among the integers: True would equal 1.
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
    # Compared before anything is converted: two large integers may differ and be the same float.
    if a == b:
        return True
    if equality == "strict" or not (isinstance(a, float) or isinstance(b, float)):
        return False
    try:
        x, y = float(a), float(b)
    except OverflowError:
        return False  # an integer beyond all floats is near none of them
    if not (math.isfinite(x) and math.isfinite(y)):
        return False
    if equality == "close" and abs(x - y) <= max(1e-6, 1e-4 * abs(y)):
        return True
    return math.trunc(x) == math.trunc(y) and abs(x - y) <= 1e-3 * abs(y)
