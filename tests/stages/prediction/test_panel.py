"""The guess panel: which fixed answers win which questions, in one fork a program."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox import Limits, Run, Sandbox
from stages.prediction.panel import Panel
from stages.records import Direction, Generation, Pair, Program, Sections
from stages.values.equality import Equality
from tests.support.records import program
from tests.support.runner import FakeRunner


def subject(code: str, *pairs: tuple[Any, Any], **found: Any) -> Program:
    recorded = tuple(
        Pair(input=json.dumps(given), output=json.dumps(output)) for given, output in pairs
    )
    return program(
        sections=Sections(code=code, description="", generator="", statement=""),
        pairs=recorded,
        generation=Generation(**found),
    )


async def winners(
    tried: Program, way: Direction, equality: Equality = "close"
) -> list[tuple[str, ...]]:
    async with Sandbox(Limits(), workers=1) as box:
        done = box.statistics().done
        guesses = await Panel(box, equality).guesses(tried, tried.pairs, [way])
        assert box.statistics().done - done == (1 if way == "input" else 0), (
            "one fork a program, none for outputs"
        )
    return [guesses.winners(pair, way) for pair in tried.pairs]


ADD = "def main_solution(a, b):\n    return a + b\n"


async def test_zeros_and_ones_win_where_they_give_the_target() -> None:
    tried = subject(ADD, ({"a": 0, "b": 0}, 0), ({"a": 2, "b": 0}, 2), ({"a": 3, "b": 4}, 7))
    assert [won[:1] for won in await winners(tried, "input")] == [
        ("zero",),
        ("one",),
        ("first_zero",),
    ]


async def test_the_target_is_copied_into_arguments_of_its_type_with_the_rest_zero_or_one() -> None:
    code = "def main_solution(items, k):\n    return sorted(items)[k:] + [0] * k\n"
    tried = subject(
        code,
        ({"items": [3, 1, 2], "k": 0}, [1, 2, 3]),
        ({"items": [3, 5], "k": 1}, [5, 0]),
        ({"items": [7, 5], "k": 1}, [7, 1]),
    )
    assert await winners(tried, "input") == [("target_zero",), ("target_one",), ()]


async def test_empty_texts_and_nulls_are_tried() -> None:
    code = "def main_solution(text):\n    return text is None or len(text) == 0\n"
    assert await winners(subject(code, ({"text": ""}, True)), "input") == [("zero", "null")]


async def test_an_argument_as_it_is_and_the_commonest_output_win_output_questions() -> None:
    tried = subject(ADD, ({"a": 5, "b": 0}, 5), ({"a": 1, "b": 6}, 7), commonest="7")
    assert await winners(tried, "output") == [("argument",), ("commonest",)]


async def test_a_guess_wins_by_the_equality_of_the_run() -> None:
    tried = subject("def main_solution(x):\n    return x + 1.00005\n", ({"x": 0.5}, 1.0))
    assert await winners(tried, "input", "close") == [("zero",)]
    assert await winners(tried, "input", "strict") == [()]


async def test_a_guess_that_breaks_the_program_wins_nothing_and_the_others_are_still_tried() -> (
    None
):
    code = (
        "import os\n\n\n"
        "def main_solution(n):\n"
        "    if n == 0:\n"
        "        os._exit(1)\n"
        "    return n * 4\n"
    )
    tried = subject(code, ({"n": 1}, 4))
    async with Sandbox(Limits(), workers=1) as box:
        guesses = await Panel(box).guesses(tried, tried.pairs, ["input"])
    assert guesses.winners(tried.pairs[0], "input") == ("one",)


GUESSES = {"zero", "one", "null", "target_zero", "target_one", "first_zero", "first_one"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("abc", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.lists(
        st.tuples(st.dictionaries(st.sampled_from("abc"), VALUES), VALUES), min_size=1, max_size=3
    )
)
async def test_whatever_goes_in_and_comes_out_the_panel_can_be_asked(
    pairs: list[tuple[Any, Any]],
) -> None:
    tried = subject(ADD, *pairs)
    box = FakeRunner(others=Run(status="ok", value="0"))
    guesses = await Panel(box).guesses(tried, tried.pairs, ["input", "output"])
    for pair in tried.pairs:
        assert set(guesses.winners(pair, "input")) <= GUESSES
        assert set(guesses.winners(pair, "output")) <= {"argument", "commonest"}
