"""Canonical JSON text and its sorted form."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.values.text import NotJson, sorted_text, text_of, value_of

TEXTS = st.text(st.characters(codec="utf-8"))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


@given(VALUES)
def test_the_value_of_a_text_has_that_text(value: Any) -> None:
    text = text_of(value)
    assert text_of(value_of(text)) == text
    assert value_of(text) == value


def test_text_keeps_the_order_of_keys_and_letters_beyond_ascii() -> None:
    assert text_of({"b": 1, "a": "é😀"}) == '{"b": 1, "a": "é😀"}'


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(float("nan"), id="nan"),
        pytest.param([float("inf")], id="inf"),
        pytest.param({"a": float("-inf")}, id="-inf"),
        pytest.param({1, 2}, id="set"),
        pytest.param(b"x", id="bytes"),
        pytest.param(1j, id="complex"),
        pytest.param(object(), id="object"),
        pytest.param("\ud800", id="surrogate"),
        pytest.param({"\udfff": 1}, id="surrogate in a key"),
        pytest.param(10**5000, id="5,000 digits"),
    ],
)
def test_what_is_no_json_has_no_text(value: object) -> None:
    with pytest.raises(NotJson):
        text_of(value)


def test_a_value_that_holds_itself_has_no_text() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(NotJson):
        text_of(loop)


@pytest.mark.parametrize(
    "text", ["", "five", "{'a': 1}", "NaN", "[Infinity]", '{"a": -Infinity}', "1 2", "[1,]"]
)
def test_what_is_no_json_text_has_no_value(text: str) -> None:
    with pytest.raises(NotJson):
        value_of(text)


@pytest.mark.parametrize("text", ["7" * 5000, "[" * 5000 + "]" * 5000], ids=["digits", "brackets"])
def test_a_monster_has_no_value(text: str) -> None:
    with pytest.raises(NotJson):
        value_of(text)


@given(st.dictionaries(TEXTS, st.integers(), min_size=2))
def test_the_sorted_text_does_not_depend_on_key_order_or_spaces(value: dict[str, int]) -> None:
    backwards = dict(reversed(value.items()))
    assert sorted_text(json.dumps(value, indent=2)) == sorted_text(text_of(backwards))


def test_the_sorted_text_is_compact_and_keeps_the_order_of_lists() -> None:
    assert sorted_text('{"b": [2, 1], "a": "é"}') == '{"a":"é","b":[2,1]}'
    assert sorted_text("[1, 2]") != sorted_text("[2, 1]")
