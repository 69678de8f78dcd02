"""The clocks, the sleep and the random numbers that the model client uses.

They are passed in, so that a test can run hours of failures in milliseconds.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """clock: monotonic seconds. wall: seconds since 1970. chance: for backoffs and pauses."""

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: random.Random = field(default_factory=random.Random)
