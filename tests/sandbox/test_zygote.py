"""Deadlines of a job's process, with a /proc that says how long it waited for a core or without."""

import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.guest.control import Control
from sandbox.guest.zygote import Child, Ended, Forked

SLEEPS = "import time; time.sleep(30)"
WORKS = "while True: pass"
NAPS = "import time\nwhile True:\n    time.sleep(0.001)\n    sum(range(20000))"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="reads /proc and the CPU clocks of other processes"
)


def ended(code: str, *, listed: bool, cpu_s: float, wall_s: float) -> str:
    """Why a process that never answers is ended."""
    reading, writing = os.pipe()
    ours, theirs = os.pipe()
    pid = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", code], {})
    walls: Any = SimpleNamespace(
        processes=os.open("/proc", os.O_PATH) if listed else None,
        look_s=1.0,
        overfull=lambda: False,
        plan=SimpleNamespace(seccomp=True),
    )
    forked = Forked(pid=pid, fd=reading, token=b"t" * 16, failure_token=b"f" * 16)
    child = Child(forked, Control(ours), walls)
    try:
        with pytest.raises(Ended) as found:
            child.frame(cpu_s, wall_s)
    finally:
        child.reap()
        for fd in (writing, ours, theirs):
            os.close(fd)
    return found.value.error


@pytest.mark.parametrize("listed", [True, False])
def test_a_sleeper_is_blocked(listed: bool) -> None:
    assert ended(SLEEPS, listed=listed, cpu_s=2.0, wall_s=0.3) == "blocked for over 0.3 s"


@pytest.mark.parametrize("listed", [True, False])
def test_who_uses_the_cpu_is_not_blocked(listed: bool) -> None:
    assert ended(WORKS, listed=listed, cpu_s=0.6, wall_s=0.2) == "CPU time over 0.6 s"


def test_short_naps_and_bits_of_work_are_stuck_in_the_end_without_a_proc() -> None:
    assert ended(NAPS, listed=False, cpu_s=30.0, wall_s=0.1) == "blocked for over 0.1 s"
