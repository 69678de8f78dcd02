"""Probe inputs for a program. Programs with arguments of equal types get equal probes.

Corner values come first, then draws from a generator that is seeded with the types. Most integers
are small, since that is where programs have their thresholds.

Values that are often outside of a domain are left out: an empty list, or a negative number as the
only argument. Two programs that do the same within their domain may differ there.
"""

import json
import random
from collections.abc import Sequence
from typing import Any

from stages.values.types import Type

PROBES = 128
"""How many probes a bank has before duplicates are left out."""
SINGLE_INTEGERS = (*range(105), 120, 127, 128, 144, 169, 200, 255, 256, 360, 365, 366, 399)
"""The probes of a program whose only argument is an integer."""
TEXTS = (
    "a", "b", "ab", "ba", "aa", "abc", "cba", "abba", "abcab", "Hello World", "the quick brown fox",
    "a b a c", "A", "aAbB", "racecar", "Was it a car", "0", "1", "7", "10", "101", "1100", "123",
    "-5", "3.5", "1,2,3", "5 3 1", "x=1;y=2", "()", "(())", "(()", ")(", "([{}])", "([)]", "{}[]()",
    "1+2*3", "(1+2)*3", "8/2-1", "IV", "XIV", "MCMXC", "ACGT", "AATTGC", "#ff00ff", "2024-02-29",
    "12:30", "a1b2c3", "aaabbc", "zzz", "hello, world!", "one two two three three three",
    "  padded  ", "Tab\tbed", "line\nline", "user@example.com", "/a/b/../c", "0x1F", "deadbeef",
    "noon moon", "Mississippi", "xyzzy", "<=>", "a-b_c",
)  # fmt: skip
"""Texts such as programs take: palindromes, brackets, numbers, formulas, dates, and others.

Probes decide on clusters, so none of these may change without a new `clusters.VERSION`.
"""
WORDS = (
    "a", "b", "c", "apple", "pear", "fig", "kiwi", "Bob", "Ann", "x", "y", "z", "red", "blue",
    "1", "2", "10", "",
)  # fmt: skip
"""Short texts, of which the first 14 are keys of maps as well."""


def bank(arguments: Sequence[tuple[str, Type]]) -> tuple[str, ...]:
    """The probe inputs as JSON text, all different. A program without arguments has none.

    arguments: each one's name and type, in the order of the parameters.
    """
    types = [type_ for _, type_ in arguments]
    chance = random.Random(json.dumps(types, sort_keys=True))
    rows: list[tuple[Any, ...]] = []
    if types == ["int"]:
        rows = [(number,) for number in SINGLE_INTEGERS]
    elif types == ["str"]:
        rows = [(text,) for text in TEXTS]
    elif types:
        corners = [_corners(type_) for type_ in types]
        rows = [
            tuple(corner[place % len(corner)] for corner in corners)
            for place in range(max(map(len, corners)))
        ]
    while types and len(rows) < PROBES:
        rows.append(_drawn(types, chance))
    texts = [
        json.dumps(dict(zip((name for name, _ in arguments), row, strict=True))) for row in rows
    ]
    return tuple(dict.fromkeys(texts))


def _corners(type_: Type) -> tuple[Any, ...]:
    """The corner values of a type."""
    if isinstance(type_, str):
        return {
            "bool": (False, True),
            "int": (0, 1, 2, 3, -1, 5, 10),
            "float": (0.0, 1.0, 2.5, -1.5, 10.0),
            "str": TEXTS[:24],
            "null": (0, 1, 2),
            "mixed": (0, "a", None, [1, 2], 1.5),
        }[type_]
    kind, inner = type_
    if kind == "record":
        below = {key: _corners(item) for key, item in inner.items()}
        return tuple(
            {key: items[place % len(items)] for key, items in below.items()} for place in range(4)
        )
    items = _corners(inner)
    if kind == "map":
        return ({"a": items[0]}, *({"a": one, "b": items[0], "c": one} for one in items[:3]))
    lists: tuple[list[Any], ...] = ([items[0]], [items[-1]], list(items[:2]), list(items[:3]))
    lists += (list(items[2::-1]), [items[0]] * 3, list(items[:6]))
    if inner == "int":
        lists += ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [2, 2, 1, 1], [3, -1, 2, -5, 4], [7, 7, 7])
        lists += ([1, 3, 2, 3, 1], [10, 20, 30])
    return lists


def _drawn(types: Sequence[Type], chance: random.Random) -> tuple[Any, ...]:
    """One random input."""
    # A narrow range for all numbers of an input gives ties and equal values, which wide ones lack.
    most = chance.choice((2, 4, 10, 30, 100))
    row = [_draw(type_, chance, most, 0) for type_ in types]
    # Equal arguments are a case of their own for many programs, and seldom drawn by chance.
    alike = [place for place, type_ in enumerate(types) if type_ == chance.choice(types)]
    if len(alike) > 1 and chance.random() < 0.15:
        row[alike[1]] = row[alike[0]]
    return tuple(row)


def _draw(type_: Type, chance: random.Random, most: int, depth: int) -> Any:
    if isinstance(type_, str):
        return _scalar(type_, chance, most)
    kind, inner = type_
    if kind == "record":
        return {key: _draw(item, chance, most, depth + 1) for key, item in inner.items()}
    size = chance.randint(1, 8 if depth == 0 else 4)
    if kind == "map":
        keys = chance.sample(WORDS[:14], size)
        return {key: _draw(inner, chance, most, depth + 1) for key in keys}
    if isinstance(inner, tuple) and inner[0] == "list":
        # Most programs that take a list of lists take a matrix: rows of one length, often square.
        width = chance.randint(1, 4)
        ragged = chance.random() < 0.15
        return [
            [
                _draw(inner[1], chance, most, depth + 2)
                for _ in range(chance.randint(1, 4) if ragged else width)
            ]
            for _ in range(width if chance.random() < 0.4 else chance.randint(1, 4))
        ]
    return [_draw(inner, chance, most, depth + 1) for _ in range(size)]


def _scalar(name: str, chance: random.Random, most: int) -> Any:
    if name == "bool":
        return chance.random() < 0.5
    if name == "int":
        return chance.randint(-most if chance.random() < 0.25 else 0, most)
    if name == "float":
        return round(
            chance.uniform(-most if chance.random() < 0.25 else 0, most), chance.choice((0, 1, 2))
        )
    if name == "str":
        if chance.random() < 0.5:
            return chance.choice(TEXTS if most > 4 else WORDS)
        return "".join(
            chance.choice("abcxyz AB01()"[: 3 + most]) for _ in range(chance.randint(1, 8))
        )
    if name == "null":
        return chance.randint(0, most)
    return chance.choice((0, 1, "a", None, True, [1], 2.5))
