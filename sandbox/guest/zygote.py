"""The zygote: a preloaded interpreter that forks a process per job, watches it, and kills it.

It is single-threaded, runs one job at a time, and trusts nothing that a job's process writes.
Frames are counted by their kind and passed on unread. All else that ends a call is reported as an X
frame of the zygote's own. When the pool's end of the socket closes, the zygote and all that it
started are gone.

A process's limits hold per frame: for loading the code, and for each call. Two clocks run for each.
CPU time is what a verdict should rest on, since it is the same on a busy machine. Blocked time ends
what sleeps or waits and so uses no CPU.
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
from .walls.walls import Walls

TOKEN_BYTES = 16
HEAD_BYTES = TOKEN_BYTES + 1 + 8
FRAME_BYTES = 64 << 20
CHUNK_BYTES = 1 << 18
POLL_S = 0.01
HEARTBEAT_S = 2.0
LEAVE_S = 1.0
"""How long a process may take to leave after it has closed its pipe."""
STUCK_LIMITS, IDLE_S = 20, 0.001
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
MALFORMED = "something else was written in place of an answer"


class Forked(NamedTuple):
    """A job's process just started.

    fd: its answers are read from it. token: opens each of its frames. failure_token: opens what it
    writes if its walls failed.
    """

    pid: int
    fd: int
    token: bytes
    failure_token: bytes


class Cancelled(Exception):
    """The pool wants no answer any more."""


class Ended(Exception):
    """The call's process gives no further answers: the status of its run, and why."""

    def __init__(self, status: str, error: str, cpu_s: float = 0.0) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.cpu_s = cpu_s


class Stopwatch:
    """The time that a process takes for one frame, and how much of it was spent blocked.

    Where no /proc says how long it waited for a core, it counts as blocked while it uses no CPU at
    all. By naps and bits of work it could then keep clear of both limits for ever. So it is stuck
    there after STUCK_LIMITS times its limit, whatever it does.
    """

    def __init__(self, child: Child) -> None:
        self.child = child
        # The last reading, since a fresh one for each frame would cost about as much as a call. If
        # it is stale, this frame's blocked time comes out too small, in favour of the job.
        self.queued_before_s = child.queued_s
        self.start_s = self.seen_s = usage.cpu_s(child.pid)
        self.began = self.beat = self.looked = time.monotonic()
        self.idle_s = 0.0

    def spent_s(self) -> float:
        """CPU seconds of all threads since the start."""
        return usage.cpu_s(self.child.pid) - self.start_s

    def blocked_s(self, worth_s: float = 0.0) -> float:
        """Wall time less CPU time less time in the run queue, in seconds since the start.

        0.0 unless `worth_s` have passed, since asking costs.
        """
        now = time.monotonic()
        if now - self.began < worth_s:
            return 0.0
        if self.child.walls.processes is None:
            seen_s = usage.cpu_s(self.child.pid)
            self.idle_s += now - self.looked if seen_s - self.seen_s < IDLE_S else 0.0
            self.looked, self.seen_s = now, seen_s
            return self.idle_s
        # A process that is ready and gets no core is not blocked. A limit on plain wall time would
        # end, on a full machine, what is fine on an idle one. With several threads this may fall
        # below zero, since the CPU clock and the queue add up all of them.
        self.child.queued_s = usage.queued_s(self.child.walls.processes, self.child.pid)
        return now - self.began - self.spent_s() - (self.child.queued_s - self.queued_before_s)

    def check(self, cpu_s: float, wall_s: float) -> float:
        """Seconds in which nothing can run out. Raises: Ended when something has."""
        spent_s, blocked_s = self.spent_s(), self.blocked_s()
        if spent_s >= cpu_s:
            raise Ended("timeout", f"CPU time over {cpu_s:g} s", cpu_s)
        stuck = (
            self.child.walls.processes is None
            and time.monotonic() - self.began >= STUCK_LIMITS * wall_s
        )
        if blocked_s >= wall_s or stuck:
            raise Ended("timeout", f"blocked for over {wall_s:g} s", spent_s)
        if self.child.walls.overfull():
            raise Ended(
                "denied",
                "more or larger files in the temporary folder than it has room for",
                spent_s,
            )
        if time.monotonic() > self.beat + HEARTBEAT_S:
            self.beat = time.monotonic()
            self.child.control.send(b"B")
        # Half of what is left, since two threads use CPU time twice as fast as it passes. So the
        # looks come closer together towards the limit, and few are needed for a long one.
        return max(POLL_S, min(cpu_s - spent_s, wall_s - blocked_s) / 2)


class Child:
    """One job's process as the zygote sees it: a pid, and a pipe on which frames should come."""

    def __init__(self, forked: Forked, control: Control, walls: Walls) -> None:
        self.pid, self.fd, self.token, self.failure_token = forked
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
        """The next frame: kind, body, and whether over half of `wall_s` was spent blocked before.

        Raises: Ended when there is none within the limits, Cancelled, Closed.
        """
        stopwatch = Stopwatch(self)
        patience_s = min(cpu_s, wall_s) / 2
        while True:
            frame = self.pop_frame()
            if frame is not None:
                return (*frame, stopwatch.blocked_s(wall_s / 2) * 2 > wall_s)
            if not self.read(min(patience_s, HEARTBEAT_S, self.walls.look_s)):
                patience_s = stopwatch.check(cpu_s, wall_s)

    def read(self, timeout_s: float) -> bool:
        """Reads what comes within `timeout_s`, or returns False if nothing does.

        Raises: Ended at the end of the pipe, Cancelled, Closed.
        """
        ready = dict(self.poll.poll(timeout_s * 1000 + 1))
        if self.control.fd in ready:
            self.control.fill()
            frame = self.control.pop_frame()
            if frame is not None and frame[0] == b"C":
                raise Cancelled
        if self.fd not in ready:
            return False
        chunk = os.read(self.fd, CHUNK_BYTES)
        if not chunk:
            raise self.end()
        self.buffer += chunk
        return True

    def pop_frame(self) -> tuple[bytes, bytes] | None:
        """A whole frame (kind, body) from what has been read. Raises: Ended if that is no frame."""
        head = self.buffer[:HEAD_BYTES]
        if len(head) >= TOKEN_BYTES and head.startswith(self.failure_token):
            raise Ended("sandbox", self.buffer[TOKEN_BYTES:].decode("utf-8", "replace"))
        # A token is new for each process, so what a job writes to every descriptor is no answer. It
        # keeps nobody out who reads the harness's memory: a frame is the job's word, no verdict.
        opening = head[:TOKEN_BYTES]
        if not self.token.startswith(opening) and not self.failure_token.startswith(opening):
            raise Ended("crash", MALFORMED)
        if len(head) < HEAD_BYTES:
            return None
        kind, digits = head[TOKEN_BYTES : TOKEN_BYTES + 1], head[TOKEN_BYTES + 1 :]
        if kind not in (b"L", b"F", b"C") or digits.strip(b"0123456789abcdef"):
            raise Ended("crash", MALFORMED)
        end = HEAD_BYTES + int(digits, 16)
        if end > FRAME_BYTES:
            raise Ended("crash", f"an answer of over {FRAME_BYTES} bytes")
        if len(self.buffer) < end:
            return None
        body = self.buffer[HEAD_BYTES:end]
        self.buffer = self.buffer[end:]
        return kind, body

    def end(self) -> Ended:
        """What the process's own end makes of the run."""
        # It may have closed its pipe and live on. It is looked at without being collected: until
        # then its pid is its own, so that `reap` kills nobody else.
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
        """Kills the process, and what it may have started, and collects what it used. Once."""
        if self.usage is not None:
            return
        # The process first, so that it starts nothing more, then its group, and only then the wait.
        # Until that, neither number can be another's. SIGKILL, since others can be ignored.
        os.kill(self.pid, signal.SIGKILL)
        if not self.walls.plan.seccomp:  # with it, a job has no second process
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except OSError:
                pass  # it had no time to open its group, or has started nothing
        _, self.status, self.usage = os.wait4(self.pid, 0)
        os.close(self.fd)


class Zygote:
    """Serves one job after the other.

    fork: makes a job's process of the zygote's line of the job, the job's text, and the number of
    its first call.
    """

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
                    self.run(*body.split(b"\n", 1))
        except Closed:
            return

    def run(self, line: bytes, text: bytes) -> None:
        """Makes all calls of a job, in as many processes as it takes.

        A process that ends is replaced for the rest of the calls. Raises: Closed, OSError.
        """
        job = json.loads(line)
        done, spent_s, peak_bytes = 0, 0.0, 0
        while done < job["calls"]:
            if spent_s >= job["total_cpu_s"]:
                error = f"CPU time of all calls over {job['total_cpu_s']:g} s"
                self.control.send_json(b"X", status="timeout", error=error, phase="call", rest=True)
                break
            child = Child(self.fork(job, text, done), self.control, self.walls)
            try:
                done += self.pass_on(child, job, job["calls"] - done, spent_s)
            except Cancelled:
                break
            finally:
                # Also where the pool has gone: nothing of a job outlives this loop.
                child.reap()
                self.tidy()
                spent_s += child.usage.ru_utime + child.usage.ru_stime
                peak_bytes = max(peak_bytes, child.usage.ru_maxrss * MAXRSS_BYTES)
        self.control.send_json(b"E", peak_bytes=peak_bytes, cpu_s=spent_s)

    def pass_on(self, child: Child, job: dict[str, Any], wanted: int, spent_s: float) -> int:
        """Passes on the child's answers. Returns how many calls are settled by it.

        spent_s: CPU seconds of the job's processes before this one.
        """
        done, phase = 0, "load"
        try:
            kind, body, _ = child.frame(job["cpu_s"], job["wall_s"])
            if kind != b"L":
                self.control.put(b"F", body)
                return wanted
            phase = "call"
            while done < wanted and spent_s + usage.cpu_s(child.pid) < job["total_cpu_s"]:
                _, body, half_blocked = child.frame(job["call_cpu_s"], job["wall_s"])
                self.control.put(b"W" if half_blocked else b"C", body)
                done += 1
        except Ended as end:
            # Code that ends while it is loaded would do so again for each of the calls left.
            rest = phase == "load" or (job["all_or_nothing"] and end.status == "timeout")
            self.control.send_json(
                b"X", status=end.status, error=end.error, cpu_s=end.cpu_s, phase=phase, rest=rest
            )
            return wanted if rest else done + 1
        return done

    def tidy(self) -> None:
        """Nothing of a job is left: no process (where one could leave its group), no file."""
        # Round after round, as what is killed may have started more. What it leaves becomes the
        # zygote's child. Files go last, when nobody is left to write another.
        while not self.walls.plan.seccomp and self.has_orphans():
            for pid in usage.children(self.walls.processes):
                if pid not in self.walls.waiting_pids:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
        self.walls.clean()

    def has_orphans(self) -> bool:
        """Whether the zygote has children that a job has left to it."""
        if self.walls.waiting_pids:
            return bool(set(usage.children(self.walls.processes)) - self.walls.waiting_pids)
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True
