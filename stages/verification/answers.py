"""Finds the final JSON answer in what a model wrote, and says how it was read.

    strict    the last complete JSON object that has the asked field
    tolerant  also one in another syntax (see `literals`), or without its last brackets (default)
    lenient   also the field in another case, and a bare value at the end of the text

Only outermost objects count: a field inside a larger object is no answer. What stands in <think> is
no answer either. Text inside strings is never rewritten. No text makes this module raise.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from stages.values.text import NotJson, text_of
from stages.verification.literals import DEPTH, VALUES, NotLiteral, digits_of, integer, literal

Reading = Literal["strict", "tolerant", "lenient"]
READINGS: tuple[Reading, ...] = get_args(Reading)
TAIL = 65_536
"""Characters from the end of the content in which an answer is looked for."""
MENDED = 64
"""How many of the last braces that open no JSON are read with tolerance."""
EFFORT = 500_000
"""Characters that may be read in vain for strict JSON. Then only the last MENDED braces are tried.

Each of thousands of braces could otherwise be read up to the end of the text.
"""
LINES_COUNTED = 32
"""Python's reader counts the lines before an error, from the beginning of the text.

That costs as much as reading one in so many of the characters there.
"""
LEVEL_CHARACTERS = 5000
"""Characters that an attempt counts for if it ends because the text is nested too deep."""
OPENING = re.compile(r"[{｛]")  # noqa: RUF001  # full-width
TAG = re.compile(r"</?think>")
BEGUN = re.compile(r'\{\s*["}]')
"""How a JSON object begins. Other braces are not worth an attempt."""
FENCED = re.compile(r"(?:```|~~~)[\w+-]*\n((?:(?!```|~~~).)*)(?:```|~~~)\s*\Z", re.DOTALL)
BOXED = re.compile(r"\\boxed\s*\{")
SAID = re.compile(r"(?:answer|result|output)(?:\s+is)?\s*[:=]?\s*(.+)$", re.IGNORECASE)
DRESSING = "`*$ \t\r\n"
WORDS = {"true": True, "false": False, "null": None, "none": None}


@dataclass(frozen=True, slots=True)
class Found:
    """An answer. text: its canonical JSON. how: `strict`, or `repaired:` and what was repaired."""

    text: str
    how: str


def find(content: str, field: str, reading: Reading) -> Found | None:
    """The value of the last object in `content` that has `field`, or None.

    content: a reply, of any text. field: in lower case.
    """
    tail = said(content)[-TAIL:]
    objects = list(_objects(tail, field, tolerant=reading != "strict"))
    for value, how in reversed(objects):
        if field in value:
            return _found(value[field], how)
    return _lenient(tail, field, [value for value, _ in objects]) if reading == "lenient" else None


def said(content: str) -> str:
    """The content without the model's thoughts.

    Thoughts are blocks of <think>, or all before a </think> that closes no block.
    """
    parts: list[str] = []
    place, inside = 0, False
    for start, end, quoted in _tags(content):
        # A tag in double quotes is part of an answer. But thoughts may hold any number of quotes,
        # so what closes them counts in any case.
        opening = content[start + 1] != "/"
        if quoted and (opening or not inside):
            continue
        if opening and not inside:
            parts.append(content[place:start])
        elif not opening and not inside:
            parts.clear()
        place, inside = end, opening
    return "".join(parts) + ("" if inside else content[place:])


def _tags(content: str) -> Iterator[tuple[int, int, bool]]:
    """The start and end of each <think> or </think>, and whether it stands in double quotes.

    Only the quotes before it on its line count.
    """
    place, quotes = 0, 0
    for found in TAG.finditer(content):
        between = content[place : found.start()]
        line = between.rfind("\n")
        quotes = between.count('"', line + 1) + (quotes if line < 0 else 0)
        place = found.end()
        yield *found.span(), quotes % 2 == 1


def _objects(tail: str, field: str, *, tolerant: bool) -> Iterator[tuple[dict[str, Any], str]]:
    """The outermost objects of the text in order, each with how it was read."""
    opening = [found.start() for found in OPENING.finditer(tail)]
    strict = _strict(tail, opening)
    mended = (
        set([place for place in opening if place not in strict][-MENDED:]) if tolerant else set()
    )
    end, left = 0, VALUES
    for place in opening:
        if place < end:
            continue
        if place in strict:
            value, end = strict[place]
            yield value, "strict"
        elif place in mended and left > 0:
            left -= 1
            try:
                value, stop, unclosed = literal(tail, place, values=left)
            except NotLiteral:
                continue
            # An object that was never closed may be a brace in prose that took in what follows.
            # Without the field it would only hide the answer behind it.
            if isinstance(value, dict) and (field in value or not unclosed):
                end = stop
                yield value, "repaired:unclosed" if unclosed else "repaired:literal"


def _strict(tail: str, opening: list[int]) -> dict[int, tuple[Any, int]]:
    """The objects that are JSON: for the place of each, its value and where it ends."""
    decode = json.JSONDecoder(parse_constant=_refuse, parse_int=integer).raw_decode
    found: dict[int, tuple[Any, int]] = {}
    end = effort = 0
    late = opening[-MENDED] if len(opening) > MENDED else 0
    for place in opening:
        if place < end or (effort > EFFORT and place < late) or not BEGUN.match(tail, place):
            continue
        try:
            found[place] = decode(tail, place)
        except json.JSONDecodeError as exc:
            effort += exc.pos - place + exc.pos // LINES_COUNTED
        except (ValueError, RecursionError):
            effort += LEVEL_CHARACTERS
        else:
            end = found[place][1]
    return found


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _lenient(tail: str, field: str, objects: list[dict[str, Any]]) -> Found | None:
    """The field in another case, or else a bare value at the end of the text."""
    for value in reversed(objects):
        for key in value:
            if key.lower() == field:
                return _found(value[key], "repaired:case")
    fenced = FENCED.search(tail)
    last = tail.strip().rsplit("\n", 1)[-1]
    texts = (
        [fenced[1]]
        if fenced
        else [last, *_boxed(tail), *(found[1] for found in [SAID.search(last)] if found)]
    )
    for text in texts:
        found = _bare(text.lstrip(DRESSING).rstrip(DRESSING + "."))
        if found is not None:
            return found
    return None


def _boxed(tail: str) -> Iterator[str]:
    """The text in the last box of LaTeX, if it is closed."""
    places = [found.end() for found in BOXED.finditer(tail)]
    if places:
        depth = 1
        for place in range(places[-1], len(tail)):
            depth += {"{": 1, "}": -1}.get(tail[place], 0)
            if not depth:
                yield tail[places[-1] : place]
                return


def _bare(text: str) -> Found | None:
    """The value of a text that holds one value and nothing else."""
    if text.lower() in WORDS:
        return _found(WORDS[text.lower()], "repaired:bare")
    try:
        value, end, _ = literal(text, 0)
    except NotLiteral:
        return None
    return None if text[end:].strip() else _found(value, "repaired:bare")


def _found(value: Any, how: str) -> Found | None:
    if not _shallow(value):
        return None
    try:
        return Found(text_of(value), how)
    except NotJson:
        pass
    # Python refuses to write integers of more than 4300 digits, which a right answer may have. A
    # mark takes the place of each one until the rest is written.
    huge: list[str] = []
    try:
        text = text_of(_marked(value, huge))
    except (NotJson, RecursionError):
        return None
    for number, digits in enumerate(huge):
        text = text.replace(f'"{MARK}{number}{MARK}"', digits)
    return Found(text, how) if huge else None


def _shallow(value: Any) -> bool:
    """Whether a value is nested no deeper than DEPTH, as everything that the guest gives."""
    # Level by level, since a recursion could end in a RecursionError for deep JSON.
    level = [value]
    for _ in range(DEPTH + 1):
        level = [
            item
            for outer in level
            if isinstance(outer, (dict, list))
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return not level


MARK = "\ufdd0"
"""Stands around the number of an integer that is too long for Python to write.

It is a code point that Unicode keeps free, so that no sensible text holds it.
"""


def _marked(value: Any, huge: list[str]) -> Any:
    """The value with marks in place of its long integers, whose digits are added to `huge`.

    Raises: NotJson for a text that holds a mark.
    """
    if isinstance(value, dict):
        return {key: _marked(item, huge) for key, item in value.items()}
    if isinstance(value, list):
        return [_marked(item, huge) for item in value]
    if isinstance(value, str) and MARK in value:
        raise NotJson("it has our own mark in it")
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 12_000:
        huge.append(digits_of(value))
        return f"{MARK}{len(huge) - 1}{MARK}"
    return value
