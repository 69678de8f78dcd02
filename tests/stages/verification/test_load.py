"""A verdict is the same on an idle and on a busy machine."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox import Limits, Sandbox
from stages.prompts.templates import load
from stages.records import Answer, Answered, Attempted, Pair, Program, Question, Sections, Turn
from stages.values.equality import Equality
from stages.verification.feedback import Feedback
from stages.verification.stage import Verification
from tests.support.records import program, question

BUSY = 8
PREDICTIONS = 1000
CODES = (
    (
        "def main_solution(n):\n"
        "    total = 0\n"
        "    for k in range(n * 20_000):\n"
        "        total += k % 7\n"
        "    return total % 5\n"
    ),
    "def main_solution(n):\n    return [n] * (n * 40_000) and n % 3\n",
    "def main_solution(n):\n    import time\n    time.sleep(n / 400)\n    return n % 4\n",
    "def main_solution(n):\n    if n % 5 == 0:\n        raise ValueError(n)\n    return n % 4\n",
    "def main_solution(n):\n    while n > 38:\n        pass\n    return n % 2\n",
)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    started = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)
    ]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def predictions() -> list[Answered]:
    chance = random.Random(3)
    made = []
    for number in range(PREDICTIONS):
        tried: Program = program(
            sections=Sections(
                code=CODES[number % len(CODES)], description="", generator="", statement=""
            )
        )
        pair = Pair(input='{"n": 3}', output=str(chance.randint(0, 4)))
        answer = Answer(content=f'{{"input": {{"n": {chance.randint(0, 40)}}}}}')
        asked: Question = question("input", program=tried, pair=pair)
        made.append(
            Answered(asked.with_samples((Attempted(number=0, turns=(Turn(answer=answer),)),)))
        )
    return made


async def verdicts() -> list[tuple[str | None, str | None, bool]]:
    """The verdict, what was got and whether a limit was near, of each prediction."""
    equality: Equality = "close"
    async with Sandbox(Limits(cpu_s=0.5, wall_s=1.0, memory_bytes=256 << 20), workers=2) as box:
        stage = Verification(sandbox=box, feedback=Feedback(load("feedback")), equality=equality)
        judged = await asyncio.gather(*(stage(answered) for answered in predictions()))
    turns = [question.question.samples[0].last for (question,) in judged]
    return [(turn.verdict, turn.got, turn.near_limit) for turn in turns]


@pytest.mark.slow
async def test_no_verdict_away_from_a_limit_changes_beside_8_busy_processes() -> None:
    alone = await verdicts()
    with busy(BUSY):
        crowded = await verdicts()
    differing = [(one, two) for one, two in zip(alone, crowded, strict=True) if one[:2] != two[:2]]
    assert [pair for pair in differing if not (pair[0][2] or pair[1][2])] == []
    assert {verdict for verdict, _, _ in alone} == {"right", "wrong", "error", "timeout"}
    assert sum(near for _, _, near in alone) < PREDICTIONS // 10
