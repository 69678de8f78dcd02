"""Cost of finding out what programs are like, by their number.

    python -m tests.bench.clusters [programs ...]

For each number, that many synthetic programs get their tags (fingerprint of probe outputs, bands of
their text) and are grouped; microseconds of CPU a program, and how the largest compares with the
smallest. Then the cost of probing itself, which is one sandboxed run a program whatever their
number.
"""

import asyncio
import random
import sys
import time

from sandbox import Limits, Sandbox
from stages.likeness.clusters import VERSION, Probing, bands, fingerprint, grouped
from stages.records import Cluster, Origin, Pair, Program, Sections

WORDS = [f"word{number}" for number in range(400)]
PROBED = 200


def tagged(number: int, chance: random.Random) -> tuple[str, Cluster]:
    """A program's tags; one in ten is a rewrite of an earlier one."""
    behaviour = chance.randrange(max(1, number)) if number % 10 == 9 else number
    outputs: list[str | None] = [str(behaviour * 31 + place * place) for place in range(128)]
    text = " ".join(chance.choices(WORDS, k=150))
    return f"{number:08d}", Cluster(VERSION, fingerprint(["int"], outputs), bands(text))


def cpu_a_program_us(count: int) -> float:
    chance = random.Random(count)
    start = time.process_time()
    groups = grouped(tagged(number, chance) for number in range(count))
    taken = time.process_time() - start
    print(
        (
            f"{count:>8} programs: {taken / count * 1e6:7.1f} us each, "
            f"{len(set(groups.values()))} groups"
        ),
        flush=True,
    )
    return taken / count * 1e6


async def probing_ms() -> float:
    code = (
        "def main_solution(items, k):\n"
        "    total = {}\n"
        "    for item in items:\n"
        "        total += item % (k + {})\n"
        "    return total\n"
    )
    async with Sandbox(Limits(), workers=1) as box:
        await box.run("def f(): return 1\n", "f", {})
        before = box.statistics().cpu_s + time.process_time()
        for number in range(PROBED):
            sections = Sections(
                code=code.format(number, number + 1), description="", generator="", statement=""
            )
            pairs = (Pair(input='{"items": [1, 2], "k": 3}', output="0"),)
            await Probing(box).behaviour(
                Program(
                    id=str(number), origin=Origin(id=str(number)), sections=sections, pairs=pairs
                )
            )
        return (box.statistics().cpu_s + time.process_time() - before) / PROBED * 1000


def main() -> None:
    counts = [int(text) for text in sys.argv[1:]] or [1_000, 10_000, 100_000]
    costs = [cpu_a_program_us(count) for count in counts]
    print(f"a program among {counts[-1]} costs {costs[-1] / costs[0]:.2f} of one among {counts[0]}")
    print(f"probing: {asyncio.run(probing_ms()):.1f} ms of CPU a program")


if __name__ == "__main__":
    main()
