"""A handful of small attacks through the real path, run whenever a sandbox opens: a level counts
only if they fail."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox import levels
from sandbox.handle import ZygoteHandle
from sandbox.jobs import Order, runs
from sandbox.levels import Level
from sandbox.records import Job, Limits, Run

LIMITS = Limits(cpu_s=0.05, wall_s=5.0, memory_bytes=128 << 20, value_bytes=1 << 20)
OPEN = '"open"'


@dataclass(frozen=True, slots=True, kw_only=True)
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
        promise="values",
        name="a sound function gives its value",
        code=body("return [1, 'ü', 2.5]"),
        held=lambda run: run.value == '[1, "ü", 2.5]',
        always=True,
    ),
    Attack(
        promise="environment",
        name="the environment holds no secret",
        code=body("return 'open' if len(os.environ) > 12 else 'closed'"),
        always=True,
    ),
    Attack(
        promise="memory",
        name="memory has a limit",
        code=body("return len(bytearray(1 << 29))"),
        held=lambda run: run.status == "memory",
        always=True,
    ),
    Attack(
        promise="time",
        name="CPU time has a limit",
        code=body("while True: pass"),
        held=lambda run: run.status == "timeout",
        always=True,
    ),
    Attack(
        promise="scratch",
        name="a job leaves a file",
        code=body("try: open('left', 'w').close()\nexcept OSError: pass\nreturn 'closed'"),
        always=True,
    ),
    Attack(
        promise="scratch",
        name="the next one does not find it",
        code=body("return 'open' if os.path.exists('left') else 'closed'"),
        always=True,
    ),
    Attack(
        promise=levels.FILES,
        name="a file outside is written",
        code=body(
            "for folder in ('/', '/var/tmp', '/dev/shm', '/usr/lib', os.path.dirname(os.__file__), *sys.path):\n"
            "    path = folder + f'/sandbox-was-here-{os.getpid()}'\n"
            "    try: os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)); os.remove(path); return 'open'\n"
            "    except OSError: pass"
        ),
    ),
    Attack(
        promise=levels.READING,
        name="a file outside is read",
        code=body(
            "for path in ('/etc/passwd', '/proc/self/environ', '/proc/1/environ', '/proc/version', '/etc/hostname'):\n"
            "    try: open(path, 'rb').read(1); return 'open'\n"
            "    except OSError: pass"
        ),
    ),
    Attack(
        promise=levels.NETWORK,
        name="a socket is made",
        code=body(
            "import socket\nfor family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):\n"
            "    try: socket.socket(family); return 'open'\n"
            "    except OSError: pass"
        ),
    ),
    Attack(
        promise=levels.PROCESSES,
        name="a process is started",
        code=body("if os.fork() == 0: os._exit(0)\nreturn 'open'"),
    ),
    Attack(
        promise=levels.PROCESSES,
        name="another process is signalled",
        code=body("os.kill(os.getppid() or 1, 0)\nreturn 'open'"),
    ),
    Attack(
        promise=levels.KERNEL,
        name="a namespace is made",
        code=body(
            "import ctypes\nreturn 'closed' if ctypes.CDLL(None).unshare(0x10000000) else 'open'"
        ),
        held=lambda run: run.status == "denied" or run.value == '"closed"',
    ),
    Attack(
        promise=levels.KERNEL,
        name="a process is traced",
        code=body(
            "import ctypes\nreturn 'closed' if ctypes.CDLL(None).ptrace(0, 0, 0, 0) else 'open'"
        ),
        held=lambda run: run.status == "denied" or run.value == '"closed"',
    ),
)


async def tested(zygote: ZygoteHandle, silence_s: float) -> dict[Attack, Run]:
    """What came of every attack."""
    found = {}
    for attack in ATTACKS:
        order = Order(Job(code=attack.code, entrypoint="f", arguments=("{}",)), LIMITS)
        found[attack] = runs(order, await zygote.attend(order.message(), silence_s))[0]
    return found


def failures(level: Level, found: dict[Attack, Run]) -> list[str]:
    """The attacks that the level says it withstands, and did not."""
    return [
        f"{attack.name} ({run.status}{': ' + run.error if run.error else ''})"
        for attack, run in found.items()
        if (attack.always or attack.promise in level.holds) and not attack.held(run)
    ]
