"""A switch for tests: `ENGINE_FAULT=point:count` kills this process with SIGKILL when it comes to a point that often.

Points, in the order in which a result passes them: made (a call has answered), begin, commit (before), committed,
append (with half of the rows written), appended.
"""

import os
import signal
from collections import Counter

POINTS = ("made", "begin", "commit", "committed", "append", "appended")
_point, _, _count = os.environ.get("ENGINE_FAULT", "").partition(":")
_seen: Counter[str] = Counter()


def reached(point: str) -> bool:
    """Whether it is time to die here."""
    if point != _point:
        return False
    _seen[point] += 1
    return _seen[point] >= int(_count or 1)


def strike() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def strike_at(point: str) -> None:
    if point == _point and reached(point):
        strike()
