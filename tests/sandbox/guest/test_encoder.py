"""Canonical JSON text: what each value becomes, what had to be changed for it, and what is none."""

import enum
import json
import math
from collections import Counter, OrderedDict, defaultdict, namedtuple
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.guest.program.encoder import DEPTH, Encoder, Invalid, dumps, loads
from sandbox.jobs import canonical

ROOM_BYTES = 100_000


class Colour(enum.IntEnum):
    RED = 1


class Shouted(str):
    __slots__ = ()

    def __str__(self) -> str:
        return self.upper()

    def __len__(self) -> int:
        return 10**9


class Doubled(int):
    def __int__(self) -> int:
        return 2 * int.__int__(self)

    def __repr__(self) -> str:
        return "no number"


Point = namedtuple("Point", "x y")


def encoded(value: object) -> tuple[str, set[str]]:
    encoder = Encoder(ROOM_BYTES)
    return encoder.text(value), encoder.coerced


def refusal(value: object, limit_bytes: int = ROOM_BYTES) -> str:
    with pytest.raises(Invalid) as found:
        Encoder(limit_bytes).text(value)
    return str(found.value)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (10**30, "1" + 30 * "0"),
        (2.50, "2.5"),
        (1.0, "1.0"),
        (1e22, "1e+22"),
        (5e-324, "5e-324"),
        (0.1 + 0.2, "0.30000000000000004"),
        ("", '""'),
        ("ü 日 👍", '"ü 日 👍"'),
        ('"\\/', '"\\"\\\\/"'),
        ("\n\t\x00\x1f\x7f", '"\\n\\t\\u0000\\u001f\x7f"'),
        ("\u2028", '"\u2028"'),
        ([], "[]"),
        ({}, "{}"),
        ([1, [None, {}]], "[1, [null, {}]]"),
        ({"b": 1, "a": {"": 2}}, '{"b": 1, "a": {"": 2}}'),
        (Colour.RED, "1"),
        (Shouted("quiet"), '"quiet"'),
        ({Shouted("quiet"): 1}, '{"quiet": 1}'),
        (Doubled(3), "3"),
        (OrderedDict(b=1, a=2), '{"b": 1, "a": 2}'),
        (defaultdict(list, a=[1]), '{"a": [1]}'),
        (Counter("aab"), '{"a": 2, "b": 1}'),
    ],
)
def test_a_plain_value_has_one_text_and_needs_no_change(value: object, text: str) -> None:
    assert encoded(value) == (text, set())


@pytest.mark.parametrize(
    ("value", "text", "coerced"),
    [
        ((), "[]", {"tuple"}),
        ((1, [(2,)]), "[1, [[2]]]", {"tuple"}),
        (Point(1, 2), "[1, 2]", {"tuple"}),
        (-0.0, "0.0", {"negative_zero"}),
        ([1.0, {"a": -0.0}], '[1.0, {"a": 0.0}]', {"negative_zero"}),
        ({1: "a", -2: "b"}, '{"1": "a", "-2": "b"}', {"key"}),
        ({True: 1, False: 0}, '{"true": 1, "false": 0}', {"key"}),
        ({Colour.RED: 1}, '{"1": 1}', {"key"}),
        ({1: (-0.0,)}, '{"1": [0.0]}', {"key", "tuple", "negative_zero"}),
    ],
)
def test_what_is_nearly_json_is_changed_and_the_change_named(
    value: object, text: str, coerced: set[str]
) -> None:
    assert encoded(value) == (text, coerced)


def test_numpy_scalars_and_arrays_become_numbers_and_lists() -> None:
    np = pytest.importorskip("numpy")
    changed = [
        (np.int64(3), "3"),
        (np.bool_(True), "true"),
        (np.float32(0.5), "0.5"),
        (np.array([[1, 2], [3, 4]]), "[[1, 2], [3, 4]]"),
        (np.array(5), "5"),
        ([np.uint8(255)], "[255]"),
    ]
    for value, text in changed:
        assert encoded(value) == (text, {"numpy"})
    assert encoded(np.float64(1.5)) == ("1.5", set()), "it is a float of Python's"
    assert encoded(np.str_("a")) == ('"a"', set()), "it is a string of Python's"
    assert encoded({np.int64(1): 2}) == ('{"1": 2}', {"key"})
    assert encoded(np.array([-0.0])) == ("[0.0]", {"numpy", "negative_zero"})


def test_numpy_values_without_a_number_are_refused_where_they_stand() -> None:
    np = pytest.importorskip("numpy")
    assert refusal([np.float32("nan")]) == "$[0]: nan is no JSON number"
    assert refusal(np.array([1.0, np.inf])) == "$[1]: inf is no JSON number"
    assert refusal(np.complex64(1j)) == "$: complex is no JSON value"
    assert refusal(np.datetime64("2024-01-01")) == "$: date is no JSON value"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "$: nan is no JSON number"),
        ([1, {"a": [-math.inf]}], "$[1].a[0]: -inf is no JSON number"),
        ({1, 2}, "$: set is no JSON value"),
        ({"a": frozenset()}, "$.a: frozenset is no JSON value"),
        (b"x", "$: bytes is no JSON value"),
        ([bytearray()], "$[0]: bytearray is no JSON value"),
        (1j, "$: complex is no JSON value"),
        (Fraction(1, 2), "$: Fraction is no JSON value"),
        (range(3), "$: range is no JSON value"),
        ({}.keys(), "$: dict_keys is no JSON value"),
        (len, "$: builtin_function_or_method is no JSON value"),
        ({None: 1}, "$: a key of type NoneType"),
        ({1.5: 1}, "$: a key of type float"),
        ({"a": {(1, 2): 3}}, "$.a: a key of type tuple"),
        ({"a": {1: "x", "1": "y"}}, "$.a: two keys become '1'"),
        ({True: 1, "true": 2}, "$: two keys become 'true'"),
        ("\ud800", "$: a lone surrogate is no text"),
        ({"\udfff": 1}, "$: a lone surrogate is no text"),
    ],
)
def test_what_has_no_text_is_refused_with_its_path(value: object, message: str) -> None:
    assert refusal(value) == message


def test_an_integer_is_as_long_as_python_writes_it() -> None:
    assert encoded(10**4000)[0] == "1" + 4000 * "0"
    assert refusal([10**5000]).startswith("$: Exceeds the limit")


def test_values_are_nested_so_deep_and_no_deeper() -> None:
    assert encoded(nested(DEPTH))[0] == (DEPTH + 1) * "[" + (DEPTH + 1) * "]"
    assert refusal(nested(DEPTH + 1)) == f"nested deeper than {DEPTH}"


def test_a_value_that_holds_itself_is_too_deep() -> None:
    value: dict[str, Any] = {}
    value["self"] = [value]
    assert refusal(value) == f"nested deeper than {DEPTH}"


def test_the_limit_is_on_the_bytes_of_the_text() -> None:
    assert Encoder(5).text("üa") == '"üa"'
    assert refusal("üa", 4) == "$: 5 bytes of JSON, more than 4"
    assert refusal([1, 2], 5) == "$: 6 bytes of JSON, more than 5"


def test_what_is_huge_only_as_text_ends_before_its_text_is_made() -> None:
    value: list[Any] = []
    for _ in range(50):
        value = [value, value]
    assert refusal(value, 1000) == "$: more than 1000 bytes of JSON"


def test_an_encoder_starts_anew_for_each_text_and_gathers_changes() -> None:
    encoder = Encoder(10)
    assert [encoder.text((1, 2)), encoder.text({1: 2}), encoder.text("12345678")] == [
        "[1, 2]",
        '{"1": 2}',
        '"12345678"',
    ]
    assert encoder.coerced == {"tuple", "key"}


def test_what_a_job_patches_in_json_changes_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (json, "dumps"),
        (json, "loads"),
        (json.encoder, "c_make_encoder"),
        (json.encoder, "encode_basestring"),
        (json.decoder, "scanstring"),
        (json.decoder.JSONDecoder, "decode"),
    ):
        monkeypatch.setattr(module, name, lambda *_: "own")
    assert encoded({"a": [1, "x"]}) == ('{"a": [1, "x"]}', set())
    assert loads('{"a": [1, "x"]}') == {"a": [1, "x"]}


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (math.nan, ValueError),
        ([math.inf], ValueError),
        ({1}, TypeError),
        (nested(10**5), RecursionError),
    ],
)
def test_only_plain_values_are_written(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        dumps(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (" [1, 2.0]\r\n\t", [1, 2.0]),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('"\\u00fc"', "ü"),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_json_text_is_read_whatever_its_spelling(text: str, value: object) -> None:
    assert loads(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no value at character 0"),
        ("x", "no value at character 0"),
        ("[1] x", "something follows the value at character 3"),
        ("1 2", "something follows the value at character 1"),
        ("\ufeff1", "no value at character 0"),
        ("NaN", "NaN is no JSON number"),
        ("[-Infinity]", "-Infinity is no JSON number"),
    ],
)
def test_what_is_no_json_text_is_not_read(text: str, message: str) -> None:
    with pytest.raises(ValueError) as found:
        loads(text)
    assert str(found.value) == message


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0)
    | st.text(max_size=8)
)
"""Values as JSON has them. Adding 0.0 takes the sign off a negative zero."""


def trees(scalars: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )


@given(trees(SCALARS, st.text(max_size=8)))
def test_a_plain_value_comes_back_equal_from_its_text(value: Any) -> None:
    text, coerced = encoded(value)
    assert coerced == set()
    assert text == dumps(value) == json.dumps(value, ensure_ascii=False, allow_nan=False)
    assert repr(loads(text)) == repr(value)


@given(trees(SCALARS | st.just(-0.0) | st.tuples(st.integers()), st.integers() | st.booleans()))
def test_a_changed_value_is_plain_from_then_on(value: Any) -> None:
    text, _ = encoded(value)
    assert encoded(loads(text)) == (text, set())
    assert canonical(text, ROOM_BYTES), "the host takes it as it is"
