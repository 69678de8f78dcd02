"""The zygote: a preloaded interpreter that forks one process per job, watches it under its limits,
and always kills it.

It is single-threaded, runs one job at a time, and trusts nothing that a job's process writes:
frames are counted by their kind and passed on unread, everything else that ends a call is told as
an X frame of the zygote's own. When the pool's end of the socket closes, the zygote and all that it
started are gone.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from typing import Any, Callable, NamedTuple

from . import usage
from .control import Closed, Control
from .walls import Walls

TOKEN_BYTES = 16
HEAD_BYTES = TOKEN_BYTES + 1 + 8
FRAME_BYTES = 64 << 20
CHUNK_BYTES = 1 << 18
POLL_S = 0.01
BEAT_S = 2.0
LEAVE_S = 1.0
"""How long a process may take to leave after it has closed its pipe."""
STUCK, IDLE_S = 20, 0.001
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
RUBBISH = "something else was written in place of an answer"


class Forked(NamedTuple):
    """A job's process just started. token opens each of its frames; excuse, what it writes if its
    walls failed."""

    pid: int
    fd: int
    token: bytes
    excuse: bytes


class Cancelled(Exception):
    """The pool wants no answer any more."""


class Ended(Exception):
    """The call's process gives no further answers: the status of its run, and why."""

    def __init__(self, status: str, error: str, cpu_s: float = 0.0) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.cpu_s = cpu_s


class Spell:
    """The time that a process takes for one frame, and how much of it was spent blocked.

    Where no /proc tells how long it waited for a core, it counts as blocked while it uses no CPU at
    all, and as stuck after STUCK times its limit, whatever it does.
    """

    def __init__(self, child: Child) -> None:
        self.child = child
        self.queued_before_s = child.queued_s
        self.start_s = self.seen_s = usage.cpu_s(child.pid)
        self.began = self.beat = self.looked = time.monotonic()
        self.idle_s = 0.0

    def spent_s(self) -> float:
        return usage.cpu_s(self.child.pid) - self.start_s

    def blocked_s(self, worth_s: float = 0.0) -> float:
        """Wall less CPU less time in the run queue; 0.0 unless `worth_s` have passed, since asking
        costs."""
        now = time.monotonic()
        if now - self.began < worth_s:
            return 0.0
        if self.child.walls.processes is None:
            seen_s = usage.cpu_s(self.child.pid)
            self.idle_s += now - self.looked if seen_s - self.seen_s < IDLE_S else 0.0
            self.looked, self.seen_s = now, seen_s
            return self.idle_s
        self.child.queued_s = usage.queued_s(self.child.walls.processes, self.child.pid)
        return now - self.began - self.spent_s() - (self.child.queued_s - self.queued_before_s)

    def check(self, cpu_s: float, wall_s: float) -> float:
        """Returns how long nothing can run out. Raises: Ended when something has."""
        spent_s, blocked_s = self.spent_s(), self.blocked_s()
        if spent_s >= cpu_s:
            raise Ended("timeout", f"CPU time over {cpu_s:g} s", cpu_s)
        stuck = (
            self.child.walls.processes is None and time.monotonic() - self.began >= STUCK * wall_s
        )
        if blocked_s >= wall_s or stuck:
            raise Ended("timeout", f"blocked for over {wall_s:g} s", spent_s)
        if self.child.walls.crowded():
            raise Ended(
                "denied",
                "more or larger files in the temporary folder than it has room for",
                spent_s,
            )
        if time.monotonic() > self.beat + BEAT_S:
            self.beat = time.monotonic()
            self.child.control.send(b"B")
        return max(POLL_S, min(cpu_s - spent_s, wall_s - blocked_s) / 2)


class Child:
    """One job's process as the zygote sees it: a pid, and a pipe on which frames should come."""

    def __init__(self, forked: Forked, control: Control, walls: Walls) -> None:
        self.pid, self.fd, self.token, self.excuse = forked
        self.control = control
        self.walls = walls
        self.buffer = b""
        self.queued_s = 0.0
        self.usage: Any = None
        self.status = 0
        self.poll = select.poll()
        self.poll.register(self.fd, select.POLLIN)
        self.poll.register(control.fd, select.POLLIN)

    def frame(self, cpu_s: float, wall_s: float) -> tuple[bytes, bytes, bool]:
        """The next frame: kind, body, and whether more than half of `wall_s` was spent blocked
        before it.

        Raises: Ended when there is none within the limits, Cancelled, Closed.
        """
        spell = Spell(self)
        patience_s = min(cpu_s, wall_s) / 2
        while True:
            frame = self.taken()
            if frame is not None:
                return (*frame, spell.blocked_s(wall_s / 2) * 2 > wall_s)
            if not self.wait(min(patience_s, BEAT_S, self.walls.patience_s)):
                patience_s = spell.check(cpu_s, wall_s)

    def wait(self, timeout_s: float) -> bool:
        """Reads what comes within `timeout_s`; False if nothing does. Raises: Ended at the end of
        the pipe, Cancelled."""
        ready = dict(self.poll.poll(timeout_s * 1000 + 1))
        if self.control.fd in ready:
            self.control.fill()
            frame = self.control.taken()
            if frame is not None and frame[0] == b"C":
                raise Cancelled
        if self.fd not in ready:
            return False
        chunk = os.read(self.fd, CHUNK_BYTES)
        if not chunk:
            raise self.left()
        self.buffer += chunk
        return True

    def taken(self) -> tuple[bytes, bytes] | None:
        """A whole frame (kind, body) from what has been read. Raises: Ended if that is no frame."""
        head = self.buffer[:HEAD_BYTES]
        if len(head) >= TOKEN_BYTES and head.startswith(self.excuse):
            raise Ended("sandbox", self.buffer[TOKEN_BYTES:].decode("utf-8", "replace"))
        if not self.token.startswith(head[:TOKEN_BYTES]) and not self.excuse.startswith(
            head[:TOKEN_BYTES]
        ):
            raise Ended("crash", RUBBISH)
        if len(head) < HEAD_BYTES:
            return None
        kind, digits = head[TOKEN_BYTES : TOKEN_BYTES + 1], head[TOKEN_BYTES + 1 :]
        if kind not in (b"L", b"F", b"C") or digits.strip(b"0123456789abcdef"):
            raise Ended("crash", RUBBISH)
        end = HEAD_BYTES + int(digits, 16)
        if end > FRAME_BYTES:
            raise Ended("crash", f"an answer of over {FRAME_BYTES} bytes")
        if len(self.buffer) < end:
            return None
        body = self.buffer[HEAD_BYTES:end]
        self.buffer = self.buffer[end:]
        return kind, body

    def left(self) -> Ended:
        """What the process's own end makes of the run."""
        deadline = time.monotonic() + LEAVE_S
        while (
            not os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            and time.monotonic() < deadline
        ):
            time.sleep(POLL_S / 10)
        self.reap()
        if not os.WIFSIGNALED(self.status):
            return Ended(
                "crash", f"left with exit code {os.WEXITSTATUS(self.status)} before its answer"
            )
        number = os.WTERMSIG(self.status)
        if number == signal.SIGXCPU:
            return Ended("timeout", "CPU time over the process's limit")
        if number == signal.SIGSYS:
            return Ended("denied", "killed for a system call that is not allowed")
        return Ended("crash", f"killed by {signal.Signals(number).name}")

    def reap(self) -> None:
        """Kills the process, and what it may have started, and collects what it used; once."""
        if self.usage is not None:
            return
        os.kill(self.pid, signal.SIGKILL)
        if not self.walls.plan.seccomp:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except OSError:
                pass  # it had no time to open its group, or has started nothing
        _, self.status, self.usage = os.wait4(self.pid, 0)
        os.close(self.fd)


class Zygote:
    """Serves one job after the other. `fork` makes a job's process of the zygote's line of the job
    and the job's text."""

    def __init__(
        self, control: Control, walls: Walls, fork: Callable[[dict[str, Any], bytes, int], Forked]
    ) -> None:
        self.control = control
        self.walls = walls
        self.fork = fork

    def serve(self) -> None:
        """Returns when the pool has gone."""
        try:
            while True:
                kind, body = self.control.receive()
                if kind == b"J":
                    self.attend(*body.split(b"\n", 1))
        except Closed:
            return

    def attend(self, line: bytes, text: bytes) -> None:
        """Makes all calls of a job, in as many processes as it takes: one that ends is replaced for
        the rest."""
        job = json.loads(line)
        done, spent_s, peak_bytes = 0, 0.0, 0
        while done < job["calls"]:
            if spent_s >= job["total_cpu_s"]:
                error = f"CPU time of all calls over {job['total_cpu_s']:g} s"
                self.control.tell(b"X", status="timeout", error=error, phase="call", rest=True)
                break
            child = Child(self.fork(job, text, done), self.control, self.walls)
            try:
                done += self.calls(child, job, job["calls"] - done, spent_s)
            except Cancelled:
                break
            finally:
                child.reap()
                self.tidy()
                spent_s += child.usage.ru_utime + child.usage.ru_stime
                peak_bytes = max(peak_bytes, child.usage.ru_maxrss * MAXRSS_BYTES)
        self.control.tell(b"E", peak_bytes=peak_bytes, cpu_s=spent_s)

    def calls(self, child: Child, job: dict[str, Any], wanted: int, spent_s: float) -> int:
        """Passes on the child's answers; returns how many calls are settled by it."""
        done, phase = 0, "load"
        try:
            kind, body, _ = child.frame(job["cpu_s"], job["wall_s"])
            if kind != b"L":
                self.control.put(b"F", body)
                return wanted
            phase = "call"
            while done < wanted and spent_s + usage.cpu_s(child.pid) < job["total_cpu_s"]:
                _, body, near = child.frame(job["call_cpu_s"], job["wall_s"])
                self.control.put(b"W" if near else b"C", body)
                done += 1
        except Ended as end:
            rest = phase == "load" or (job["all_or_nothing"] and end.status == "timeout")
            self.control.tell(
                b"X", status=end.status, error=end.error, cpu_s=end.cpu_s, phase=phase, rest=rest
            )
            return wanted if rest else done + 1
        return done

    def tidy(self) -> None:
        """Nothing of a job is left: no process (where one could leave its group), no file."""
        while not self.walls.plan.seccomp and self.orphaned():
            for pid in usage.children(self.walls.processes):
                if pid not in self.walls.kept:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
        self.walls.clean()

    def orphaned(self) -> bool:
        """Whether the zygote has children that a job has left to it."""
        if self.walls.kept:
            return bool(set(usage.children(self.walls.processes)) - self.walls.kept)
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True
