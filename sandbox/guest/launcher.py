"""The first program in the guest interpreter: builds the walls, forks the zygote inside them, and
waits for it.

Started with an empty environment and one inherited descriptor, the control socket, on which the
pool first sends what to build (a P frame). Answers R when the zygote is ready, N with the reason
when a wall cannot be had.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from typing import Any

from . import harness, kernel, walls
from .control import Control
from .walls import DESCRIPTORS
from .zygote import TOKEN_BYTES, Forked, Zygote

RESULT_FD = 3
COMMON = (
    "bisect",
    "collections",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "heapq",
    "itertools",
    "math",
    "operator",
    "re",
    "statistics",
    "string",
    "textwrap",
    "typing",
)
"""What programs import most, of the standard library."""
NUMPY = ("numpy", "numpy.random", "numpy.linalg", "numpy.fft", "numpy.polynomial")
PARTS = {
    "numpy": NUMPY,
    "pandas": (*NUMPY, "pandas"),
    "scipy": (*NUMPY, "scipy", "scipy.special", "scipy.linalg", "scipy.optimize", "scipy.stats"),
}
"""What a job that names a package most likely imports of it, and what seeding would import late."""


def main(fd: int) -> None:
    control = Control(fd)
    _, body = control.receive()
    config = json.loads(body)
    plan = walls.Plan.of(config)
    as_root = os.geteuid() == 0
    try:
        if plan.namespaces:
            walls.leave_host(plan)
        pid = os.fork()
        if pid == 0:
            zygote(control, config, walls.Walls(plan, as_root=as_root))
    except OSError as exc:
        control.tell(b"N", reason=str(exc))
        os._exit(1)
    os.close(fd)
    os.waitpid(pid, 0)
    walls.removed(plan)  # if the zygote had no time to
    os._exit(0)


def zygote(control: Control, config: dict[str, Any], around: walls.Walls) -> None:
    """Becomes the zygote; never returns."""
    try:
        if config["namespaces"]:
            kernel.control(kernel.PR_SET_PDEATHSIG, 9)
        around.settle()
        quiet()
        missing = preload(config)
        around.close()
    except Exception as exc:
        control.tell(
            b"N", reason=str(exc) if isinstance(exc, OSError) else f"{type(exc).__name__}: {exc}"
        )
        os._exit(1)
    gc.collect()
    gc.freeze()
    control.tell(b"R", missing=missing)
    try:
        Zygote(control, around, lambda job, text, first: fork(around, job, text, first)).serve()
    except Exception as exc:
        control.tell(b"N", reason=f"{type(exc).__name__}: {exc}")
    walls.removed(around.plan)
    os._exit(0)


def quiet() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)


def preload(config: dict[str, Any]) -> dict[str, str]:
    """Imports what the jobs will; returns why for each module that cannot be."""
    os.environ.clear()
    os.environ.update(config["environment"])
    sys.path[:] = config["path"]
    sys.argv = [""]
    missing = {}
    for name in (
        *COMMON,
        *(part for module in config["preload"] for part in PARTS.get(module, (module,))),
    ):
        try:
            importlib.import_module(name)
        except Exception as exc:
            missing[name] = f"{type(exc).__name__}: {exc}"
    return missing


def fork(around: walls.Walls, job: dict[str, Any], text: bytes, first: int) -> Forked:
    """Starts a job's process."""
    reading, writing = os.pipe()
    token, excuse = (
        os.urandom(TOKEN_BYTES // 2).hex().encode(),
        os.urandom(TOKEN_BYTES // 2).hex().encode(),
    )
    around.before_fork()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Forked(pid, reading, token, excuse)
    confined(around, job, writing, excuse)
    del excuse  # from here on untrusted code may look at this frame
    harness.main(text, RESULT_FD, token, first)
    os._exit(0)


def confined(around: walls.Walls, job: dict[str, Any], writing: int, excuse: bytes) -> None:
    """In the job's process: its walls, and no descriptor but that for its answers."""
    try:
        around.confine(job["cpu_ceiling_s"], job["memory_bytes"] + job["text_bytes"])
        os.dup2(writing, RESULT_FD)
        os.closerange(RESULT_FD + 1, DESCRIPTORS)
    except BaseException as exc:
        os.write(writing, excuse + str(exc).encode())
        os._exit(1)
