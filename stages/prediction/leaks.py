"""Whether a question gives its answer away."""

import json
import re

from stages.records import (
    Direction,
    Pair,
    Program,
)

LEAK_CHARACTERS = 4
"""A shorter literal stands everywhere."""
WORDS = frozenset({"true", "false", "null"})


def leaks(program: Program, pair: Pair, direction: Direction) -> bool:
    """Whether the answer, or one of the arguments that are asked for, stands in the statement or
    the description.

    The code is not looked at, nor the value that is shown: both are what the answer is to be worked
    out from.
    """
    text = f"{program.sections.statement}\n{program.sections.description}"
    if direction == "output":
        return _stands(pair.output, text)
    arguments = json.loads(pair.input)
    values = arguments.values() if isinstance(arguments, dict) else (arguments,)
    return any(_stands(json.dumps(value, ensure_ascii=False), text) for value in values)


def _stands(literal: str, text: str) -> bool:
    """Whether a literal of some length stands in a text as a whole token."""
    bare = literal.strip('"') if literal.startswith('"') else literal
    if len(bare) < LEAK_CHARACTERS or bare in WORDS or bare not in text:
        return False
    before = r"(?<![\w.-])" if re.match(r"[\w.-]", bare) else ""
    after = r"(?![\w]|\.\d)" if re.search(r"\w$", bare) else ""
    return re.search(before + re.escape(bare) + after, text) is not None
