"""Very many sandboxed runs, one in a hundred hostile: nothing may grow, and every sound run must be
right.

    python -m tests.bench.sandbox_soak [RUNS]      (100000)

Prints, at the start and at the end, memory and descriptors of this process and of its zygotes,
processes, mounts and temporary files; exits 1 if something grew or a sound run was wrong.
"""

import asyncio
import itertools
import os
import sys
import tempfile
from pathlib import Path

from sandbox import Limits, Sandbox
from tests.support.processes import children, descendants

SOUND = (
    "import random\n"
    "def f(n):\n"
    "    open('left', 'w').write('x' * 1000)\n"
    "    return [n, n * n, str(n)[::-1]]\n"
)
HOSTILE = [
    "import os\ndef f(n):\n    os._exit(0)\n",
    "def f(n):\n    while True: pass\n",
    "def f(n):\n    x = []\n    while True: x.append('y' * 10**6)\n",
    "import os\ndef f(n):\n    while True: os.fork()\n",
    "def f(n):\n    for i in range(5000): open(str(i), 'w').write('x' * 100000)\n",
    "import socket\ndef f(n):\n    socket.socket()\n",
    "import ctypes\ndef f(n):\n    ctypes.string_at(0)\n",
    (
        "import os\n"
        "def f(n):\n"
        "    for d in range(64):\n"
        "        try: os.write(d, b'zzz')\n"
        "        except OSError: pass\n"
    ),
    (
        "import threading\n"
        "def f(n):\n"
        "    while True: threading.Thread(target=threading.Event().wait).start()\n"
    ),
    "import ctypes\ndef f(n):\n    ctypes.CDLL(None).ptrace(0, 0, 0, 0)\n",
]
LIMITS = Limits(cpu_s=0.5, wall_s=0.5, memory_bytes=256 << 20)
EVERY = 100
CALLERS = 4


async def main(runs: int) -> int:
    before_files = entries(tempfile.gettempdir())
    async with Sandbox(LIMITS, workers=2) as box:
        await soak(box, min(runs, 2000))
        start = state(box, before_files)
        wrong = await soak(box, runs)
        end = state(box, before_files)
        print(
            f"{runs} runs, {runs // EVERY} of them hostile; sound ones that were wrong: {wrong}; "
            "lost tries: "
            f"{box.statistics().lost}"
        )
    grown = [
        name for name in start if end[name] > start[name] * (1.10 if name.endswith("KiB") else 1)
    ]
    for name, value in start.items():
        print(f"{name:<24}{value:>10} -> {end[name]:>10}{'  GREW' if name in grown else ''}")
    left = len(descendants(os.getpid()))
    print(f"processes left when closed: {left}")
    return 1 if wrong or grown or left else 0


async def soak(box: Sandbox, runs: int) -> int:
    """Makes the runs, some at a time; returns how many sound ones were wrong."""
    numbers = iter(range(runs))
    bad = itertools.cycle(HOSTILE)
    wrong = 0

    async def caller() -> None:
        nonlocal wrong
        for number in numbers:
            if number % EVERY == EVERY - 1:
                run = await box.run(next(bad), "f", {"n": number})
                wrong += (
                    run.status == "ok" and "descriptors" not in run.error and run.value != "null"
                )
            else:
                run = await box.run(SOUND, "f", {"n": number})
                wrong += run.value != f'[{number}, {number * number}, "{str(number)[::-1]}"]'

    await asyncio.gather(*[caller() for _ in range(CALLERS)])
    return wrong


def state(box: Sandbox, before: set[str]) -> dict[str, int]:
    zygotes = [pid for handle in box._zygotes for pid in children(handle.pid)]
    return {
        "memory, KiB": resident_kib(os.getpid()),
        "zygotes' memory, KiB": sum(resident_kib(pid) for pid in zygotes) // len(zygotes),
        "descriptors": len(entries("/proc/self/fd")),
        "zygotes' descriptors": max(len(entries(f"/proc/{pid}/fd")) for pid in zygotes),
        "processes": len(descendants(os.getpid())),
        "mounts": len(Path("/proc/self/mountinfo").read_text().splitlines()),
        "zygotes' mounts": max(
            len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines()) for pid in zygotes
        ),
        "temporary files": len(entries(tempfile.gettempdir()) - before),
    }


def entries(folder: str) -> set[str]:
    return {entry.name for entry in Path(folder).iterdir()}


def resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)))
