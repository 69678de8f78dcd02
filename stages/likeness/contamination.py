"""Whether a program is in a benchmark that its users will measure with.

It is if they share 13 words in a row, or if a program of the benchmark behaves alike. Case and
punctuation do not count. A benchmark is a file of JSON lines, and all text in its rows counts. Only
rows that are programs of the parsed format (`refcode`, `ios`) are compared by behaviour.

Source of the 13-grams: arXiv 2502.07316.
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
    """What is looked up of the benchmarks, with the name of a benchmark that holds it.

    grams: 8 bytes of a hash of each 13-gram, since a benchmark may have millions of them.
    behaviours: the behaviour clusters.
    """

    grams: dict[bytes, str] = field(default_factory=dict)
    behaviours: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, row: Any) -> None:
        """Takes in the 13-grams of all texts of a row."""
        for text in texts(row):
            for gram in grams(text):
                self.grams.setdefault(gram, name)

    def matches(self, program: Program) -> list[dict[str, str]]:
        """The benchmarks that hold something of the program, sorted: [{benchmark, how}]."""
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
    """All texts in a JSON value but its keys, in no order."""
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
    """The 13-grams of a text, each as 8 bytes of its hash. A shorter text has none."""
    words = WORD.findall(text.lower())
    for place in range(len(words) - GRAM + 1):
        gram = " ".join(words[place : place + GRAM])
        yield hashlib.blake2b(gram.encode(), digest_size=8).digest()
