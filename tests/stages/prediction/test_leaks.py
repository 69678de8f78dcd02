"""Whether a statement or description gives an answer away."""

from dataclasses import replace

import pytest

from stages.prediction.leaks import leaks
from stages.records import Pair
from tests.support.records import SECTIONS, program


@pytest.mark.parametrize(
    ("output", "statement", "leak"),
    [
        ("1234", "It is (1234)", True),
        ("1234", "It is x1234", False),
        ("1234", "It is 1234x", False),
        ("1234", "It is 1234.5", False),
        ("-123", "It is -123.", True),
        ("-123", "It is 5-123.", False),
        ("12.5", "It is 12.5!", True),
        ("12.5", "It is 12.50", False),
        ("12.5", "It is 12x5", False),
        ('"over"', "The game is over.", True),
        ('"over"', "It is overdue.", False),
        ('"Over"', "The game is over.", False),
        ('"été vu"', "On a été vu là.", True),
        ("null", "It is null.", False),
        ('{"a": 1}', 'It gives {"a": 1}.', True),
    ],
)
def test_an_output_leaks_where_it_stands_as_a_whole_word(
    output: str, statement: str, *, leak: bool
) -> None:
    subject, pair = replace(SECTIONS, statement=statement), Pair(input='{"a": 1}', output=output)
    assert leaks(program(sections=subject), pair, "output") is leak


@pytest.mark.parametrize(
    ("input_", "statement", "leak"),
    [
        ('{"a": 5, "b": "stop"}', "Until stop comes.", True),
        ('{"a": 5, "b": 6}', "Take 5 and 6.", False),
        ('{"long_name": 5}', "Take long_name.", False),
        ('{"a": [1, 2]}', "Such as [1, 2].", True),
        ('{"a": 1234}', "It gives 5678.", False),
        ('"stop"', "Until stop comes.", True),
        ("[]", "Begin with [].", False),
    ],
)
def test_an_input_leaks_where_one_of_its_arguments_stands(
    input_: str, statement: str, *, leak: bool
) -> None:
    subject, pair = replace(SECTIONS, statement=statement), Pair(input=input_, output="5678")
    assert leaks(program(sections=subject), pair, "input") is leak


def test_the_description_counts_and_the_code_does_not() -> None:
    pair = Pair(input='{"a": 1}', output="4711")
    described = replace(SECTIONS, description="It returns 4711 always.")
    coded = replace(SECTIONS, code="def main_solution(a):\n    return 4711\n")
    assert leaks(program(sections=described), pair, "output")
    assert not leaks(program(sections=coded), pair, "output")
