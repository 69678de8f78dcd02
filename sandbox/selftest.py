"""Small attacks that run whenever a sandbox opens. A level is only used if they fail.

They take the path that every job takes: what a kernel claims to support may not hold in a container
or under another security module.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox import levels
from sandbox.handle import ZygoteHandle
from sandbox.jobs import Order, runs
from sandbox.levels import Level
from sandbox.records import Job, Limits, Run

LIMITS = Limits(cpu_s=0.05, wall_s=5.0, memory_bytes=128 << 20, value_bytes=1 << 20)
"""Little CPU time: one attack uses all of it, and every sandbox waits for that when it opens."""
OPEN = '"open"'
"""The value of an attack that got through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attack. promise: what it tests, as in `Level.holds`, or a limit of every level.

    code: defines `f`. held: whether a run of it shows that the promise was kept. It was not where
    the attack's process crashed: that says nothing.
    """

    promise: str
    name: str
    code: str
    held: Callable[[Run], bool] = lambda run: run.status != "crash" and run.value != OPEN
    always: bool = False
    """Whether every level must withstand it."""


def body(lines: str) -> str:
    """The code of a function `f` with these lines."""
    return "import os, sys\ndef f():\n" + "".join(f"    {line}\n" for line in lines.split("\n"))


def refused(run: Run) -> bool:
    """Whether a system call was refused: by a signal, or by an error that the code saw."""
    return run.status == "denied" or run.value == '"closed"'


ATTACKS = (
    # Without a job that gives its value, a level on which nothing runs would hold everything back.
    Attack(promise="values", name="a sound function gives its value", always=True,
           code=body("return [1, 'ü', 2.5]"), held=lambda run: run.value == '[1, "ü", 2.5]'),
    Attack(promise="environment", name="the environment holds no secret", always=True,
           code=body("return 'open' if len(os.environ) > 12 else 'closed'")),
    Attack(promise="memory", name="memory has a limit", always=True,
           code=body("return len(bytearray(1 << 29))"), held=lambda run: run.status == "memory"),
    Attack(promise="time", name="CPU time has a limit", always=True,
           code=body("while True: pass"), held=lambda run: run.status == "timeout"),
    # These two stand together: the second job looks for what the first one left.
    Attack(promise="scratch", name="a job leaves a file", always=True,
           code=body("try: open('left', 'w').close()\nexcept OSError: pass\nreturn 'closed'")),
    Attack(promise="scratch", name="the next one does not find it", always=True,
           code=body("return 'open' if os.path.exists('left') else 'closed'")),
    Attack(promise=levels.FILES, name="a file outside is written",
           code=body("for folder in ('/', '/var/tmp', '/dev/shm', '/usr/lib', "
                     "os.path.dirname(os.__file__), *sys.path):\n"
                     "    path = folder + f'/sandbox-was-here-{os.getpid()}'\n"
                     "    try: os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)); "
                     "os.remove(path); return 'open'\n"
                     "    except OSError: pass")),
    Attack(promise=levels.READING, name="a file outside is read",
           code=body("for path in ('/etc/passwd', '/proc/self/environ', '/proc/1/environ', "
                     "'/proc/version', '/etc/hostname'):\n"
                     "    try: open(path, 'rb').read(1); return 'open'\n"
                     "    except OSError: pass")),
    Attack(promise=levels.NETWORK, name="a socket is made",
           code=body("import socket\n"
                     "for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):\n"
                     "    try: socket.socket(family); return 'open'\n"
                     "    except OSError: pass")),
    Attack(promise=levels.PROCESSES, name="a process is started",
           code=body("if os.fork() == 0: os._exit(0)\nreturn 'open'")),
    Attack(promise=levels.PROCESSES, name="another process is signalled",
           code=body("os.kill(os.getppid() or 1, 0)\nreturn 'open'")),
    Attack(promise=levels.KERNEL, name="a namespace is made", held=refused,
           code=body("import ctypes\n"
                     "return 'closed' if ctypes.CDLL(None).unshare(0x10000000) else 'open'")),
    Attack(promise=levels.KERNEL, name="a process is traced", held=refused,
           code=body("import ctypes\n"
                     "return 'closed' if ctypes.CDLL(None).ptrace(0, 0, 0, 0) else 'open'")),
)  # fmt: skip


async def tested(zygote: ZygoteHandle, silence_s: float) -> dict[Attack, Run]:
    """The run of each attack on a zygote. Raises: SandboxError when that is lost."""
    found = {}
    for attack in ATTACKS:
        order = Order(Job(code=attack.code, entrypoint="f", arguments=("{}",)), LIMITS)
        found[attack] = runs(order, await zygote.attend(order.message(), silence_s))[0]
    return found


def failures(level: Level, found: dict[Attack, Run]) -> list[str]:
    """The attacks that the level should withstand and did not, each with its run, in words."""
    return [
        f"{attack.name} ({run.status}{': ' + run.error if run.error else ''})"
        for attack, run in found.items()
        if (attack.always or attack.promise in level.holds) and not attack.held(run)
    ]
