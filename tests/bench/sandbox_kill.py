"""Kills the engine, a launcher or a zygote with -9 at random, in the middle of work: a second later
nothing is left.

    python -m tests.bench.sandbox_kill [ROUNDS] [LEVEL]      (60 auto)

Prints the rounds by what was killed, and whatever was left of them: processes, mounts, folders;
exits 1 if any was.
"""

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.support.processes import alive, children, descendants

WORK = """
import asyncio, sys
from sandbox import Limits, Sandbox
CODES = [
    "def f(n):\\n    return n\\n",
    "import time\\ndef f(n):\\n    time.sleep(50)\\n",
    "def f(n):\\n    while True: pass\\n",
]
async def caller(box, number):
    while True:
        await box.run(CODES[number % 3], "f", {"n": 1}, hash_seed=number % 2)
async def main():
    async with Sandbox(Limits(cpu_s=30, wall_s=30), workers=6, isolation=sys.argv[1]) as box:
        print(box.isolation, flush=True)
        await asyncio.gather(*[caller(box, number) for number in range(6)])
asyncio.run(main())
"""
PATIENCE_S = 1.0


async def main(rounds: int, level: str) -> int:
    chance = random.Random(0)
    killed: Counter[str] = Counter()
    levels: Counter[str] = Counter()
    faults: list[str] = []
    for _ in range(rounds):
        folders, mounts = own_folders(), Path("/proc/self/mountinfo").read_text()
        engine = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORK, level, stdout=asyncio.subprocess.PIPE
        )
        assert engine.stdout is not None
        levels[(await engine.stdout.readline()).decode().strip()] += 1
        await asyncio.sleep(chance.random())
        ours = descendants(engine.pid)
        role = chance.choice(("engine", "launcher", "zygote"))
        victim = {
            "engine": [engine.pid],
            "launcher": children(engine.pid),
            "zygote": [pid for child in children(engine.pid) for pid in children(child)],
        }[role]
        os.kill(chance.choice(victim), signal.SIGKILL)
        killed[role] += 1
        if role != "engine":
            await asyncio.sleep(chance.random() / 2)
            ours += descendants(engine.pid)
            engine.kill()
        await engine.wait()
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and any(alive(pid) for pid in ours):
            await asyncio.sleep(0.01)
        faults += [f"{role}: process {pid} is left" for pid in set(ours) if alive(pid)]
        faults += [f"{role}: {folder} is left" for folder in own_folders() - folders]
        faults += (
            [f"{role}: mounts changed"]
            if Path("/proc/self/mountinfo").read_text() != mounts
            else []
        )
    print(f"{rounds} rounds at {dict(levels)}, killed: {dict(killed)}; left over: {len(faults)}")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


def own_folders() -> set[str]:
    return {folder.name for folder in Path(tempfile.gettempdir()).glob("sandbox-*")}


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(
        asyncio.run(
            main(int(arguments[0]) if arguments else 60, arguments[1] if arguments[1:] else "auto")
        )
    )
