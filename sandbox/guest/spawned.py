"""The zygote for systems that cannot fork a preloaded interpreter: one waiting process per job.

A supervisor (`main`) keeps one process ahead. Its start, by `prefix` (sandbox-exec with a profile,
on macOS), and its imports are done, and it waits for its job (`wait`). The supervisor serves the
pool as a zygote does. Only how a job's process comes about differs.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from typing import Any

from . import launcher
from .control import Control
from .program import harness
from .walls.root import Plan, open_proc
from .walls.walls import Walls, remove_scratch
from .zygote import TOKEN_BYTES, Forked, Zygote

START_S = 120.0
PROFILE = """(version 1)
(allow default)
(deny network*)
(deny process-fork)
(deny signal (target others))
(deny file-write*)
(allow file-write* (subpath {scratch}) (literal "/dev/null"))
(deny file-read-data (subpath "/Users") (subpath "/private/etc") (subpath "/private/var")
  (subpath "/Volumes") (subpath "/Library/Keychains") (subpath "/opt"))
(allow file-read-data {view} (subpath {scratch}) (subpath {guest}))
"""
"""The last rule that matches decides. Source: sandbox-exec(1) and the profiles under
/System/Library/Sandbox."""


def main(fd: int) -> None:
    """Serves the pool behind the control socket `fd`. Never returns."""
    control = Control(fd)
    _, body = control.receive()
    config = json.loads(body)
    walls = Walls(Plan.of(config), as_root=os.geteuid() == 0)
    walls.processes = open_proc(walls.plan)
    try:
        waiting = WaitingProcess(config, walls)
        waiting.ready()
    except OSError as exc:
        control.send_json(b"N", reason=str(exc))
        os._exit(1)
    control.send_json(b"R", missing=waiting.missing)
    try:
        Zygote(control, walls, lambda job, text, first: waiting.take(job, text, first)).serve()
    except Exception as exc:
        control.send_json(b"N", reason=f"{type(exc).__name__}: {exc}")
    waiting.close()
    remove_scratch(walls.plan)
    os._exit(0)


def command(config: dict[str, Any]) -> list[str]:
    """What starts a waiting process: the outer walls, then the interpreter."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    stub = f"import sys; sys.path.insert(0, {folder!r}); from guest.spawned import wait; wait()"
    python = [config["python"], "-s", "-S", "-B", "-c", stub]
    if not config["prefix"]:
        return python
    quoted = json.dumps
    view = " ".join(
        f"({'subpath' if os.path.isdir(path) else 'literal'} {quoted(path)})"
        for path in config["view"]
    )
    scratch = quoted(os.path.realpath(config["scratch"]))
    profile = PROFILE.format(scratch=scratch, view=view, guest=quoted(folder))
    return [*config["prefix"], "-p", profile, *python]


class WaitingProcess:
    """The process that waits for the next job."""

    def __init__(self, config: dict[str, Any], walls: Walls) -> None:
        self.config = config
        self.walls = walls
        self.missing: dict[str, str] = {}
        self.is_ready = False
        self._start()

    def _start(self) -> None:
        self.answers, theirs = os.pipe()
        os.set_inheritable(theirs, True)
        self.process = subprocess.Popen(
            command(self.config),
            stdin=subprocess.PIPE,
            stdout=theirs,
            cwd="/",
            stderr=subprocess.DEVNULL,
            env=self.config["environment"],
        )
        os.close(theirs)
        self.walls.waiting_pids = {self.process.pid}
        self.is_ready = False
        self._send({**self.config, "prefix": []})

    def _send(self, line: dict[str, Any], text: bytes = b"") -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(
                b"%016x" % len(text) + json.dumps(line).encode() + b"\n" + text
            )
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it died: the missing answer says so

    def ready(self) -> None:
        """Returns once its imports are done, so that they count to no job.

        Raises: OSError when it ends before, or takes longer than START_S.
        """
        if self.is_ready:
            return
        line = b""
        # Byte by byte: what follows the line in the pipe is for whoever reads the answers.
        while not line.endswith(b"\n"):
            if not select.select([self.answers], [], [], START_S)[0]:
                raise TimeoutError(f"a waiting process was not ready within {START_S:g} s")
            byte = os.read(self.answers, 1)
            if not byte:
                raise ChildProcessError("a waiting process ended before it was ready")
            line += byte
        self.missing = json.loads(line)
        self.is_ready = True

    def take(self, job: dict[str, Any], text: bytes, first: int) -> Forked:
        """Gives the waiting process its job and starts the next one. Raises: OSError."""
        self.ready()
        token = os.urandom(TOKEN_BYTES // 2).hex()
        failure_token = os.urandom(TOKEN_BYTES // 2).hex()
        line = {"job": job, "first": first, "token": token, "failure_token": failure_token}
        self._send(line, text)
        taken = Forked(
            pid=self.process.pid,
            fd=self.answers,
            token=token.encode(),
            failure_token=failure_token.encode(),
        )
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.returncode = 0  # the zygote's loop reaps it
        self._start()
        return taken

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def wait() -> None:
    """The waiting process: imports, says that it is ready, and takes its one job from stdin.

    Its answers go to stdout. Never returns.
    """
    config, _ = read_message()
    walls = Walls(Plan.of(config), as_root=False)
    walls.processes = open_proc(walls.plan)
    walls.restrict_zygote()
    writing = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    missing = launcher.preload(config)
    os.write(writing, json.dumps(missing).encode() + b"\n")
    line, text = read_message()
    os.dup2(null, 0)
    # Popped, so that nothing keeps it which untrusted code can look at.
    launcher.confine(walls, line["job"], writing, line.pop("failure_token").encode())
    harness.main(text, launcher.RESULT_FD, line["token"].encode(), line["first"])
    os._exit(0)


def read_message() -> tuple[dict[str, Any], bytes]:
    """A line of JSON and a text, whose length stands before them, from stdin.

    Ends the process when there is none.
    """
    length = sys.stdin.buffer.read(16)
    if not length:
        os._exit(0)
    line = json.loads(sys.stdin.buffer.readline())
    return line, sys.stdin.buffer.read(int(length, 16))
