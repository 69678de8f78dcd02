"""The reader of answers with hostile text: it never raises, and 32 KB take at most 50 ms of CPU."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.verification.answers import READINGS, Reading, find

BYTES = 32_768
LONGEST_S = 0.050
PIECES = [
    *"{}[]()\"'\u201c\u201d\uff5b\uff1a:,\\$\n\t 1-a\0\ud800\ufdd0",
    *("\\{", "\\}", "\\text{", "\\boxed{", "\\u12", "\\ud800", "\N{PILE OF POO}"),
    *('{"output": ', "{'output': ", "{output: ", '{"Output": ', '"output"', '{"a": {', "{'a': ["),
    *("{\u201coutput\u201d: \u201c", "```", "```json\n", "~~~\n", "<think>", "</think>"),
    *("// ", "# ", "/* ", " */", "1,234", "0x1F", "1_000", "1e999", "." * 9, "7" * 500),
    *("True", "null", "NaN", "answer is ", "The output: "),
]


@pytest.mark.nightly
@settings(max_examples=100_000, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=60).map("".join),
    st.sampled_from(READINGS),
)
def test_nothing_that_is_written_makes_it_raise(content: str, reading: Reading) -> None:
    find(content, "output", reading)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join), st.sampled_from(READINGS))
def test_nothing_that_is_written_makes_it_raise_in_a_few_cases(
    content: str, reading: Reading
) -> None:
    find(content, "output", reading)


@pytest.mark.nightly
def test_32_kilobytes_never_take_long() -> None:
    chance = random.Random(6)
    slowest: tuple[float, list[str]] = (0.0, [])
    for round_ in range(4000):
        pieces = [
            chance.choice(PIECES)
            for _ in range(1 if round_ < len(PIECES) * 4 else chance.randint(1, 6))
        ]
        text = "".join(chance.choice(pieces) for _ in range(BYTES))[:BYTES]
        taken = min(cpu_s(text) for _ in range(2))
        slowest = max(slowest, (taken, pieces))
    assert slowest[0] <= LONGEST_S, slowest


def cpu_s(text: str) -> float:
    start = time.process_time()
    find(text, "output", "lenient")
    return time.process_time() - start
