"""The zygote for systems that cannot fork a preloaded interpreter: one waiting process per job
instead.

A supervisor (`main`) keeps one process ahead: started by `prefix` (sandbox-exec with a profile, on
macOS), imports done, waiting for its job (`wait`). It serves the pool as a zygote does; only how a
job's process comes about differs.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from typing import Any

from . import harness, launcher, walls
from .control import Control
from .zygote import TOKEN_BYTES, Forked, Zygote

START_S = 120.0
PROFILE = """(version 1)
(allow default)
(deny network*)
(deny process-fork)
(deny signal (target others))
(deny file-write*)
(allow file-write* (subpath {scratch}) (literal "/dev/null"))
(deny file-read-data (subpath "/Users") (subpath "/private/etc") (subpath "/private/var") (subpath "/Volumes")
  (subpath "/Library/Keychains") (subpath "/opt"))
(allow file-read-data {view} (subpath {scratch}) (subpath {guest}))
"""
"""Source: sandbox-exec(1) and the profiles under /System/Library/Sandbox; the last rule that
matches decides."""


def main(fd: int) -> None:
    control = Control(fd)
    _, body = control.receive()
    config = json.loads(body)
    around = walls.Walls(walls.Plan.of(config), as_root=os.geteuid() == 0)
    around.processes = walls.listing(around.plan)
    try:
        waiting = Waiting(config, around)
        waiting.ready()
    except OSError as exc:
        control.tell(b"N", reason=str(exc))
        os._exit(1)
    control.tell(b"R", missing=waiting.missing)
    try:
        Zygote(control, around, lambda job, text, first: waiting.take(job, text, first)).serve()
    except Exception as exc:
        control.tell(b"N", reason=f"{type(exc).__name__}: {exc}")
    waiting.close()
    walls.removed(around.plan)
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
    return [
        *config["prefix"],
        "-p",
        PROFILE.format(scratch=scratch, view=view, guest=quoted(folder)),
        *python,
    ]


class Waiting:
    """The process that waits for the next job."""

    def __init__(self, config: dict[str, Any], around: walls.Walls) -> None:
        self.config = config
        self.around = around
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
        self.around.kept = {self.process.pid}
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
        """Returns once its imports are done, so that they count to no job. Raises: OSError."""
        if self.is_ready:
            return
        line = b""
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
        """Gives the waiting process its job and starts the next one."""
        self.ready()
        token, excuse = os.urandom(TOKEN_BYTES // 2).hex(), os.urandom(TOKEN_BYTES // 2).hex()
        self._send({"job": job, "first": first, "token": token, "excuse": excuse}, text)
        taken = Forked(self.process.pid, self.answers, token.encode(), excuse.encode())
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.returncode = 0  # the zygote's loop reaps it
        self._start()
        return taken

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def wait() -> None:
    """The waiting process: imports, says that it is ready, takes its one job from stdin, answers on
    stdout."""
    config, _ = received()
    around = walls.Walls(walls.Plan.of(config), as_root=False)
    around.processes = walls.listing(around.plan)
    around.close()
    writing = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    missing = launcher.preload(config)
    os.write(writing, json.dumps(missing).encode() + b"\n")
    line, text = received()
    os.dup2(null, 0)
    launcher.confined(around, line["job"], writing, line.pop("excuse").encode())
    harness.main(text, launcher.RESULT_FD, line["token"].encode(), line["first"])
    os._exit(0)


def received() -> tuple[dict[str, Any], bytes]:
    """A line of JSON and a text, whose length stands before them; ends the process when there is
    none."""
    length = sys.stdin.buffer.read(16)
    if not length:
        os._exit(0)
    line = json.loads(sys.stdin.buffer.readline())
    return line, sys.stdin.buffer.read(int(length, 16))
