"""The types of JSON values: in words and merged, and the parameters of a function."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.values.types import Type, merged, parameters, signature, type_of


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


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([], "null"),
        ([None, None], "null"),
        ([True, 1], "int"),
        ([1, 2.0, True], "float"),
        ([None, "a"], "str"),
        (["a", 1, None, "b"], "mixed"),
        ([[], [1], [2.5]], ("list", "float")),
        ([[1], ["a"]], ("list", "mixed")),
        ([[[1]], [[]]], ("list", ("list", "int"))),
        ([[1], 1], "mixed"),
        ([[1], {"a": 1}], "mixed"),
        ([{"a": 1}, {"a": 2.5}], ("record", {"a": "float"})),
        ([{"a": 1}, {"a": None}], ("record", {"a": "int"})),
        ([{"a": 1}, {"b": 2}], ("map", "int")),
        ([{"a": 1}, {}], ("map", "int")),
        ([{"a": 1}, {"b": 2}, {"a": 1}, {"c": 0.5}], ("map", "float")),
    ],
)
def test_values_have_the_one_type_that_holds_them_all(values: list[Any], type_: Type) -> None:
    assert merged(map(type_of, values)) == type_
    assert merged(map(type_of, reversed(values))) == type_


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=2)
    ),
    max_leaves=6,
)


@given(st.lists(VALUES, max_size=4))
def test_neither_order_nor_a_value_more_of_a_type_that_is_held_changes_it(
    values: list[Any],
) -> None:
    types = [type_of(value) for value in values]
    assert merged(reversed(types)) == merged([merged(types), *types]) == merged(types)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("def f(a, b=1): pass", ("a", "b")),
        ("def f(a, /, b, *rest, c, **more): pass", ("a", "b", "c")),
        ("async def f(a): pass", ("a",)),
        ("def g(a): pass", ()),
        ("class A:\n    def f(self, a): pass", ()),
        ("def f(a:", ()),
        ("\0", ()),
    ],
)
def test_parameters_are_those_of_the_function_that_is_named(
    code: str, names: tuple[str, ...]
) -> None:
    assert parameters(code, "f") == names
