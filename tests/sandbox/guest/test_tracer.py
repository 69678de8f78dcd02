"""What a traced call reports: its line events, its lines, and the changes of its variables."""

import sys
from typing import Any

import pytest

from sandbox.guest.program.tracer import PROGRAM, Bound, Tracer


def traced(body: str, *, events: int = 1000, changes: int = 0) -> Tracer:
    """The tracer of one call of `f`, whose body starts in line 2."""
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    scope: dict[str, Any] = {}
    exec(compile(f"def f():\n{lines}", PROGRAM, "exec", dont_inherit=True), scope)
    tracer, before = Tracer(events, changes), sys.gettrace()
    sys.settrace(tracer)  # type: ignore[arg-type]
    try:
        scope["f"]()
    except Bound:
        pass
    finally:
        sys.settrace(before)
    return tracer


def test_every_line_that_runs_is_an_event() -> None:
    found = traced("a = 1\nif a > 1:\n    a = 2\nreturn a")
    assert (found.steps, sorted(found.lines), found.exceeded) == (3, [2, 3, 5], False)


def test_a_line_counts_each_time_it_runs() -> None:
    found = traced("n = 0\nwhile n < 5:\n    n += 1")
    assert (found.steps, sorted(found.lines)) == (1 + 6 + 5, [2, 3, 4])


def test_lines_of_functions_within_count_and_those_of_libraries_do_not() -> None:
    found = traced("import textwrap\ndef g():\n    return textwrap.dedent(' a')\ng()")
    assert (found.steps, sorted(found.lines)) == (4, [2, 3, 4, 5])


def test_one_event_too_many_ends_the_call() -> None:
    assert not traced("a = 1\nb = 2", events=2).exceeded
    found = traced("a = 1\nb = 2\nc = 3", events=2)
    assert (found.exceeded, found.steps) == (True, 3)


def test_a_call_that_swallows_its_end_has_exceeded_all_the_same() -> None:
    body = "try:\n    while True:\n        pass\nexcept BaseException:\n    return 1"
    assert traced(body, events=50).exceeded


def test_only_what_is_no_exception_ends_the_call() -> None:
    body = "try:\n    while True:\n        pass\nexcept Exception:\n    pass\nreturn 1"
    found = traced(body, events=50)
    assert found.exceeded
    assert 7 not in found.lines, "it was not caught"


def test_changes_name_the_line_that_made_them() -> None:
    found = traced("a = [1]\na.append(2)\nb = {'n': (a[0], 0.5)}", changes=10)
    assert found.changes == [(2, "a", "[1]"), (3, "a", "[1, 2]"), (4, "b", '{"n": [1, 0.5]}')]


def test_a_variable_that_stays_as_it_is_is_no_change() -> None:
    found = traced("a = 1\nfor _ in range(3):\n    a = 1", changes=10)
    assert [change for change in found.changes if change[1] == "a"] == [(2, "a", "1")]


def test_no_more_changes_are_noted_than_there_is_room_for() -> None:
    found = traced("for n in range(10):\n    pass", changes=3)
    assert found.changes == [(2, "n", "0"), (2, "n", "1"), (2, "n", "2")]
    assert found.steps == 21, "lines are counted on"


@pytest.mark.parametrize(
    "value", ["'x' * 100", "list(range(13))", "{1, 2}", "object()", "float('nan')", "[b'x']"]
)
def test_values_that_are_long_or_no_json_are_not_shown(value: str) -> None:
    assert traced(f"a = {value}\nb = 1", changes=10).changes == [(3, "b", "1")]
