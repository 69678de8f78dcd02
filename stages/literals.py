"""Reads one value written in the syntax of JSON, Python or JavaScript, as models mix them.

Single and double quotes, JSON's and Python's words, tuples, trailing commas, bare and integer keys, comments.
Strings keep their text: JSON's escapes mean what they mean in JSON, and what is no escape stays as it stands.
"""

import json
import re
import sys
from typing import Any

DEPTH = 100
MAXIMUM = sys.maxunicode
NUMBER = re.compile(r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
WORD = re.compile(r"[A-Za-z_$][\w$]*")
BLANK = re.compile(r"(?:\s|//[^\n]*|#[^\n]*|/\*.*?\*/)*", re.DOTALL)
WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
ESCAPES = {'"': '"', "'": "'", "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
CLOSING = {"[": "]", "(": ")"}
HEX = re.compile(r"u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8})")


class NotLiteral(ValueError):
    """Raised where the text holds no complete value."""


def literal(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start`, and where it ends. Raises: NotLiteral."""
    return _Reader(text).value(start, 0)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def blank(self, place: int) -> int:
        found = BLANK.match(self.text, place)
        return found.end() if found else place

    def value(self, place: int, depth: int) -> tuple[Any, int]:
        if depth > DEPTH:
            raise NotLiteral("too deep")
        place = self.blank(place)
        char = self.text[place : place + 1]
        if char == "{":
            return self.mapping(place + 1, depth)
        if char in CLOSING:
            return self.sequence(place + 1, CLOSING[char], depth)
        if char and char in "\"'":
            return self.string(place)
        if number := NUMBER.match(self.text, place):
            return self.number(number[0]), number.end()
        word = WORD.match(self.text, place)
        if word and word[0] in WORDS:
            return WORDS[word[0]], word.end()
        raise NotLiteral(f"no value at {place}")

    def number(self, text: str) -> int | float:
        digits = text.replace("_", "")
        try:
            return int(digits)
        except ValueError:
            pass
        try:
            return float(digits)
        except ValueError:
            raise NotLiteral("no number") from None

    def sequence(self, place: int, closing: str, depth: int) -> tuple[Any, int]:
        items: list[Any] = []
        comma = False
        while True:
            place = self.blank(place)
            if self.text[place : place + 1] == closing:
                alone = closing == ")" and len(items) == 1 and not comma  # brackets around a value, no tuple
                return (items[0] if alone else items), place + 1
            item, place = self.value(place, depth + 1)
            items.append(item)
            place = self.separated(place, closing)
            comma = self.text[place - 1] == ","

    def mapping(self, place: int, depth: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        while True:
            place = self.blank(place)
            if self.text[place : place + 1] == "}":
                return found, place + 1
            key, place = self.key(place)
            place = self.blank(place)
            if self.text[place : place + 1] != ":":
                raise NotLiteral(f"no colon at {place}")
            if key in found:
                raise NotLiteral(f"two keys become {key!r}")
            found[key], place = self.value(place + 1, depth + 1)
            place = self.separated(place, "}")

    def separated(self, place: int, closing: str) -> int:
        """Behind a comma, or at the closing bracket."""
        place = self.blank(place)
        char = self.text[place : place + 1]
        if char == ",":
            return place + 1
        if char == closing:
            return place
        raise NotLiteral(f"no comma at {place}")

    def key(self, place: int) -> tuple[str, int]:
        """A key as JSON has it: text, or an integer or boolean that becomes text."""
        if self.text[place : place + 1] in ('"', "'"):
            return self.string(place)
        if word := WORD.match(self.text, place):
            if word[0] in ("None", "null"):
                raise NotLiteral("a key of null")
            return (json.dumps(WORDS[word[0]]) if word[0] in WORDS else word[0]), word.end()
        number = NUMBER.match(self.text, place)
        if number and isinstance(value := self.number(number[0]), int):
            return str(value), number.end()
        raise NotLiteral(f"no key at {place}")

    def string(self, place: int) -> tuple[str, int]:
        quote = self.text[place]
        parts: list[str] = []
        place += 1
        while True:
            stop = place
            while stop < len(self.text) and self.text[stop] not in (quote, "\\"):
                stop += 1
            parts.append(self.text[place:stop])
            if stop >= len(self.text):
                raise NotLiteral("an unclosed string")
            if self.text[stop] == quote:
                return "".join(parts), stop + 1
            part, place = self.escape(stop + 1)
            parts.append(part)

    def escape(self, place: int) -> tuple[str, int]:
        char = self.text[place : place + 1]
        if char in ESCAPES and char:
            return ESCAPES[char], place + 1
        if found := HEX.match(self.text, place):
            if found[2] and "d800" <= found[1].lower() <= "dbff":
                pair = chr(int(found[1], 16)) + chr(int(found[2], 16))
                return pair.encode("utf-16", "surrogatepass").decode("utf-16"), found.end()
            code = int(found[1] or found[3] or found[4], 16)
            if code > MAXIMUM:
                raise NotLiteral("no such character")
            return chr(code), place + (5 if found[1] else 3 if found[3] else 9)
        return "\\" + char, place + 1
