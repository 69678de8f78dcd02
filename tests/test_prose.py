"""The pages can be read: short pages, short sentences, and none joined to the next by a semicolon.

A page is README.md or any file below docs/. Its words are all that `wc -w` counts. Its sentences
are those of its paragraphs and list items: code blocks, tables, headings and comments hold none.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
]
MOST_WORDS, MOST_WORDS_OF_README = 1500, 900
MEAN_WORDS, TENTH_WORDS = 17.0, 28
"""Words of a sentence: in the mean of a page, and what nine of ten sentences stay within."""
NO_PROSE = re.compile(r"^ *(```|~~~).*?^ *\1[^\n]*$|<!--.*?-->", re.DOTALL | re.MULTILINE)
BREAK = re.compile(r"^\s*(\||#|---+$|$)")
ITEM = re.compile(r"^\s*([-*+]|\d+\.)\s+")
CODE = re.compile(r"(`+)(.+?)\1")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|<?https?://[^\s>)]*[^\s>).,]>?")
ABBREVIATION = re.compile(r"\b(e\.g|i\.e|etc|vs|cf|approx|Fig|No)\.(?=\s+[\w(])")
END = re.compile(r"[.!?][\"')\]*_]*\s+")
REFERENCE = "docs/settings.md"
"""Made from the settings: tables to look things up in, a row for each of them."""


def blocks(text: str) -> Iterator[str]:
    """The paragraphs and list items of a page, each on one line."""
    lines: list[str] = []
    for line in [*NO_PROSE.sub("\n\n", text).splitlines(), ""]:
        if (BREAK.match(line) or ITEM.match(line)) and lines:
            yield " ".join(lines)
            lines = []
        if not BREAK.match(line):
            lines.append(ITEM.sub("", line).strip("> "))


def plain(block: str) -> str:
    """A block without marks: code keeps its number of words and no dots, a link is its text."""
    block = CODE.sub(lambda found: " ".join("X" for _ in found[2].split()), block)
    return ABBREVIATION.sub(r"\1", LINK.sub(lambda found: found[1] or "X", block))


def sentences(text: str) -> list[str]:
    """The sentences of a page. A dot in a path, version or file name has no space behind it."""
    found = [part for block in blocks(text) for part in END.split(plain(block))]
    return [part for part in found if re.search(r"\w", part)]


def lengths(text: str) -> list[int]:
    """The words of each sentence, in ascending order."""
    return sorted(
        sum(bool(re.search(r"\w", word)) for word in part.split()) for part in sentences(text)
    )


@pytest.mark.parametrize("page", [page for page in PAGES if page != REFERENCE])
def test_a_page_is_short(page: str) -> None:
    words = len((ROOT / page).read_text().split())
    assert words <= (MOST_WORDS_OF_README if page == "README.md" else MOST_WORDS)


@pytest.mark.parametrize("page", PAGES)
def test_the_sentences_of_a_page_are_short(page: str) -> None:
    found = lengths((ROOT / page).read_text()) or [0]
    assert sum(found) / len(found) <= MEAN_WORDS
    assert found[math.ceil(0.9 * len(found)) - 1] <= TENTH_WORDS


@pytest.mark.parametrize("page", PAGES)
def test_no_sentence_is_joined_by_a_semicolon(page: str) -> None:
    assert [part for part in sentences((ROOT / page).read_text()) if ";" in part] == []


def test_a_sentence_ends_where_a_reader_ends_it() -> None:
    text = "# A. B\n\nSee `a. b; c` in run.toml, e.g. version 3.11. It ends (here.) Yes!\n\n"
    text += "- One [x](y. z)\n- Two\n\n```sh\nNo. No; no.\n```\n| No. | no; |\n"
    assert lengths(text) == [1, 1, 2, 3, 9]
    assert not any(";" in part for part in sentences(text))
