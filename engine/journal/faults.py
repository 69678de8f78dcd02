"""A switch for tests: this process dies when it passes a point for the n-th time.

Passes are counted from the first new result of the process on. `ENGINE_FAULT=point:count` in the
environment kills the process with SIGKILL. `point:count:thread` ends only the thread that passes.
`arm` sets something else to happen.

Points, in the order in which a result passes them: made (a call has answered), begin, commit
(before), committed, append (with half of the rows written), appended.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

POINTS = ("made", "begin", "commit", "committed", "append", "appended")


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def end_thread() -> None:
    raise SystemExit


@dataclass(slots=True, kw_only=True)
class Switch:
    """Where this process dies, and how.

    point: where. left: passes until then. blow: what happens there. made: this process has made a
    new result. Passes before that do not count.
    """

    point: str = ""
    left: int = 0
    blow: Callable[[], None] = kill
    made: bool = False


def _from_environment() -> Switch:
    point, count, how = (*os.environ.get("ENGINE_FAULT", "").split(":"), "", "")[:3]
    return Switch(point=point, left=int(count or 1), blow=end_thread if how == "thread" else kill)


SWITCH = _from_environment()


def arm(point: str, count: int, blow: Callable[[], None] = kill) -> None:
    """Sets the switch. An empty point switches it off."""
    SWITCH.point, SWITCH.left, SWITCH.blow, SWITCH.made = point, count, blow, False


def reached(point: str) -> bool:
    """Whether it is time to die here."""
    SWITCH.made = SWITCH.made or point == "made"
    if point != SWITCH.point or not SWITCH.made:
        return False
    SWITCH.left -= 1
    return SWITCH.left <= 0


def strike() -> None:
    SWITCH.blow()


def strike_at(point: str) -> None:
    if reached(point):
        strike()
