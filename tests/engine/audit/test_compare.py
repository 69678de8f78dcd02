"""Two rows held against each other: which fields count, and what is said of them."""

import copy
from typing import Any

import pytest

from engine.audit.compare import differences

Row = dict[str, Any]
TURN: Row = {
    "answer": "5", "verdict": "right", "match": "exact", "read": "strict", "got": None,
    "error": None, "out_of_domain": False, "cpu_s": 0.1, "near_limit": False, "model": "m",
}  # fmt: skip
ROW: Row = {
    "prompt": "What comes out?", "turn_1": '{"output": 5}', "feedback_1": "Right.",
    "turn_2": None, "feedback_2": None,
    "meta": {
        "id": "beef.1.o.0", "question": "beef.1.o", "direction": "output", "program": "beef",
        "pair": "1", "sample": 0, "variant": "query_code", "input": '{"a": 1}', "output": "5",
        "guess": [], "steps": 9, "tags": ["repeated"], "turns": [TURN], "usage": {"usd": 0.1},
    },
}  # fmt: skip


def changed(**fields: Any) -> Row:
    """The row with other fields, whether they are its own, of its meta or of its turn."""
    row = copy.deepcopy(ROW)
    for name, value in fields.items():
        places = (row, row["meta"], row["meta"]["turns"][0])
        next(place for place in places if name in place)[name] = value
    return row


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"feedback_1": "No."}, 'feedback_1: "Right.", and "No." when judged again'),
        ({"verdict": "cut"}, 'meta.turns[1].verdict: "right", and "cut" when judged again'),
        ({"got": "[1]"}, 'meta.turns[1].got: null, and "[1]" when judged again'),
        ({"output": "é"}, 'meta.output: "5", and "é" when made again'),
        ({"steps": None}, "meta.steps: 9, and null when made again"),
        ({"tags": []}, 'meta.tags: ["repeated"], and [] when made again'),
        ({"pair": "x" * 400}, 'meta.pair: "1", and "' + "x" * 299 + " ... when made again"),
    ],
)
def test_a_field_that_follows_from_the_answers_is_compared(fields: Row, words: str) -> None:
    assert list(differences(ROW, changed(**fields))) == [(*fields, words)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cpu_s": 9.0, "near_limit": True, "model": "n", "usage": None},
        {"tags": ["near_limit", "repeated", "near_limit"]},
        {"prompt": "another", "turn_1": "another"},
    ],
)
def test_what_is_measured_or_given_is_not_compared(fields: Row) -> None:
    assert list(differences(ROW, changed(**fields))) == []


def test_differences_come_feedback_first_then_turns_then_the_question() -> None:
    row = changed(pair="2", id="x", answer=None, feedback_2="Again.")
    assert [name for name, _ in differences(ROW, row)] == ["feedback_2", "answer", "id", "pair"]


def test_the_addresses_of_objects_do_not_count() -> None:
    def row(said: str) -> Row:
        return changed(feedback_1=f"{said} failed", error=said)

    written = row("<f at 0x7f00aa11bb22>")
    assert list(differences(written, row("<f at 0x7f99cc33dd44>"))) == []
    assert len(list(differences(written, row("<g at 0x7f99cc33dd44>")))) == 2
