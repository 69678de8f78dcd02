"""Finds the final JSON answer in what a model wrote, and says how it was read.

strict    the last complete JSON object that has the asked field
tolerant  the same, or one with the syntax of Python or JavaScript in place of JSON's (default)
lenient   also the field in another case, and a bare value at the end of the text
Text inside strings is never rewritten, and nothing here raises, whatever was written.
"""

import ast
import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from stages.values import NotJson, text_of, value_of

Reading = Literal["strict", "tolerant", "lenient"]
TAIL = 32_768
"""Characters from the end of the content in which an answer is looked for."""
CANDIDATES = 60
LITERALS = {"true": True, "false": False, "null": None, "none": None}
FENCED = re.compile(r"```[\w+-]*\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Found:
    """text: the answer as canonical JSON text; how: strict, or repaired:<what>."""

    text: str
    how: str


def find(content: str, field: str, reading: Reading) -> Found | None:
    """The value of the last object in `content` that has `field`, or None."""
    tail = content[-TAIL:]
    starts = [place for place, char in enumerate(tail) if char == "{"][::-1][: CANDIDATES * 4]
    strict = _last_object(tail, starts, field)
    if strict is not None:
        return strict
    if reading == "strict":
        return None
    repaired = _last_literal(tail, starts[:CANDIDATES], field)
    if repaired is not None or reading == "tolerant":
        return repaired
    return _lenient(tail, starts[:CANDIDATES], field)


def _last_object(tail: str, starts: list[int], field: str) -> Found | None:
    """The complete object with the field that ends last; of those that end together, the outermost."""
    best: tuple[int, int, Any] | None = None
    decode = json.JSONDecoder(parse_constant=_refuse).raw_decode
    for start in starts:
        try:
            value, end = decode(tail, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and field in value and (best is None or end >= best[0]):
            best = (end, start, value[field])
        elif best is not None and best[1] > start and end > best[0]:
            best = None  # the field stood inside a larger object, which is no answer
    return _found(best[2], "strict") if best else None


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _last_literal(tail: str, starts: list[int], field: str) -> Found | None:
    """The last object that is one by Python's rules: single quotes, True and None, tuples, trailing commas."""
    for start in starts:
        if (
            f'"{field}"' not in tail[start : start + len(field) + 40]
            and f"'{field}'" not in tail[start : start + len(field) + 40]
        ):
            continue
        for end in _closings(tail, start):
            try:
                value = ast.literal_eval(_python(tail[start:end]))
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            if isinstance(value, dict) and field in value:
                return _found(_plain(value[field]), "repaired:literal")
    return None


def _closings(tail: str, start: int) -> list[int]:
    """Where the object that opens at `start` may end: at its own closing brace, strings skipped."""
    depth, quote, escaped = 0, "", False
    for place in range(start, len(tail)):
        char = tail[place]
        if quote:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char in "{[(":
            depth += 1
        elif char in "}])":
            depth -= 1
            if depth == 0:
                return [place + 1]
    return []


def _python(text: str) -> str:
    """JSON's words as Python's, outside of strings."""
    out, place = [], 0
    for match in re.finditer(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\b(?:true|false|null)\b", text, re.DOTALL):
        out.append(text[place : match.start()])
        word = match[0]
        out.append({"true": "True", "false": "False", "null": "None"}.get(word, word))
        place = match.end()
    return "".join(out) + text[place:]


def _plain(value: Any) -> Any:
    """A Python literal's value as JSON has it: tuples as lists, integer and boolean keys as strings."""
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else json.dumps(key): _plain(item) for key, item in value.items()}
    return value


def _lenient(tail: str, starts: list[int], field: str) -> Found | None:
    for start in starts:
        try:
            value, _ = json.JSONDecoder(parse_constant=_refuse).raw_decode(tail, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            for key in value:
                if key.lower() == field:
                    return _found(value[key], "repaired:case")
    for candidate in (*FENCED.findall(tail)[-1:], tail.strip().rsplit("\n", 1)[-1]):
        text = candidate.strip().strip("`.*").strip()
        try:
            return _found(LITERALS[text.lower()] if text.lower() in LITERALS else value_of(text), "repaired:bare")
        except NotJson:
            continue
    return None


def _found(value: Any, how: str) -> Found | None:
    try:
        return Found(text_of(value), how)
    except NotJson:
        return None
