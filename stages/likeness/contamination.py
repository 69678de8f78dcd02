"""Whether a program is in a benchmark that its users will measure with: 13-grams of its text, or
its behaviour.

13-grams are of words, case and punctuation aside, as in arXiv 2502.07316. A benchmark is a file of
JSON lines; all text in its rows counts. Rows that are programs of the parsed format (`refcode`,
`ios`) are compared by behaviour as well.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stages.records import Program

GRAM = 13
WORD = re.compile(r"\w+")


@dataclass(slots=True)
class Benchmarks:
    """What is known of the benchmarks: 8 bytes of each 13-gram and the behaviour clusters, with the
    benchmarks' names."""

    grams: dict[bytes, str] = field(default_factory=dict)
    behaviours: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, row: Any) -> None:
        """Takes in the 13-grams of all texts of a row."""
        for text in texts(row):
            for gram in grams(text):
                self.grams.setdefault(gram, name)

    def matches(self, program: Program) -> list[dict[str, str]]:
        """The benchmarks that hold something of the program: [{benchmark, how}], each once, in
        order."""
        found: dict[tuple[str, str], None] = {}
        sections = program.sections
        for text in (sections.statement, sections.description, sections.code):
            for gram in grams(text):
                if gram in self.grams:
                    found.setdefault((self.grams[gram], "13-gram"))
        behaviour = program.cluster and program.cluster.behaviour
        if behaviour in self.behaviours:
            found.setdefault((self.behaviours[behaviour], "behaviour"))
        return [{"benchmark": name, "how": how} for name, how in sorted(found)]


def texts(row: Any) -> Iterator[str]:
    """All texts in a JSON value, keys aside."""
    stack = [row]
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def grams(text: str) -> Iterable[bytes]:
    """The hashed 13-grams of a text; a shorter one has none."""
    words = WORD.findall(text.lower())
    for place in range(len(words) - GRAM + 1):
        yield hashlib.blake2b(
            " ".join(words[place : place + GRAM]).encode(), digest_size=8
        ).digest()
