"""The reader of answers: what each reading finds, what none of them changes, and that none of them
raises."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.values.text import text_of
from stages.verification.answers import READINGS, TAIL, Found, Reading, find
from stages.verification.literals import digits_of

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="{}"), max_size=6).map("_{}".format)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=12),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)

FOUND: list[tuple[str, str, str, Reading]] = [
    # strict: the last complete JSON object that has the field
    ('{"output": 5}', "5", "strict", "strict"),
    ('So it is {"output": 5}.', "5", "strict", "strict"),
    ('```json\n{"output": [1, 2]}\n```', "[1, 2]", "strict", "strict"),
    ('{"output": 1} no: {"output": 2}', "2", "strict", "strict"),
    ('{"output": 1} as {"a": 3} says', "1", "strict", "strict"),
    ('{"output": 1} no: {"output": ', "1", "strict", "strict"),
    ('{"why": "sum", "output": 5}', "5", "strict", "strict"),
    ('{"output": {"output": 3}}', '{"output": 3}', "strict", "strict"),
    ('{"output": 1, "then": {"output": 2}}', "1", "strict", "strict"),
    ('{"output": 1, "output": 2}', "2", "strict", "strict"),
    ('[{"output": 1}]', "1", "strict", "strict"),
    ('{"output": null}', "null", "strict", "strict"),
    ('{"output": false}', "false", "strict", "strict"),
    ('{"output": "}{"}', '"}{"', "strict", "strict"),
    ('{"output":{"b":1,"a":2.50}}', '{"b": 1, "a": 2.5}', "strict", "strict"),
    ('{"output": "\\u00e9\\ud83d\\ude00"}', '"é😀"', "strict", "strict"),
    (
        '{"output": 123456789012345678901234567890}',
        "123456789012345678901234567890",
        "strict",
        "strict",
    ),
    # tolerant: Python's or JavaScript's syntax in place of JSON's
    ("{'output': 5}", "5", "repaired:literal", "tolerant"),
    ('{"output": True}', "true", "repaired:literal", "tolerant"),
    ("{'output': true}", "true", "repaired:literal", "tolerant"),
    ("{'output': [false, False]}", "[false, false]", "repaired:literal", "tolerant"),
    ("{'output': [null, None]}", "[null, null]", "repaired:literal", "tolerant"),
    ('{"output": [1, 2,],}', "[1, 2]", "repaired:literal", "tolerant"),
    ('{"output": (1, (2,))}', "[1, [2]]", "repaired:literal", "tolerant"),
    (
        '{"output": {7: "a", False: "b"}}',
        '{"7": "a", "false": "b"}',
        "repaired:literal",
        "tolerant",
    ),
    ("{'output': 'it\\'s'}", '"it\'s"', "repaired:literal", "tolerant"),
    ("{'output': '}'} is it", '"}"', "repaired:literal", "tolerant"),
    ("{'output': 1} no: {'output': 2}", "2", "repaired:literal", "tolerant"),
    ("{'output': 1} no: {'output': 2", "2", "repaired:unclosed", "tolerant"),
    ('So {"output": [2', "[2]", "repaired:unclosed", "tolerant"),
    ('So {"output": [2,', "[2]", "repaired:unclosed", "tolerant"),
    ("The answer is 5", "5", "repaired:bare", "lenient"),
    ("So the final answer: `[1, 2]`.", "[1, 2]", "repaired:bare", "lenient"),
    ("{\n  'output': 5,  # five\n}", "5", "repaired:literal", "tolerant"),
    # lenient: the field in another case, and a bare value at the end
    ('{"Output": 5}', "5", "repaired:case", "lenient"),
    ('{"OUTPUT": {"a": 1}} is it', '{"a": 1}', "repaired:case", "lenient"),
    ("It is\n5", "5", "repaired:bare", "lenient"),
    ("It is\n**5**", "5", "repaired:bare", "lenient"),
    ("It is\n`[1, 2]`.", "[1, 2]", "repaired:bare", "lenient"),
    ("It is\n```json\n[1,\n2]\n```", "[1, 2]", "repaired:bare", "lenient"),
    ("First\n```\n4\n```\nthen\n```\n5\n```", "5", "repaired:bare", "lenient"),
    ("It is\nTrue", "true", "repaired:bare", "lenient"),
    ("It is\nNone", "null", "repaired:bare", "lenient"),
    ('It is\n"two words."', '"two words."', "repaired:bare", "lenient"),
]
NOTHING = [
    "",
    "The answer is five",
    "It is\nfive",
    '{"output": "5',
    '{"output": ',
    '{"output": NaN}',
    '{"output": [1, -Infinity]}',
    '{"output": 1e999}',
    "{'output': {1, 2}}",
    "{'output', 5}",
    "{'field': 'output', 'value': 5,} is it",
    "{'output': b'x'}",
    "{'output': 1j}",
    "{'output': total + 1}",
    "{'output': __import__('os').getpid()}",
    '{"output": "\\ud800"}',
    "{'output': '\ud800'}",
]


@pytest.mark.parametrize(("content", "text", "how", "least"), FOUND, ids=[row[0] for row in FOUND])
def test_an_answer_is_read_from_its_reading_on_and_by_no_stricter_one(
    content: str, text: str, how: str, least: Reading
) -> None:
    for reading in READINGS:
        expected = Found(text, how) if READINGS.index(reading) >= READINGS.index(least) else None
        assert find(content, "output", reading) == expected, reading


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("content", NOTHING, ids=ascii)
def test_what_holds_no_answer_gives_none(content: str, reading: Reading) -> None:
    assert find(content, "output", reading) is None


def test_an_object_with_the_field_inside_a_larger_one_is_no_answer() -> None:
    assert find('{"result": {"output": 5}}', "output", "strict") is None
    assert find('{"output": 4} {"result": {"output": 5}}', "output", "strict") == Found(
        "4", "strict"
    )


def test_the_field_that_is_asked_for_is_the_one_that_is_read() -> None:
    both = '{"input": {"a": 1}}\n{"output": 2}'
    assert find(both, "input", "strict") == Found('{"a": 1}', "strict")
    assert find(both, "output", "strict") == Found("2", "strict")


def test_an_answer_is_looked_for_in_the_end_of_the_text_only() -> None:
    answer = '{"output": 5}'
    assert find(answer + "." * (TAIL - len(answer)), "output", "strict") == Found("5", "strict")
    assert find(answer + "." * TAIL, "output", "tolerant") is None


@given(VALUES, st.sampled_from(READINGS))
def test_every_json_answer_is_read_as_it_was_written(value: Any, reading: Reading) -> None:
    content = f"Step by step.\n\n{json.dumps({'output': value}, ensure_ascii=False)}\n"
    assert find(content, "output", reading) == Found(text_of(value), "strict")


@given(VALUES)
def test_every_python_answer_keeps_its_text(value: Any) -> None:
    found = find(f"So: {{'output': {value!r}}}", "output", "tolerant")
    assert found is not None
    assert found.text == text_of(value)


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize(
    "text", ["true, null and None", "(1,)", "a,}", "// no", "# no", "{1: 2}", "[1, 2,]"]
)
def test_words_and_commas_inside_strings_are_never_changed(text: str, quote: str) -> None:
    found = find(f"{{'output': [{quote}{text}{quote}, null,]}}", "output", "tolerant")
    assert found is not None
    assert json.loads(found.text) == [text, None]


MONSTERS = {
    "1,500 brackets": '{"output": ' + "[" * 1500 + "]" * 1500 + "}",
    "1,500 brackets, in Python": "{'output': " + "[" * 1500 + "]" * 1500 + "}",
    "1,500 brackets, bare": "[" * 1500 + "]" * 1500,
    "1,500 open braces": "{" * 1500,
    "20,000 signs": "{'output': " + "-" * 20_000 + "1}",
    "a null byte": "{'output': 1\0}",
}


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("name", MONSTERS)
def test_a_monster_is_no_answer_and_does_not_raise(name: str, reading: Reading) -> None:
    assert find(MONSTERS[name], "output", reading) is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('<think>Is it {"output": 1}?</think>{"output": 2}', "2"),
        ('<think>one <think> two</think> three</think>{"output": 2}', "2"),
        ('{"output": 1}</think>So {"output": 2}', "2"),
        ('<think>a "quote</think>{"output": 2}', "2"),
        ('<think>a "quote\n</think>{"output": "</think>"}', '"</think>"'),
        ('{"output": "a <think> b"}', '"a <think> b"'),
        ('{"output": 1} <think>{"output": 2}', "1"),
    ],
)
def test_what_is_only_thought_is_no_answer(content: str, text: str) -> None:
    found = find(content, "output", "tolerant")
    assert found is not None
    assert found.text == text


LONG = "-" + "7" * 5000


@pytest.mark.parametrize(
    ("content", "reading", "text"),
    [
        (f'{{"output": {LONG}}}', "strict", LONG),
        (f"{{'output': [{LONG}, {{{LONG}: 1}},]}}", "tolerant", f'[{LONG}, {{"{LONG}": 1}}]'),
        (LONG, "lenient", LONG),
        (f'{{"Output": {LONG}}}', "lenient", LONG),
        ("{'output': [\"\ufdd00\ufdd0\", 1]}", "tolerant", '["\ufdd00\ufdd0", 1]'),
        ("{'output': 0x" + "f" * 5000 + "}", "tolerant", digits_of(16**5000 - 1)),
    ],
    ids=["json", "python", "bare", "case", "mark", "hexadecimal"],
)
def test_an_integer_of_thousands_of_digits_is_read_exactly(
    content: str, reading: Reading, text: str
) -> None:
    found = find(content, "output", reading)
    assert found is not None
    assert found.text == text


def test_1500_objects_in_each_other_do_not_raise() -> None:
    content = "{'output': " * 1500 + "1" + "}" * 1500
    assert find(content, "input", "lenient") is None
    assert find(content.replace("'", '"'), "input", "lenient") is None


PIECES = [
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "'output'",
    '"output"',
    '"Output"',
    ":",
    ",",
    "'",
    '"',
    "\\",
    "\n",
    "```\n",
    "1",
    "-",
    "1.5",
    "1e999",
    "null",
    "True",
    "NaN",
    "a",
    "#",
    "\ud800",
    "\0",
]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.sampled_from(READINGS))
def test_whatever_is_found_is_canonical_json(content: str, reading: Reading) -> None:
    found = find(content, "output", reading)
    assert found is None or text_of(json.loads(found.text)) == found.text


@pytest.mark.parametrize("key", ["b'a'", "1j", "...", "(b'a',)"])
def test_a_key_that_json_does_not_know_does_not_raise(key: str) -> None:
    assert find(f"{{'output': {{{key}: 1}}}}", "output", "tolerant") is None


@pytest.mark.parametrize("key", ["(1, 2)", "1.5", "None", "null"])
def test_a_key_that_the_guest_refuses_is_refused_here_too(key: str) -> None:
    assert find(f"{{'output': {{{key}: 1}}}}", "output", "tolerant") is None


def test_two_keys_that_become_one_are_no_answer() -> None:
    assert find("{'output': {1: 'a', '1': 'b'}}", "output", "tolerant") is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{'output': {'output': 3, 'x': (1,)}}", '{"output": 3, "x": [1]}'),
        ("{'output': [{'output': 3}]}", '[{"output": 3}]'),
        ("{'output': \"{'output': 3}\"}", "\"{'output': 3}\""),
    ],
)
def test_of_two_python_objects_with_the_field_the_outer_is_the_answer(
    content: str, text: str
) -> None:
    assert find(content, "output", "tolerant") == Found(text, "repaired:literal")


def test_the_tolerant_reading_takes_no_field_of_a_larger_object_either() -> None:
    assert find('{"result": {"output": 5}}', "output", "tolerant") is None


def test_the_field_may_stand_last_in_a_python_object() -> None:
    content = "{'reasoning': 'the loop runs three times, and each adds one', 'output': 5}"
    assert find(content, "output", "tolerant") == Found("5", "repaired:literal")


@pytest.mark.parametrize("content", ["{output: 5}", '{"output": 5 // five\n}'])
def test_javascript_syntax_is_read(content: str) -> None:
    assert find(content, "output", "tolerant") == Found("5", "repaired:literal")


def test_an_answer_of_300_braces_is_read() -> None:
    text = "{" * 300
    assert find(json.dumps({"output": text}), "output", "strict") == Found(
        json.dumps(text), "strict"
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("escaped", "text"), [("a\\/b", "a/b"), ("\\ud83d\\ude00", "😀")])
def test_json_escapes_keep_their_meaning_beside_a_trailing_comma(escaped: str, text: str) -> None:
    found = find(f'{{"output": "{escaped}",}}', "output", "tolerant")
    assert found is not None
    assert json.loads(found.text) == text


def test_a_regular_expression_in_a_python_string_is_read_without_a_warning() -> None:
    assert find("{'output': '\\d+'}", "output", "tolerant") == Found('"\\\\d+"', "repaired:literal")


def test_a_bare_value_is_read_at_the_end_of_the_text_not_from_an_earlier_fence() -> None:
    assert find("Start with\n```\n5\n```\nThe answer is\n7", "output", "lenient") == Found(
        "7", "repaired:bare"
    )


def test_a_bare_value_loses_no_leading_point() -> None:
    assert find("The answer is\n.5", "output", "lenient") != Found("5", "repaired:bare")


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ("\\b\\f\\n\\r\\t", "\b\f\n\r\t"),
        ("\\'\\\"\\\\\\/", "'\"\\/"),
        ("\\x41\\u00e9\\U0001f600", "Aé😀"),
        ("\\uD83D\\uDE00\\uDBFF\\uDFFF", "😀\U0010ffff"),
        ("\\d\\w", "\\d\\w"),
    ],
)
def test_each_escape_of_a_single_quoted_string_means_its_character(escaped: str, text: str) -> None:
    found = find(f"{{'output': '{escaped}'}}", "output", "tolerant")
    assert found is not None
    assert json.loads(found.text) == text


@pytest.mark.parametrize(
    ("value", "text"), [("(1)", "1"), ("('a')", '"a"'), ("((1, 2))", "[1, 2]")]
)
def test_a_value_in_parentheses_is_the_value(value: str, text: str) -> None:
    assert find(f"{{'output': {value}}}", "output", "tolerant") == Found(text, "repaired:literal")
