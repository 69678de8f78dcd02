"""Which pairs of a pool are kept: distinct outputs, then new lines, then a spread in steps; nothing
else counts."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from stages.execution.selection import kept
from stages.records import Pair

PAIRS = st.builds(
    Pair,
    input=st.integers(0, 99).map(lambda number: f'{{"a": {number}}}'),
    output=st.integers(0, 3).map(str),
    steps=st.none() | st.integers(0, 50),
    lines=st.lists(st.integers(1, 6), max_size=4, unique=True).map(
        lambda lines: tuple(sorted(lines))
    ),
)
POOLS = st.lists(PAIRS, max_size=12)
COUNTS = st.integers(0, 8)


def pair(number: int, output: str, steps: int = 5, lines: tuple[int, ...] = (1, 2)) -> Pair:
    return Pair(input=f'{{"a": {number}}}', output=output, steps=steps, lines=lines)


def test_the_first_pair_of_each_output_goes_before_all_others() -> None:
    pool = [pair(1, "x"), pair(2, "x", lines=(9,)), pair(3, "y"), pair(4, "x"), pair(5, "z")]
    assert kept(pool, 3) == (pool[0], pool[2], pool[4])


def test_then_goes_the_pair_that_runs_most_new_lines() -> None:
    pool = [
        pair(1, "x"),
        pair(2, "x", lines=(1, 3)),
        pair(3, "x", lines=(4, 5)),
        pair(4, "x", lines=(4, 5)),
    ]
    assert kept(pool, 3) == (pool[0], pool[2], pool[1])


def test_lines_that_a_chosen_pair_has_run_are_not_new() -> None:
    pool = [pair(1, "x", 5), pair(2, "x", 6), pair(3, "x", 50, (2,)), pair(4, "x", 7, (1, 3))]
    assert kept(pool, 3) == (pool[0], pool[3], pool[2])


def test_then_goes_the_pair_whose_steps_are_farthest_from_the_chosen() -> None:
    pool = [
        pair(1, "x", 10),
        pair(2, "x", 20),
        pair(3, "x", 90),
        pair(4, "x", 50),
        pair(5, "x", 95),
    ]
    assert kept(pool, 4) == (pool[0], pool[4], pool[3], pool[1])


def test_steps_that_were_not_counted_are_none() -> None:
    pool = [replace(pair(1, "x"), steps=None), pair(2, "x", 0), pair(3, "x", 1)]
    assert kept(pool, 2) == (pool[0], pool[2])


def test_of_equals_the_first_in_the_pool_is_chosen() -> None:
    pool = [pair(number, "x") for number in range(5)]
    assert kept(pool, 3) == tuple(pool[:3])


@given(POOLS, COUNTS)
def test_as_many_are_kept_as_there_are_and_never_more_than_the_count(
    pool: list[Pair], count: int
) -> None:
    chosen = kept(pool, count)
    assert len(chosen) == min(count, len(pool))
    assert not Counter(chosen) - Counter(pool)


@given(POOLS, COUNTS)
def test_what_is_kept_is_a_function_of_the_pool_alone(pool: list[Pair], count: int) -> None:
    before = list(pool)
    assert kept(pool, count) == kept(tuple(pool), count)
    assert pool == before


@given(POOLS, COUNTS)
def test_distinct_outputs_come_first(pool: list[Pair], count: int) -> None:
    chosen = kept(pool, count)
    distinct = min(count, len({pair.output for pair in pool}))
    assert len({pair.output for pair in chosen[:distinct]}) == distinct


@given(POOLS, COUNTS)
def test_after_the_outputs_new_lines_come_before_old_ones(pool: list[Pair], count: int) -> None:
    chosen = kept(pool, count)
    distinct = min(count, len({pair.output for pair in pool}))
    seen = {line for pair in chosen[:distinct] for line in pair.lines}
    adds = []
    for pair in chosen[distinct:]:
        adds.append(len(set(pair.lines) - seen))
        seen |= set(pair.lines)
    assert adds == sorted(adds, reverse=True)


@given(POOLS, COUNTS)
def test_a_larger_count_only_adds_to_what_is_kept(pool: list[Pair], count: int) -> None:
    assert kept(pool, count + 1)[:count] == kept(pool, count)
