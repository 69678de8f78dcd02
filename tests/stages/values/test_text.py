"""Canonical JSON text, its sorted form, the bounds of a value, and its type in words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.execution.profile import CLEAN, PAPER
from stages.values.size import Size
from stages.values.text import NotJson, sorted_text, text_of, value_of
from stages.values.types import signature

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


def test_the_sorted_text_is_compact_and_tells_lists_apart() -> None:
    assert sorted_text('{"b": [2, 1], "a": "é"}') == '{"a":"é","b":[2,1]}'
    assert sorted_text("[1, 2]") != sorted_text("[2, 1]")


EXCESS = [
    (Size(bytes=8), '"abcdef"', ""),
    (Size(bytes=8), '"abcdefg"', "9 bytes of JSON, more than 8"),
    (Size(bytes=8), '"ééé"', ""),
    (Size(bytes=8), '"éééé"', "10 bytes of JSON, more than 8"),
    (Size(bytes=100, leaves=3), "[1, [2], {}, 3]", ""),
    (Size(bytes=100, leaves=3), '[1, [2, {"a": 3, "b": null}]]', "4 scalars, more than 3"),
    (Size(bytes=100, digits=3), "[999, -999]", ""),
    (Size(bytes=100, digits=3), "[1000]", "an integer of more than 3 digits"),
    (Size(bytes=100, digits=3), '{"a": -1000}', "an integer of more than 3 digits"),
    (Size(bytes=100, digits=3), "[1000.5, true]", ""),
    (Size(bytes=100, items=2), "[[1, 2], [3, 4]]", ""),
    (Size(bytes=100, items=2), "[[1, 2, 3]]", "a container of 3 items, more than 2"),
    (Size(bytes=100, items=2), '{"a": 1, "b": 2, "c": 3}', "a container of 3 items, more than 2"),
    (Size(bytes=100, characters=2), '["ab", "éé"]', ""),
    (Size(bytes=100, characters=2), '["abc"]', "a string of 3 characters, more than 2"),
    (Size(bytes=100, null=False), "null", "null"),
    (Size(bytes=100, null=False), "[null]", ""),
    (Size(bytes=100), "null", ""),
    (Size(bytes=10**6), json.dumps([10**99, "x" * 999, *range(999)]), ""),
]


@pytest.mark.parametrize(("size", "text", "excess"), EXCESS)
def test_a_size_says_what_of_a_value_is_too_large(size: Size, text: str, excess: str) -> None:
    assert size.excess(text) == excess


def test_the_clean_profile_bounds_values_by_bytes_leaves_and_digits() -> None:
    largest = json.dumps(["x" * 396])
    assert CLEAN.input_size.excess(largest) == ""
    assert CLEAN.input_size.excess(json.dumps(["x" * 397])) != ""
    assert CLEAN.output_size.excess(json.dumps("x" * 510)) == ""
    assert CLEAN.output_size.excess(json.dumps("x" * 511)) != ""
    for size in (CLEAN.input_size, CLEAN.output_size):
        assert size.excess(json.dumps([1] * 64)) == ""
        assert size.excess(json.dumps([1] * 65)) != ""
        assert size.excess("9" * 50) == ""
        assert size.excess("9" * 51) != ""


def test_the_paper_profile_bounds_values_as_the_paper_does() -> None:
    for size in (PAPER.input_size, PAPER.output_size):
        assert size.excess(json.dumps([1] * 19)) == ""
        assert size.excess(json.dumps([1] * 20)) != ""
        assert size.excess(json.dumps("x" * 99)) == ""
        assert size.excess(json.dumps("x" * 100)) != ""
        assert size.excess(json.dumps([["x" * 98] * 5] * 2)) != ""
    assert PAPER.input_size.excess("null") == ""
    assert PAPER.output_size.excess("null") == "null"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "bool"),
        (1, "int"),
        (1.0, "float"),
        ("", "str"),
        (None, "null"),
        ([], "list[]"),
        ([1, 2], "list[int]"),
        ([1, "a", 2.0, None], "list[float | int | null | str]"),
        ([[1], ["a"]], "list[list[int] | list[str]]"),
        ({}, "dict{}"),
        ({"b": [True], "a": {"c": 1}}, "dict{a: dict{c: int}, b: list[bool]}"),
    ],
)
def test_the_signature_names_types_down_to_elements(value: object, words: str) -> None:
    assert signature(value) == words
