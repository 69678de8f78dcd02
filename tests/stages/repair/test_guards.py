"""What a repair may not do: change nothing, or hide the fault."""

from dataclasses import replace

import pytest

from stages.records import Sections
from stages.repair.guards import guarded
from tests.support.records import SECTIONS

CODE = (
    "import random\n\n\n"
    "def helper(a):\n"
    "    try:\n"
    "        return 10 // a\n"
    "    except ZeroDivisionError:\n"
    "        return 0\n"
    "\n\n"
    "def main_solution(a, b):\n"
    "    total = a\n"
    "    for _ in range(b):\n"
    "        total += helper(a)\n"
    "    return total\n"
)
BEFORE = replace(SECTIONS, code=CODE)


def with_code(old: str, new: str) -> Sections:
    assert old in CODE
    return replace(BEFORE, code=CODE.replace(old, new))


SOUND = {
    "another statement": with_code("total += helper(a)", "total += helper(a) + 1"),
    "a named exception": with_code(
        "except ZeroDivisionError", "except (ZeroDivisionError, TypeError)"
    ),
    "a constant at the end": with_code("    return total", "    return 5"),
    "a computed result at once": with_code("    total = a\n", "    return a + b\n"),
    "another generator": replace(BEFORE, generator=BEFORE.generator.replace("30", "99")),
    "another statement of the problem": replace(BEFORE, statement="What now?"),
    "code that does not parse": replace(BEFORE, code="def main_solution(:"),
    "somewhat less code": with_code("        total += helper(a)\n", "        pass\n"),
}
HIDDEN = {
    "a seed in the code": (
        with_code("    total = a\n", "    random.seed(1)\n    total = a\n"),
        "seed",
    ),
    "a seed in the generator": (
        replace(
            BEFORE,
            generator=BEFORE.generator.replace("    return", "    random.seed(0)\n    return"),
        ),
        "seed",
    ),
    "a seeded generator of numpy": (
        with_code("    total = a\n", "    total = np.random.default_rng(3)\n"),
        "seed",
    ),
    "a bare except": (with_code("except ZeroDivisionError", "except"), "bare except"),
    "a bare except by name": (
        with_code("except ZeroDivisionError", "except BaseException"),
        "bare except",
    ),
    "a constant at once": (
        with_code("    total = a\n", "    return 0\n    total = a\n"),
        "constant",
    ),
    "a constant after the docstring": (
        with_code("    total = a\n", '    """D."""\n    return None\n'),
        "constant",
    ),
    "less than half of the program": (
        replace(BEFORE, code="def main_solution(a, b):\n    return a + b\n"),
        "half",
    ),
}


@pytest.mark.parametrize("change", SOUND)
def test_the_guard_lets_pass(change: str) -> None:
    assert guarded(BEFORE, SOUND[change]) is None


@pytest.mark.parametrize("change", HIDDEN)
def test_the_guard_stops(change: str) -> None:
    after, word = HIDDEN[change]
    fault = guarded(BEFORE, after)
    assert fault is not None
    assert fault.kind == "hidden"
    assert word in fault.evidence


def test_a_reply_that_changes_nothing_is_stopped() -> None:
    fault = guarded(BEFORE, BEFORE)
    assert fault is not None
    assert fault.kind == "unchanged"


def test_what_was_there_before_is_not_held_against_a_repair() -> None:
    bad = replace(
        BEFORE,
        code=HIDDEN["a seed in the code"][0].code.replace("except ZeroDivisionError", "except"),
    )
    assert guarded(bad, replace(bad, code=bad.code.replace("total = a", "total = b"))) is None


@pytest.mark.parametrize("constant", ["-1", "[]", "{}", "[0, 0]"])
def test_the_guard_stops_a_constant_of_several_nodes(constant: str) -> None:
    assert (
        guarded(BEFORE, with_code("    total = a\n", f"    return {constant}\n    total = a\n"))
        is not None
    )


@pytest.mark.parametrize("seeded", ["random.Random(0)", "np.random.RandomState(0)"])
def test_the_guard_stops_a_seeded_generator_object(seeded: str) -> None:
    assert (
        guarded(BEFORE, with_code("    total = a\n", f"    total = {seeded}.random()\n"))
        is not None
    )
