"""The first program in the guest interpreter: builds the walls, forks the zygote, waits for it.

It starts with an empty environment and one inherited descriptor, the control socket. On it the pool
first sends what to build (a P frame). The answer is R when the zygote is ready, or N with the
reason when a wall cannot be had.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from typing import Any

from .control import Control
from .program import harness
from .walls import kernel, root
from .walls.root import Plan
from .walls.walls import DESCRIPTORS, Walls, remove_scratch
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
    """Builds the walls and starts the zygote behind the control socket `fd`. Never returns."""
    control = Control(fd)
    _, body = control.receive()
    config = json.loads(body)
    plan = Plan.of(config)
    as_root = os.geteuid() == 0  # asked now: inside its own user namespace everybody is root
    try:
        if plan.namespaces:
            root.leave_host(plan)
        # A new pid namespace is for the children of its maker. The first of them is its process 1,
        # with which all others in it die: that is to be the zygote.
        pid = os.fork()
        if pid == 0:
            become_zygote(control, config, Walls(plan, as_root=as_root))
    except OSError as exc:
        control.send_json(b"N", reason=str(exc))
        os._exit(1)
    os.close(fd)
    os.waitpid(pid, 0)
    remove_scratch(plan)  # if the zygote had no time to
    os._exit(0)


def become_zygote(control: Control, config: dict[str, Any], walls: Walls) -> None:
    """Puts up the zygote's walls, imports what jobs will, and serves the pool. Never returns."""
    try:
        if config["namespaces"]:
            kernel.control(kernel.PR_SET_PDEATHSIG, 9)
        walls.enter_root()
        silence()
        missing = preload(config)
        walls.restrict_zygote()
    except Exception as exc:
        control.send_json(
            b"N", reason=str(exc) if isinstance(exc, OSError) else f"{type(exc).__name__}: {exc}"
        )
        os._exit(1)
    # A job's collector would write to every object that it looks at, and so copy the pages that it
    # shares with us. What is frozen it leaves alone.
    gc.collect()
    gc.freeze()
    control.send_json(b"R", missing=missing)
    try:
        # Each of our frames, down to the job's function, takes one from its recursion limit. Where
        # a job recurses to that limit, one more or less of them changes its value.
        Zygote(control, walls, lambda job, text, first: fork(walls, job, text, first)).serve()
    except Exception as exc:
        control.send_json(b"N", reason=f"{type(exc).__name__}: {exc}")
    remove_scratch(walls.plan)
    os._exit(0)


def silence() -> None:
    """Lets the standard descriptors lead nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)


def preload(config: dict[str, Any]) -> dict[str, str]:
    """Imports what the jobs will. Returns why for each module that cannot be imported."""
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


def fork(walls: Walls, job: dict[str, Any], text: bytes, first: int) -> Forked:
    """Starts a job's process, which makes the calls from number `first` on. Raises: OSError."""
    reading, writing = os.pipe()
    token, failure_token = (
        os.urandom(TOKEN_BYTES // 2).hex().encode(),
        os.urandom(TOKEN_BYTES // 2).hex().encode(),
    )
    walls.before_fork()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Forked(pid=pid, fd=reading, token=token, failure_token=failure_token)
    confine(walls, job, writing, failure_token)
    # Untrusted code can look at this frame. With this token it could blame the sandbox for its own
    # end. The other one it may find: a job can give any value anyway.
    del failure_token
    harness.main(text, RESULT_FD, token, first)
    os._exit(0)


def confine(walls: Walls, job: dict[str, Any], writing: int, failure_token: bytes) -> None:
    """In the job's process: puts up its walls, and closes all descriptors but that for answers.

    Where a wall cannot be had, says so on `writing` and ends the process.
    """
    try:
        walls.restrict_job(job["cpu_ceiling_s"], job["memory_bytes"] + job["text_bytes"])
        os.dup2(writing, RESULT_FD)
        os.closerange(RESULT_FD + 1, DESCRIPTORS)
    except BaseException as exc:
        os.write(writing, failure_token + str(exc).encode())
        os._exit(1)
