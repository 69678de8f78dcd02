"""The bounds of a value, and those of the two profiles."""

import json

import pytest

from stages.execution.profile import CLEAN, PAPER
from stages.values.size import Size

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
