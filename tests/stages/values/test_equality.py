"""The one place that decides when two values are equal: each corner by a table, the rest by
invariants."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.values.equality import Equality, Match, compare
from stages.values.text import text_of

EQUALITIES: tuple[Equality, ...] = ("strict", "paper", "close")
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**300, 10**400),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=4),
)
FEW_SCALARS = st.sampled_from([None, True, False, 0, 1, 2, 0.0, -0.0, 1.0, 1.5, "", "1", "a"])


def nested(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        ),
        max_leaves=6,
    )


def turned_round(value: Any) -> Any:
    """The same value with its keys in the opposite order and its whole numbers in the other
    type."""
    if isinstance(value, dict):
        return {key: turned_round(item) for key, item in reversed(value.items())}
    if isinstance(value, list):
        return [turned_round(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return float(value) if type(value) is int else value


def scaled(value: Any, factor: float) -> Any:
    """The same value with its numbers multiplied."""
    if isinstance(value, dict):
        return {key: scaled(item, factor) for key, item in value.items()}
    if isinstance(value, list):
        return [scaled(item, factor) for item in value]
    return value * factor if type(value) is float else value


TABLE: list[tuple[str, str, Match | None, Match | None, Match | None]] = [
    # a boolean equals only itself, and so does null
    ("true", "true", "exact", "exact", "exact"),
    ("true", "1", None, None, None),
    ("1", "true", None, None, None),
    ("false", "0", None, None, None),
    ("0.0", "false", None, None, None),
    ("true", '"true"', None, None, None),
    ("null", "null", "exact", "exact", "exact"),
    ("null", "0", None, None, None),
    ("null", "false", None, None, None),
    ("[]", "null", None, None, None),
    ("[true]", "[1]", None, None, None),
    ('{"a": 0.0}', '{"a": false}', None, None, None),
    # 1 and 1.0 are the same number
    ("1", "1.0", "exact", "exact", "exact"),
    ("1.0", "1", "exact", "exact", "exact"),
    ("-0.0", "0", "exact", "exact", "exact"),
    ("1e2", "100", "exact", "exact", "exact"),
    ('{"a": [1.0]}', '{"a": [1]}', "exact", "exact", "exact"),
    # text exactly
    ('"a"', '"a"', "exact", "exact", "exact"),
    ('"a"', '"a "', None, None, None),
    ('"a"', '"A"', None, None, None),
    ('"1"', "1", None, None, None),
    ("1", '"1"', None, None, None),
    ('"1.0"', '"1"', None, None, None),
    # lists by place, objects by key
    ("[1, 2]", "[2, 1]", None, None, None),
    ("[1]", "[1, 1]", None, None, None),
    ("[1, 1]", "[1]", None, None, None),
    ("[]", "{}", None, None, None),
    ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', "exact", "exact", "exact"),
    ('{"a": 1}', '{"a": 1, "b": 2}', None, None, None),
    ('{"a": 1, "b": 2}', '{"a": 1}', None, None, None),
    ('{"a": 1}', '{"b": 1}', None, None, None),
    ('{"a": [1, {"b": 2}]}', '{"a": [1, {"b": 3}]}', None, None, None),
    # the target 0
    ("0.0000009", "0", None, None, "close"),
    ("-0.0000009", "0.0", None, None, "close"),
    ("0", "0.0000009", None, None, "close"),
    ("0.0000011", "0.0", None, None, None),
    # relative to the target
    ("1000.05", "1000.0", None, "close", "close"),
    ("1000.9", "1000.0", None, "close", "close"),
    ("1001.1", "1000.0", None, None, None),
    ("2000.1", "2000.05", None, "close", "close"),
    ("1999.95", "2000.0", None, None, "close"),
    ("-0.99995", "-1.0", None, None, "close"),
    ("-1.0005", "-1.0", None, "close", "close"),
    ("0.5004", "0.5", None, "close", "close"),
    ("0.5006", "0.5", None, None, None),
    ("1.0", "-1.0", None, None, None),
    # a tolerance needs a float on either side
    ("100000", "100001", None, None, None),
    ("100000", "100001.0", None, None, "close"),
    ("100000.0", "100001", None, None, "close"),
    # inside lists and objects
    ("[1, 2.00001]", "[1, 2.0]", None, "close", "close"),
    ('{"a": {"b": [0.0000001]}}', '{"a": {"b": [0.0]}}', None, None, "close"),
    ("[1, 2.00001]", "[2, 2.0]", None, None, None),
    # integers beyond 64 bits, and beyond any float
    ("1" + "0" * 50, "1" + "0" * 50, "exact", "exact", "exact"),
    ("1" + "0" * 50, "1" + "0" * 49 + "1", None, None, None),
    ("9007199254740993", "9007199254740992.0", None, "close", "close"),
    ("1" + "0" * 400, "1" + "0" * 400, "exact", "exact", "exact"),
    # a number that is too large for a float is near no other
    ("1.0", "1e999", None, None, None),
    ("1e999", "1.0", None, None, None),
    ("1e999", "-1e999", None, None, None),
    # what is no JSON equals nothing
    ("NaN", "NaN", None, None, None),
    ("[Infinity]", "[Infinity]", None, None, None),
    ("five", "five", None, None, None),
    ("", "", None, None, None),
    ("7" * 5000, "7" * 5000, None, None, None),
    ("[" * 1500 + "]" * 1500, "[]", None, None, None),
]


@pytest.mark.parametrize(
    ("found", "target", "strict", "paper", "close"), TABLE, ids=lambda cell: str(cell)[:24]
)
def test_each_corner_has_its_match(
    found: str, target: str, strict: Match | None, paper: Match | None, close: Match | None
) -> None:
    assert [compare(found, target, equality) for equality in EQUALITIES] == [strict, paper, close]


@pytest.mark.parametrize("equality", EQUALITIES)
@pytest.mark.parametrize("number", ["1.7976931348623157e308", "1e999", "0.0", "-1e308"])
def test_an_integer_beyond_any_float_equals_no_float(number: str, equality: Equality) -> None:
    beyond = "1" + "0" * 400
    assert compare(beyond, number, equality) is None
    assert compare(number, beyond, equality) is None


@given(nested(SCALARS), st.sampled_from(EQUALITIES))
def test_equality_is_reflexive(value: Any, equality: Equality) -> None:
    assert compare(text_of(value), text_of(value), equality) == "exact"


@given(nested(SCALARS), st.sampled_from(EQUALITIES))
def test_neither_key_order_nor_the_type_of_a_whole_number_counts(
    value: Any, equality: Equality
) -> None:
    try:
        other = text_of(turned_round(value))
    except OverflowError:
        return
    if json.loads(other) == value:
        assert compare(other, text_of(value), equality) == "exact"


@given(nested(FEW_SCALARS), nested(FEW_SCALARS))
def test_strict_equality_is_symmetric(a: Any, b: Any) -> None:
    assert compare(text_of(a), text_of(b), "strict") == compare(text_of(b), text_of(a), "strict")


@given(st.lists(FEW_SCALARS, min_size=1, max_size=2), st.lists(FEW_SCALARS, min_size=1, max_size=2))
def test_strict_equality_is_that_of_python_but_for_booleans(a: list[Any], b: list[Any]) -> None:
    def unlike(value: object) -> object:
        return ("boolean", value) if isinstance(value, bool) else value

    same = [unlike(item) for item in a] == [unlike(item) for item in b]
    assert (compare(text_of(a), text_of(b), "strict") == "exact") is same


HALVES = st.integers(-2000, 2000).map(lambda number: number / 2)
FACTORS = st.sampled_from([1.0, 1 + 1e-5, 1 - 5e-5, 1 + 2e-4, 1 - 7e-4, 1 + 5e-3])


@given(nested(HALVES | FEW_SCALARS), FACTORS)
def test_close_equality_is_symmetric_off_the_edge_of_its_tolerance(
    value: Any, factor: float
) -> None:
    a, b = text_of(value), text_of(scaled(value, factor))
    assert compare(a, b, "close") == compare(b, a, "close")


def test_the_tolerance_of_close_equality_is_the_targets() -> None:
    assert compare("9999.0", "10000.0", "close") == "close"
    assert compare("10000.0", "9999.0", "close") is None


@given(nested(HALVES), FACTORS)
def test_close_equality_takes_all_that_the_paper_takes(value: Any, factor: float) -> None:
    a, b = text_of(value), text_of(scaled(value, factor))
    if compare(a, b, "paper") is not None:
        assert compare(a, b, "close") == compare(a, b, "paper")


@given(nested(SCALARS), nested(SCALARS))
def test_a_match_is_exact_in_all_three_or_in_none(a: Any, b: Any) -> None:
    exact = {compare(text_of(a), text_of(b), equality) == "exact" for equality in EQUALITIES}
    assert len(exact) == 1


def test_two_deep_lists_are_compared_or_refused() -> None:
    deep = "[" * 450 + "]" * 450
    assert compare(deep, deep, "strict") in ("exact", None)
