"""Reads one value written in the syntax of JSON, Python, JavaScript or LaTeX, as models mix them.

Besides JSON it reads quotes of all kinds, Python's words, tuples, trailing commas, bare and integer
keys, comments, hexadecimal numbers, full-width punctuation and escaped braces. Commas in a number
are read as thousands separators only where they can be nothing else.

Strings keep their text. JSON's escapes mean what they mean in JSON, and any other backslash stays.
"""

import json
import re
import sys
from typing import Any

DEPTH = 100
"""The deepest nesting that is read, which is that of the guest's values."""
VALUES = 20_000
"""Values that are read from one text. A larger value is no answer."""
CHUNK_DIGITS = 4000
"""Digits that are read or written at once. Python refuses more than 4300."""
MAXIMUM = sys.maxunicode
HEXADECIMAL = re.compile(r"[-+]?0[xX][0-9a-fA-F]+(?!\w)")
THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)")
NUMBER = re.compile(r"[-+]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
WORD = re.compile(r"[A-Za-z_$][\w$]*")
BLANK = re.compile(r"(?:\s|//[^\n]*|#[^\n]*|/\*.*?\*/|\\(?=[{}\[\]])|\\[,;:! ])*", re.DOTALL)
BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
WORDS = {**BOOLEANS, "null": None, "None": None}
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"} | {c: c for c in "\"'\\/"}
CLOSING = {"[": "]", "(": ")"}
WIDE = str.maketrans("｛｝［］（）：，", "{}[]():,")  # noqa: RUF001  # full-width punctuation
QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“”"}
QUOTES |= {"‘": "’", "’": "’", "＂": "＂", "＇": "＇"}  # noqa: RUF001  # quotes that look alike
"""For each quote that opens a string, the quotes that may close it."""
PLAIN = {closers: re.compile(rf"[^{re.escape(closers)}\\]*") for closers in QUOTES.values()}
"""For each set of closing quotes, the text up to one of them or to a backslash."""
HEX = re.compile(
    r"u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8})"
)
FENCE = "```"
TEXT = re.compile(r"\\(?:text|texttt|mathrm|textbf)\s*\{")
"""The commands that LaTeX has for words in a formula."""


class NotLiteral(ValueError):
    """Raised where the text holds no complete value."""


def literal(text: str, start: int, *, values: int = VALUES) -> tuple[Any, int, bool]:
    """The value that begins at `start`, where it ends, and whether closing brackets are missing.

    values: how many values may be read, those inside of others included.
    Raises: NotLiteral.
    """
    reader = Reader(text, values)
    value, end = reader.value(start, 0)
    return value, end, reader.unclosed


def integer(digits: str) -> int:
    """An integer from its decimal digits, however many. Raises: ValueError for other text."""
    if len(digits) <= CHUNK_DIGITS:
        return int(digits)
    head, tail = digits[:-CHUNK_DIGITS], digits[-CHUNK_DIGITS:]
    value = integer(head)
    return value * int("1" + "0" * CHUNK_DIGITS) + (-1 if digits.startswith("-") else 1) * int(tail)


def digits_of(value: int) -> str:
    """The decimal digits of an integer, however many, with its sign."""
    if value < 0:
        return "-" + digits_of(-value)
    parts: list[str] = []
    while value >= 10**CHUNK_DIGITS:
        value, rest = divmod(value, 10**CHUNK_DIGITS)
        parts.append(f"{rest:0{CHUNK_DIGITS}d}")
    return str(value) + "".join(reversed(parts))


class Reader:
    """Reads values from one text, by recursive descent.

    Each method takes the place where something begins, and returns what it read with the place
    behind it. All of them raise NotLiteral.

    left: how many values may still be read. unclosed: whether a bracket was closed by the end of
    the text.
    """

    def __init__(self, text: str, values: int) -> None:
        self.text = text
        self.left = values
        self.unclosed = False

    def blank(self, place: int) -> int:
        """The place behind spaces, comments and the backslashes of LaTeX."""
        found = BLANK.match(self.text, place)
        return found.end() if found else place

    def char(self, place: int) -> str:
        """The character at a place, with full-width punctuation as its ASCII form."""
        return self.text[place : place + 1].translate(WIDE)

    def ended(self, place: int) -> bool:
        """Whether the text or its code fence ends here, so that open brackets count as closed."""
        # The rest may be long, so all of it is only looked at if its beginning is blank.
        rest = self.text[place : place + 8].lstrip()
        if not rest and not self.text[place:].strip():
            rest = FENCE
        if rest.startswith(FENCE):
            self.unclosed = True
            return True
        return False

    def value(self, place: int, depth: int) -> tuple[Any, int]:
        """Any value. depth: how many values are open around it."""
        self.left -= 1
        if depth > DEPTH or self.left < 0:
            raise NotLiteral("too deep, or too much")
        place = self.blank(place)
        char = self.char(place)
        if char == "{":
            return self.mapping(place + 1, depth)
        if char in CLOSING:
            return self.sequence(place + 1, CLOSING[char], depth)
        if char and char in QUOTES:
            return self.string(place)
        if found := TEXT.match(self.text, place):
            return self.inside(found.end(), depth)
        if found := HEXADECIMAL.match(self.text, place):
            return int(found[0], 16), found.end()
        if found := NUMBER.match(self.text, place):
            return self.number(found[0]), found.end()
        word = WORD.match(self.text, place)
        if word and word[0] in WORDS:
            return WORDS[word[0]], word.end()
        raise NotLiteral(f"no value at {place}")

    def inside(self, place: int, depth: int) -> tuple[Any, int]:
        """The one value in the braces of a LaTeX command."""
        value, place = self.value(place, depth + 1)
        if self.char(place) != "}":
            raise NotLiteral(f"no closing brace at {place}")
        return value, place + 1

    def number(self, text: str) -> int | float:
        """The value of a number's text, which NUMBER matches."""
        digits = text.replace("_", "")
        try:
            return integer(digits)
        except ValueError:
            pass
        try:
            return float(digits)
        except ValueError:
            raise NotLiteral("no number") from None

    def sequence(self, place: int, closing: str, depth: int) -> tuple[Any, int]:
        """A list or a tuple as a list, from behind its bracket. In Python (1) is 1, not a tuple."""
        items: list[Any] = []
        comma = False
        while True:
            place = self.blank(place)
            if self.char(place) == closing:
                alone = closing == ")" and len(items) == 1 and not comma
                return (items[0] if alone else items), place + 1
            if items and self.ended(place):
                return items, place
            item, place = self.value(place, depth + 1)
            items.append(item)
            place = self.separated(place, closing)
            comma = self.char(place - 1) == ","

    def mapping(self, place: int, depth: int) -> tuple[dict[str, Any], int]:
        """An object, from behind its brace."""
        found: dict[str, Any] = {}
        kinds: dict[str, type] = {}
        while True:
            place = self.blank(place)
            if self.char(place) == "}":
                return found, place + 1
            if found and self.ended(place):
                return found, place
            given, place = self.key(place, depth)
            key = (
                given
                if isinstance(given, str)
                else json.dumps(given)
                if isinstance(given, bool)
                else digits_of(given)
            )
            place = self.blank(place)
            if self.char(place) != ":":
                raise NotLiteral(f"no colon at {place}")
            if kinds.setdefault(key, type(given)) is not type(given):
                raise NotLiteral(f"two keys become {key!r}")
            found[key], place = self.member(place + 1, depth)
            place = self.separated(place, "}")

    def member(self, place: int, depth: int) -> tuple[Any, int]:
        """A value behind its key, which may be a number with thousands separators."""
        # In a list, 1,234 is two numbers. In an object, a key with its colon has to follow a comma,
        # so 1,234 without a colon is one number.
        place = self.blank(place)
        found = THOUSANDS.match(self.text, place)
        if found and self.char(self.blank(found.end())) in ("}", ",", ""):
            return self.number(found[0].replace(",", "")), found.end()
        return self.value(place, depth + 1)

    def separated(self, place: int, closing: str) -> int:
        """The place behind a comma, or that of the closing bracket."""
        place = self.blank(place)
        char = self.char(place)
        if char == ",":
            return place + 1
        if char == closing or self.ended(place):
            return place
        raise NotLiteral(f"no comma at {place}")

    def key(self, place: int, depth: int) -> tuple[str | int, int]:
        """A key: a text, or an integer or boolean that its object turns into text."""
        if self.text[place : place + 1] in QUOTES:
            return self.string(place)
        if found := TEXT.match(self.text, place):
            key, place = self.inside(found.end(), depth)
            if isinstance(key, (str, int)):
                return key, place
        elif word := WORD.match(self.text, place):
            if word[0] not in ("None", "null"):
                return BOOLEANS.get(word[0], word[0]), word.end()
        else:
            number = NUMBER.match(self.text, place)
            if number and isinstance(value := self.number(number[0]), int):
                return value, number.end()
        raise NotLiteral(f"no key at {place}")

    def string(self, place: int) -> tuple[str, int]:
        """A string, from its opening quote."""
        closers = QUOTES[self.text[place]]
        parts: list[str] = []
        place += 1
        while True:
            plain = PLAIN[closers].match(self.text, place)
            assert plain is not None
            parts.append(plain[0])
            place = plain.end()
            if place >= len(self.text):
                raise NotLiteral("an unclosed string")
            if self.text[place] != "\\":
                return "".join(parts), place + 1
            part, place = self.escape(place + 1)
            parts.append(part)

    def escape(self, place: int) -> tuple[str, int]:
        """The text of an escape, from behind its backslash."""
        char = self.text[place : place + 1]
        if char in ESCAPES and char:
            return ESCAPES[char], place + 1
        if found := HEX.match(self.text, place):
            # JSON writes a character beyond the first 65,536 as two escapes, a surrogate pair.
            if found[2] and "d800" <= found[1].lower() <= "dbff":
                pair = chr(int(found[1], 16)) + chr(int(found[2], 16))
                return pair.encode("utf-16", "surrogatepass").decode("utf-16"), found.end()
            code = int(found[1] or found[3] or found[4], 16)
            if code > MAXIMUM:
                raise NotLiteral("no such character")
            return chr(code), place + (5 if found[1] else 3 if found[3] else 9)
        return "\\" + char, place + 1
