"""Runs untrusted Python functions behind walls, and says what came of each call.

The package knows nothing of code I/O and needs only the standard library::

    async with Sandbox(Limits(cpu_s=5, wall_s=10, memory_bytes=512 << 20), workers=2) as box:
        run = await box.run(code, "main_solution", '{"n": 3}')
        run.status, run.value
"""

from sandbox.errors import GuestUnusable, IsolationMissing, JobRefused, SandboxError
from sandbox.levels import Level
from sandbox.pool import Sandbox, Statistics
from sandbox.records import (
    HASH_SEEDS,
    Clock,
    Drawing,
    Draws,
    Guest,
    Job,
    Limits,
    Run,
    Status,
    Trace,
)
from sandbox.runner import Runner
from sandbox.semaphore import PrioritySemaphore

__all__ = [
    "HASH_SEEDS",
    "Clock",
    "Drawing",
    "Draws",
    "Guest",
    "GuestUnusable",
    "IsolationMissing",
    "Job",
    "JobRefused",
    "Level",
    "Limits",
    "PrioritySemaphore",
    "Run",
    "Runner",
    "Sandbox",
    "SandboxError",
    "Statistics",
    "Status",
    "Trace",
]
