"""A handful of small attacks through the real path, run whenever a sandbox opens: a level counts
only if they fail."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox import levels
from sandbox.jobs import Job, runs
from sandbox.levels import Level
from sandbox.records import Limits, Run
from sandbox.worker import Worker

LIMITS = Limits(cpu_s=0.05, wall_s=5.0, memory_bytes=128 << 20, value_bytes=1 << 20)
OPEN = '"open"'


@dataclass(frozen=True, slots=True)
class Attack:
    """What is tried (`code` defines `f`), which promise it tests, and when that promise was
    kept."""

    promise: str
    name: str
    code: str
    held: Callable[[Run], bool] = lambda run: run.status != "crash" and run.value != OPEN
    always: bool = False
    """Every level must pass it."""


def body(lines: str) -> str:
    return "import os, sys\ndef f():\n" + "".join(f"    {line}\n" for line in lines.split("\n"))


ATTACKS = (
    Attack(
        "values",
        "a sound function gives its value",
        body("return [1, 'ü', 2.5]"),
        lambda run: run.value == '[1, "ü", 2.5]',
        always=True,
    ),
    Attack(
        "environment",
        "the environment holds no secret",
        body("return 'open' if len(os.environ) > 12 else 'closed'"),
        always=True,
    ),
    Attack(
        "memory",
        "memory has a limit",
        body("return len(bytearray(1 << 29))"),
        lambda run: run.status == "memory",
        always=True,
    ),
    Attack(
        "time",
        "CPU time has a limit",
        body("while True: pass"),
        lambda run: run.status == "timeout",
        always=True,
    ),
    Attack(
        "scratch",
        "a job leaves a file",
        body("try: open('left', 'w').close()\nexcept OSError: pass\nreturn 'closed'"),
        always=True,
    ),
    Attack(
        "scratch",
        "the next one does not find it",
        body("return 'open' if os.path.exists('left') else 'closed'"),
        always=True,
    ),
    Attack(
        levels.FILES,
        "a file outside is written",
        body(
            "for folder in ('/', '/var/tmp', '/dev/shm', '/usr/lib', os.path.dirname(os.__file__), *sys.path):\n"
            "    path = folder + f'/sandbox-was-here-{os.getpid()}'\n"
            "    try: os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)); os.remove(path); return 'open'\n"
            "    except OSError: pass"
        ),
    ),
    Attack(
        levels.READING,
        "a file outside is read",
        body(
            "for path in ('/etc/passwd', '/proc/self/environ', '/proc/1/environ', '/proc/version', '/etc/hostname'):\n"
            "    try: open(path, 'rb').read(1); return 'open'\n"
            "    except OSError: pass"
        ),
    ),
    Attack(
        levels.NETWORK,
        "a socket is made",
        body(
            "import socket\nfor family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):\n"
            "    try: socket.socket(family); return 'open'\n"
            "    except OSError: pass"
        ),
    ),
    Attack(
        levels.PROCESSES,
        "a process is started",
        body("if os.fork() == 0: os._exit(0)\nreturn 'open'"),
    ),
    Attack(
        levels.PROCESSES,
        "another process is signalled",
        body("os.kill(os.getppid() or 1, 0)\nreturn 'open'"),
    ),
    Attack(
        levels.KERNEL,
        "a namespace is made",
        body("import ctypes\nreturn 'closed' if ctypes.CDLL(None).unshare(0x10000000) else 'open'"),
        lambda run: run.status == "denied" or run.value == '"closed"',
    ),
    Attack(
        levels.KERNEL,
        "a process is traced",
        body("import ctypes\nreturn 'closed' if ctypes.CDLL(None).ptrace(0, 0, 0, 0) else 'open'"),
        lambda run: run.status == "denied" or run.value == '"closed"',
    ),
)


async def tested(worker: Worker, silence_s: float) -> dict[Attack, Run]:
    """What came of every attack."""
    found = {}
    for attack in ATTACKS:
        job = Job(attack.code, "f", LIMITS, ("{}",))
        found[attack] = runs(job, await worker.attend(job.message(), silence_s))[0]
    return found


def failures(level: Level, found: dict[Attack, Run]) -> list[str]:
    """The attacks that the level says it withstands, and did not."""
    return [
        f"{attack.name} ({run.status}{': ' + run.error if run.error else ''})"
        for attack, run in found.items()
        if (attack.always or attack.promise in level.holds) and not attack.held(run)
    ]
