"""Whether a verdict depends on what else the machine does: the same 500 runs alone, and beside
eight busy processes.

    python -m tests.bench.sandbox_load

Prints how many runs differ in status or value, near a limit and away from it; exits 1 if one away
from it does.
"""

import asyncio
import subprocess
import sys
import time

from sandbox import Limits, Run, Sandbox

LIMITS = Limits(cpu_s=0.4, wall_s=0.6, memory_bytes=256 << 20)
BUSY = 8
COUNT = 500
CODE = """
import time
def f(n):
    kind, size = n % 5, n // 5
    if kind == 0:
        return sum(i * i % 7 for i in range(size * 2000))
    if kind == 1:
        time.sleep(size * 0.008)
        return size
    if kind == 2:
        return len("x" * (size << 22))
    if kind == 3:
        raise ValueError(size)
    return sorted(str(i) for i in range(size * 300))[:3]
"""


async def runs() -> list[Run]:
    async with Sandbox(LIMITS, workers=2) as box:
        return list(await asyncio.gather(*[box.run(CODE, "f", {"n": n}) for n in range(COUNT)]))


def main() -> int:
    started = time.perf_counter()
    alone = asyncio.run(runs())
    alone_s = time.perf_counter() - started
    busy = [
        subprocess.Popen(
            [sys.executable, "-c", "while True: pass"], start_new_session=True
        )  # each as heavy as a zygote
        for _ in range(BUSY)
    ]
    try:
        beside = asyncio.run(runs())
    finally:
        for process in busy:
            process.kill()
            process.wait()
    pairs = list(zip(alone, beside, strict=True))
    differ = [
        pair for pair in pairs if (pair[0].status, pair[0].value) != (pair[1].status, pair[1].value)
    ]
    away = [pair for pair in differ if not (pair[0].near_limit or pair[1].near_limit)]
    statuses = {
        status: sum(run.status == status for run in alone)
        for status in sorted({run.status for run in alone})
    }
    print(
        f"{COUNT} runs, {BUSY} busy processes beside: {statuses}; near a limit: "
        f"{sum(run.near_limit for run in alone)} alone, "
        f"{sum(run.near_limit for run in beside)} beside; took "
        f"{(time.perf_counter() - started - alone_s) / alone_s:.1f} times as long"
    )
    print(f"differ: {len(differ)}, of them away from every limit: {len(away)}")
    for one, other in away:
        print(one, other, sep="\n  ")
    return 1 if away else 0


if __name__ == "__main__":
    sys.exit(main())
