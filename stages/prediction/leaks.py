"""Whether the text of a question holds its answer."""

import json
import re

from stages.records import Direction, Pair, Program

LEAK_CHARACTERS = 4
"""A shorter literal is no leak, since nearly every text holds it by chance."""
WORDS = frozenset({"true", "false", "null"})


def leaks(program: Program, pair: Pair, direction: Direction) -> bool:
    """Whether the statement or the description holds the answer, or one of its arguments.

    The code and the shown value do not count, since the answer is to be worked out from them.
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
    # 1234 does not stand in 51234, -1234, x.1234 or 1234.5, but it does at the end of a sentence.
    before = r"(?<![\w.-])" if re.match(r"[\w.-]", bare) else ""
    after = r"(?![\w]|\.\d)" if re.search(r"\w$", bare) else ""
    return re.search(before + re.escape(bare) + after, text) is not None
