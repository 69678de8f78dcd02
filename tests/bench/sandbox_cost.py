"""What a sandboxed run costs: CPU of everything it takes (pool, zygote, job), as ratios within one
session.

    python -m tests.bench.sandbox_cost

Prints CPU milliseconds per run: of a fresh interpreter, of a run here with and without numpy, of
one input among ten, and of the same zygotes without any walls, measured in turns so that all see
the same machine; then what two workers bring over one.
"""

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from sandbox import Job, Limits, Sandbox
from sandbox.levels import LADDER, Level
from tests.support.processes import children

CODE = """
def f(text, n):
    counts = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    total = 0
    for i in range(n):
        total += i * i % 7
    return {"counts": counts, "total": total}
"""
ARGUMENTS = '{"text": "the cat and the dog and the bird", "n": 2000}'
BARE = Level(
    name="bare",
    namespaces=False,
    landlock=False,
    seccomp=False,
    holds=frozenset(),
    needs="nothing",
    system="",
)
WALLS = LADDER[0]
ROUNDS, RUNS, STARTS = 15, 60, 15
LIMITS = Limits(cpu_s=5, wall_s=10, memory_bytes=512 << 20)


def main() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    fresh = {
        name: fresh_ms(*arguments)
        for name, arguments in {
            "python - importing numpy": ("-", "import numpy"),
            "python -I -S": ("-I", "-S", "-", ""),
        }.items()
    }
    for name, cost in fresh.items():
        print(f"{name:<34}{cost:7.2f} ms CPU")
    found = asyncio.run(costs())
    for (level, head, kind), cost in found.items():
        print(f"{level:<12}{head or 'standard library':<18}{kind:<10}{cost:7.2f} ms CPU")
    plain, heavy = (found[WALLS.name, head, "one"] for head in ("", "import numpy"))
    print(
        "fresh python with numpy / a run with numpy: "
        f"{fresh['python - importing numpy'] / heavy:.1f}"
    )
    print(f"fresh python -I -S / a run: {fresh['python -I -S'] / plain:.1f}")
    for head in ("", "import numpy"):
        ratio = found[WALLS.name, head, "one"] / found[BARE.name, head, "one"]
        print(f"with walls / without, {head or 'standard library'}: {ratio:.3f}")
    print(f"two workers / one, runs a second: {asyncio.run(speed_up()):.2f}")


def fresh_ms(*arguments: str) -> float:
    """CPU milliseconds of an interpreter that reads its last argument as its program, if it ends in
    `-`."""
    *options, program = arguments
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(STARTS):
        subprocess.run([sys.executable, *options], input=program.encode(), check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / STARTS * 1000


async def costs() -> dict[tuple[str, str, str], float]:
    """The median over rounds of CPU milliseconds per run, or per input where ten share a
    process."""
    found: dict[tuple[str, str, str], list[float]] = {}
    async with (
        Sandbox(LIMITS, workers=1, isolation=BARE) as bare,
        Sandbox(LIMITS, workers=1, isolation=WALLS) as walled,
    ):
        for turn in range(ROUNDS + 1):
            for box in (bare, walled) if turn % 2 else (walled, bare):
                for head in ("", "import numpy"):
                    for kind, calls in (("one", 1), ("of ten", 10)):
                        start = spent_s(box)
                        for _ in range(RUNS):
                            await box.run_many(
                                Job(
                                    code=f"{head}\n{CODE}",
                                    entrypoint="f",
                                    arguments=(ARGUMENTS,) * calls,
                                )
                            )
                        if turn:  # the first starts the zygotes
                            cost = (spent_s(box) - start) / RUNS / calls * 1000
                            found.setdefault((box.isolation, head, kind), []).append(cost)
    return {key: statistics.median(values) for key, values in found.items()}


def spent_s(box: Sandbox) -> float:
    """CPU seconds so far of this process, of the box's zygotes, and of all their jobs."""
    zygotes = [zygote for handle in box._zygotes for zygote in children(handle.pid)]
    return time.process_time() + box.statistics().cpu_s + sum(cpu_s(pid) for pid in zygotes)


def cpu_s(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


async def speed_up() -> float:
    """Runs a second of two workers over those of one, the median of rounds in turns."""
    async with Sandbox(LIMITS, workers=1) as one, Sandbox(LIMITS, workers=2) as two:
        rates: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(ROUNDS):
            for box in (one, two):
                start = time.perf_counter()
                await asyncio.gather(*[box.run(CODE, "f", ARGUMENTS) for _ in range(2 * RUNS)])
                rates[box.workers].append(2 * RUNS / (time.perf_counter() - start))
    return statistics.median(rates[2]) / statistics.median(rates[1])


if __name__ == "__main__":
    main()
