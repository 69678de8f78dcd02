"""The first backend: every job in a fresh interpreter of its own.

Walls: own session and process group, empty environment but for the few names below, own temporary folder,
rlimits, results over a pipe of its own, SIGKILL of the whole group at the end of every job. What it does not
wall off: the file system, the network, and a process that leaves its group.

All of this is blocking code; `sandbox.pool` runs it in one thread per worker.
"""

import json
import math
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.errors import GuestUnusable, SandboxError
from sandbox.records import JOB_BYTES, Draws, Guest, Limits, Run, Trace

HARNESS = Path(__file__).with_name("guest.py")
FRAME_BYTES = 64 << 20
START_S = 60.0
"""Blocked seconds a guest may take to come up before the sandbox itself is held to have failed."""
POLL_S = 0.02
TRACING_S = 5.0
"""CPU seconds that a traced call gets on top: 300,000 line events cost well under a second."""
PROBE = """
import importlib.metadata as m, json, pkgutil, platform, sys
from pathlib import Path
path = [p for p in sys.path if p and Path(p).exists()]
print(json.dumps({
    "version": platform.python_version(), "implementation": platform.python_implementation(),
    "platform": platform.system() + "-" + platform.machine(), "path": path,
    "packages": sorted({f"{d.metadata['Name']}=={d.version}" for d in m.distributions() if d.metadata["Name"]}),
    "modules": sorted({i.name for i in pkgutil.iter_modules(path)} | set(sys.stdlib_module_names)),
}))
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One program and the calls to make of it; exactly one of `arguments` and `draw` is set."""

    code: str
    entrypoint: str
    limits: Limits
    arguments: tuple[str, ...] = ()
    draw: tuple[int, int, int] | None = None
    """(calls, distinct values wanted, largest value in bytes)"""
    seed: int = 0
    hash_seed: int = 0
    trace: Trace | None = None


class Cancelled(Exception):
    """The job's caller has gone."""


class Execution:
    """A job under way; `kill` may be called from any thread and ends it at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._group = 0
        self.killed = False

    def kill(self) -> None:
        with self._lock:
            self.killed = True
            self._end()

    def started(self, group: int) -> None:
        with self._lock:
            self._group = group
            if self.killed:
                self._end()

    def ended(self) -> None:
        """Called before the group's id is reaped, and so may be given to others."""
        with self._lock:
            self._end()
            self._group = 0

    def _end(self) -> None:
        if self._group:
            try:
                os.killpg(self._group, signal.SIGKILL)
            except ProcessLookupError:
                pass


def probe(python: str) -> Guest:
    """Asks an interpreter what it is. Raises: GuestUnusable."""
    try:
        out = subprocess.run([python, "-I", "-c", PROBE], capture_output=True, env={}, timeout=120, check=False)
    except OSError as exc:
        raise GuestUnusable(f"sandbox.python: {python} cannot be started: {exc.strerror}") from exc
    except subprocess.TimeoutExpired as exc:
        raise GuestUnusable(f"sandbox.python: {python} gave no answer within 120 s") from exc
    try:
        said = json.loads(out.stdout)
    except ValueError:
        told = out.stderr.decode("utf-8", "replace").strip()[-300:]
        raise GuestUnusable(f"sandbox.python: {python} is no usable Python 3 interpreter: {told}") from None
    return Guest(python=python, version=said["version"], implementation=said["implementation"],
                 platform=said["platform"], path=tuple(said["path"]), packages=tuple(said["packages"]),
                 modules=frozenset(said["modules"]))  # fmt: skip


def run_calls(job: Job, guest: Guest, execution: Execution, total_cpu_s: float) -> list[Run]:
    """One Run for each of the job's arguments, in order; a call that ends its process gets a new one for the rest."""
    runs: list[Run] = []
    while len(runs) < len(job.arguments):
        rest = job.arguments[len(runs) :]
        if sum(run.cpu_s for run in runs) >= total_cpu_s:
            spent = Run("timeout", error=f"CPU time of all calls over {total_cpu_s:g} s", near_limit=True)
            return [*runs, *[spent] * len(rest)]
        with Process(job, rest, guest, execution) as process:
            loaded = process.frame("load")
            if loaded["status"] != "ok":
                failed = process.run(loaded, "load")
                process.close()
                return [*runs, *[process.with_peak(failed)] * len(rest)]
            batch = []
            for _ in rest:
                frame = process.frame("call")
                batch.append(process.run(frame, "call"))
                if frame.get("over") or sum(run.cpu_s for run in runs + batch) >= total_cpu_s:
                    break
            process.close()
            runs += [process.with_peak(run) for run in batch]
    return runs


def run_draws(job: Job, guest: Guest, execution: Execution, cpu_s: float) -> Draws:
    """The job's drawing in one process; `cpu_s` bounds all its calls together."""
    with Process(job, (), guest, execution) as process:
        frame = process.frame("load")
        phase = "load"
        if frame["status"] == "ok":
            frame, phase = process.frame("call", cpu_s=cpu_s), "call"
        run = process.run({key: frame[key] for key in frame if key != "values"}, phase)
        process.close()
        run = process.with_peak(run)
    if run.status != "ok" or "values" not in frame:
        return Draws(run if run.status != "ok" else Run("crash", error="no values came back"))
    return Draws(run, tuple(frame["values"]), int(frame["calls"]), int(frame["raised"]), int(frame["invalid"]),
                 int(frame["oversize"]), tuple(frame["errors"]), tuple(frame["refused"]))  # fmt: skip


class Process:
    """One guest process: started with a job, read frame by frame under the deadlines, always killed and reaped."""

    def __init__(self, job: Job, arguments: tuple[str, ...], guest: Guest, execution: Execution) -> None:
        self.job = job
        self.execution = execution
        self.folder = tempfile.mkdtemp(prefix="sandbox-")
        self.peak_bytes = 0
        self.blocked_s = 0.0
        self.buffer = b""
        self._reaped = False
        self._status = 0
        message = self._message(arguments, guest)
        reading, writing = os.pipe()
        self.fd = reading
        try:
            self.child = self._start(guest, writing)
        except BaseException:
            os.close(reading)
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        finally:
            os.close(writing)
        execution.started(self.child.pid)
        try:
            self._feed(message)
            self.frame("start")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _message(self, arguments: tuple[str, ...], guest: Guest) -> bytes:
        job, limits = self.job, self.job.limits
        calls = max(1, len(arguments))
        job_cpu_s = calls * (limits.cpu_s + (TRACING_S if job.trace else 0.0))
        draw = job.draw and {"calls": job.draw[0], "distinct": job.draw[1], "value_bytes": job.draw[2]}
        message = json.dumps({
            "code": job.code, "entrypoint": job.entrypoint, "arguments": arguments, "draw": draw, "seed": job.seed,
            "trace": job.trace and {"events": job.trace.events, "changes": job.trace.changes}, "path": guest.path,
            "memory_bytes": limits.memory_bytes, "value_bytes": limits.value_bytes, "stdout_bytes": limits.stdout_bytes,
            "cpu_ceiling_s": math.ceil(job_cpu_s + limits.cpu_s) + 60,
            "gone_after_s": 2 * (job_cpu_s + limits.wall_s * calls) + 600,
        }).encode()  # fmt: skip
        if len(message) > JOB_BYTES:
            raise SandboxError(f"a job of {len(message)} bytes is more than the {JOB_BYTES} that a guest takes")
        return message

    def _start(self, guest: Guest, writing: int) -> "subprocess.Popen[bytes]":
        environment = {
            "PYTHONHASHSEED": str(self.job.hash_seed), "PYTHONUTF8": "1", "TZ": "UTC", "HOME": self.folder,
            "TMPDIR": self.folder, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
        }  # fmt: skip
        command = [guest.python, "-s", "-S", "-B", str(HARNESS), str(writing)]
        try:
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, cwd=self.folder, env=environment,
                                    pass_fds=(writing,), start_new_session=True)  # fmt: skip
        except OSError as exc:
            raise SandboxError(f"no process could be started for a job: {exc}") from exc

    def _feed(self, message: bytes) -> None:
        assert self.child.stdin is not None
        try:
            self.child.stdin.write(message)
            self.child.stdin.close()
        except BrokenPipeError:
            pass  # it died before it read its job: the missing first frame says so

    def frame(self, phase: str, cpu_s: float = 0.0) -> dict[str, Any]:
        """The next frame, or what the deadlines, the kernel or silence make of it (then with `over` set)."""
        limits = self.job.limits
        cpu_s = cpu_s or limits.cpu_s + (TRACING_S if self.job.trace else 0.0)
        wall_s = START_S if phase == "start" else limits.wall_s
        for event in self._events(cpu_s, wall_s):
            if event:
                return {
                    "status": "timeout",
                    "error": event,
                    "over": True,
                    "cpu_s": cpu_s if "CPU" in event else 0.0,
                }
            taken = self._take()
            if taken is not None:
                return taken
        if self.execution.killed:
            raise Cancelled
        if phase == "start":
            raise SandboxError("the guest ended before it was up; is sandbox.python a working Python 3 interpreter?")
        return {**self._ended_by(), "over": True}

    def _events(self, cpu_s: float, wall_s: float) -> Iterator[str]:
        """Yields "" whenever bytes came in, a reason when a deadline passed; ends at the end of the pipe."""
        usage = Usage(self.child.pid)
        start_s, began = usage.cpu_s(), time.monotonic()
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        self.blocked_s = 0.0
        first = min(cpu_s, wall_s) / 2
        if self.buffer:
            yield ""
        while True:
            patience_s = max(POLL_S, first - (time.monotonic() - began))
            if poll.poll(patience_s * 1000):
                chunk = os.read(self.fd, 1 << 16)
                if not chunk:
                    return
                self.buffer += chunk
                yield ""
                continue
            spent_s = usage.cpu_s() - start_s
            self.blocked_s = time.monotonic() - began - spent_s - usage.queued_s()
            if spent_s >= cpu_s:
                yield f"CPU time over {cpu_s:g} s"
            if self.blocked_s >= wall_s:
                yield f"blocked for over {wall_s:g} s"

    def _take(self) -> dict[str, Any] | None:
        if len(self.buffer) < 8:
            return None
        try:
            length = int(self.buffer[:8], 16)
            if length > FRAME_BYTES:
                raise ValueError
            if len(self.buffer) < 8 + length:
                return None
            frame = json.loads(self.buffer[8 : 8 + length])
            if not isinstance(frame, dict) or "status" not in frame:
                raise ValueError
        except ValueError:
            return {
                "status": "crash",
                "error": "something else was written in place of an answer",
                "over": True,
            }
        self.buffer = self.buffer[8 + length :]
        return frame

    def _ended_by(self) -> dict[str, Any]:
        self._let_finish()
        code = self._reap()
        if os.WIFSIGNALED(code):
            number = os.WTERMSIG(code)
            if number == signal.SIGXCPU:
                return {"status": "timeout", "error": "CPU time over the process's limit"}
            return {"status": "crash", "error": f"killed by {signal.Signals(number).name}"}
        return {
            "status": "crash",
            "error": f"left with exit code {os.waitstatus_to_exitcode(code)} before its answer",
        }

    def run(self, frame: dict[str, Any], phase: Any) -> Run:
        limits = self.job.limits
        cpu_s, wall_s = float(frame.get("cpu_s", 0.0)), float(frame.get("wall_s", 0.0))
        near = not self.job.trace and (cpu_s * 2 > limits.cpu_s or self.blocked_s * 2 > limits.wall_s)
        return Run(
            status=frame["status"], value=frame.get("value"), error=frame.get("error", ""), phase=phase, cpu_s=cpu_s,
            wall_s=wall_s, stdout=frame.get("stdout", ""), near_limit=near or frame["status"] == "timeout",
            coerced=tuple(frame.get("coerced", ())), mutated=bool(frame.get("mutated", False)),
            steps=frame.get("steps"), lines=tuple(frame.get("lines", ())),
            changes=tuple((int(c[0]), str(c[1]), str(c[2])) for c in frame.get("changes", ())),
        )  # fmt: skip

    def with_peak(self, run: Run) -> Run:
        return Run(**{name: getattr(run, name) for name in run.__slots__} | {"peak_memory_bytes": self.peak_bytes})

    def _reap(self) -> int:
        """Kills the whole group, then collects the child's exit status and peak memory."""
        if not self._reaped:
            self.execution.ended()
            _, self._status, usage = os.wait4(self.child.pid, 0)
            self.peak_bytes = usage.ru_maxrss * 1024
            self.child.returncode = os.waitstatus_to_exitcode(self._status)
            self._reaped = True
        return self._status

    def _let_finish(self) -> None:
        """Waits a moment for a child that has closed its pipe to leave by itself, so that its own exit is seen."""
        for _ in range(50):
            if os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return
            time.sleep(POLL_S / 10)

    def close(self) -> None:
        if self.fd < 0:
            return
        self._reap()
        os.close(self.fd)
        self.fd = -1
        shutil.rmtree(self.folder, ignore_errors=True)


class Usage:
    """CPU seconds of a process and the seconds it waited for a core, over all its threads; 0.0 where there is no /proc."""

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._queued_at_start = self._read(1)

    def cpu_s(self) -> float:
        return self._read(0)

    def queued_s(self) -> float:
        return self._read(1) - self._queued_at_start

    def _read(self, column: int) -> float:
        total = 0
        try:
            for task in self._tasks.iterdir():
                total += int((task / "schedstat").read_bytes().split()[column])
        except (OSError, IndexError, ValueError):
            pass  # the process or one of its threads has just gone
        return total / 1e9
