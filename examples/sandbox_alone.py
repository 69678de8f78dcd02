"""Runs a few untrusted functions in the sandbox alone and prints what came of each call.

    python examples/sandbox_alone.py

Shows how a call can end: a value, an exception, a value that is no JSON, the limits on CPU time and
memory, and a refused system call. Then one program is loaded once and called with two arguments,
under two seeds of the string hash.
"""

import asyncio
import sys
from dataclasses import replace

from sandbox import Job, Limits, Run, Sandbox, SandboxError

LIMITS = Limits(cpu_s=0.5, wall_s=5, memory_bytes=256 << 20)
ARGUMENTS = '{"n": 3}'
FUNCTIONS = {
    "a value": "def main_solution(n):\n    return {'squares': [i * i for i in range(n)]}\n",
    "an exception": "def main_solution(n):\n    return [][n]\n",
    "no JSON": "def main_solution(n):\n    return {n, n + 1}\n",
    "an endless loop": "def main_solution(n):\n    while n:\n        pass\n",
    "too much memory": "def main_solution(n):\n    return len(bytearray(n << 30))\n",
    "a new process": "import os\ndef main_solution(n):\n    return os.fork()\n",
}
ORDER = Job(
    code="def main_solution(words):\n    return list(set(words))\n",
    entrypoint="main_solution",
    arguments=('{"words": ["ant", "bee", "cow", "dog"]}', '{"words": ["elk"]}'),
)


def line_of(name: str, run: Run) -> str:
    """The status and the value or error of a call, and what it took of its limits."""
    said = run.value if run.value is not None else run.error
    took = f"{run.cpu_s:.2f} s CPU, {run.peak_memory_bytes >> 20} MiB"
    return f"{name:<16} {run.status:<8} {took:<20} {said}"


async def show() -> None:
    async with Sandbox(LIMITS, workers=2) as box:
        print(
            f"isolation {box.isolation}, limits of a call: {LIMITS.cpu_s} s CPU, "
            f"{LIMITS.wall_s} s blocked, {LIMITS.memory_bytes >> 20} MiB"
        )
        calls = [box.run(code, "main_solution", ARGUMENTS) for code in FUNCTIONS.values()]
        for name, run in zip(FUNCTIONS, await asyncio.gather(*calls), strict=True):
            print(line_of(name, run))
        for hash_seed in (0, 1):
            for run in await box.run_many(replace(ORDER, hash_seed=hash_seed), urgency=0):
                print(line_of(f"hash seed {hash_seed}", run))


def main() -> int:
    try:
        asyncio.run(show())
    except KeyboardInterrupt:
        return 130
    except SandboxError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
