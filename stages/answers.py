"""Finds the final JSON answer in what a model wrote, and says how it was read.

strict    the last complete JSON object that has the asked field
tolerant  the same, or one with the syntax of Python or JavaScript in place of JSON's (default)
lenient   also the field in another case, and a bare value at the end of the text

Only outermost objects count: a field inside a larger object is no answer. Text inside strings is never
rewritten, and nothing here raises, whatever was written.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from stages.literals import NotLiteral, literal
from stages.values import NotJson, text_of, value_of

Reading = Literal["strict", "tolerant", "lenient"]
TAIL = 32_768
"""Characters from the end of the content in which an answer is looked for."""
MENDED = 64
"""How many of the last braces that open no JSON are read with tolerance."""
FENCED = re.compile(r"```[\w+-]*\n(.*?)```", re.DOTALL)
DRESSING = re.compile(r"^[`*\s]+|[`*\s.]+$")
WORDS = {"true": "true", "false": "false", "null": "null", "none": "null"}


@dataclass(frozen=True, slots=True)
class Found:
    """text: the answer as canonical JSON text; how: strict, or repaired:<what>."""

    text: str
    how: str


def find(content: str, field: str, reading: Reading) -> Found | None:
    """The value of the last object in `content` that has `field`, or None."""
    tail = content[-TAIL:]
    objects = list(_objects(tail, tolerant=reading != "strict"))
    for value, how in reversed(objects):
        if field in value:
            return _found(value[field], how)
    return _lenient(tail, field, [value for value, _ in objects]) if reading == "lenient" else None


def _objects(tail: str, *, tolerant: bool) -> Iterator[tuple[dict[str, Any], str]]:
    """The outermost objects of the text in order, and how each was read."""
    decode = json.JSONDecoder(parse_constant=_refuse).raw_decode
    opening = [place for place, char in enumerate(tail) if char == "{"]
    strict: dict[int, tuple[Any, int]] = {}
    end = 0
    for place in opening:
        if place >= end:
            try:
                strict[place] = decode(tail, place)
            except (ValueError, RecursionError):
                continue
            end = strict[place][1]
    mended = set([place for place in opening if place not in strict][-MENDED:]) if tolerant else set()
    end = 0
    for place in opening:
        if place < end:
            continue
        if place in mended and (read := _mended(tail, place)) is not None:
            value, end = read
            yield value, "repaired:literal"
        elif place in strict:
            value, end = strict[place]
            yield value, "strict"


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _mended(tail: str, place: int) -> tuple[dict[str, Any], int] | None:
    try:
        value, end = literal(tail, place)
    except NotLiteral:
        return None
    return (value, end) if isinstance(value, dict) else None


def _lenient(tail: str, field: str, objects: list[dict[str, Any]]) -> Found | None:
    for value in reversed(objects):
        for key in value:
            if key.lower() == field:
                return _found(value[key], "repaired:case")
    fences = [found for found in FENCED.finditer(tail) if not tail[found.end() :].strip()]
    text = DRESSING.sub("", fences[-1][1] if fences else tail.strip().rsplit("\n", 1)[-1])
    try:
        return _found(value_of(WORDS.get(text.lower(), text)), "repaired:bare")
    except NotJson:
        return None


def _found(value: Any, how: str) -> Found | None:
    try:
        return Found(text_of(value), how)
    except NotJson:
        return None
