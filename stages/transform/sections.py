"""Reads the sections of a transforming model's reply, or that the model declines.

Headings may have any level, case and numbering. They may be bold or underlined, and have a trailing
colon or extra words. Any fence and language tag will do, and the last fence need not be closed.
Sections may stand in any order, with other text around them.
"""

import ast
import re
from dataclasses import dataclass, replace
from typing import Literal

from stages.records import Fault, Sections

Name = Literal["code", "description", "generator", "statement", "check"]
CODE: frozenset[Name] = frozenset({"code", "generator", "check"})
TITLES: dict[Name, str] = {
    "code": "Main Function",
    "description": "Input Output Description",
    "generator": "Input Generator",
    "statement": "Problem Statement",
    "check": "Input Check",
}
PATTERNS: dict[Name, re.Pattern[str]] = {
    "code": re.compile(r"(main function|main solution|main code)"),
    "description": re.compile(
        r"(input (and )?output|i o|io) (descriptions?|requirements?|specification)"
    ),
    "generator": re.compile(r"input generators?( function)?"),
    "statement": re.compile(r"problem (statement|description)"),
    "check": re.compile(r"input (check(er)?|validator)( function)?"),
}
ATX = re.compile(r"^ {0,3}(#{1,6})\s+(.+?)\s*#*$")
BOLD = re.compile(r"^ {0,3}(?:\d+[.)]\s*)?(\*\*|__)(.+?)\1\s*:?\s*$")
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})\s*([\w+.-]*)\s*$")
UNDERLINE = re.compile(r"^ {0,3}(-{3,}|={3,})\s*$")
RULE = re.compile(r"(\n\s*(-{3,}|\*{3,}|_{3,})\s*)+$")
PROGRAM = re.compile(r"^program (\d+)\b")
DECLINED = re.compile(
    r"^[\s*_`>]*declined\s*:?[\s*_]*:?\s*(\w+)[\s*_:-]*(.*?)[\s*_]*$", re.IGNORECASE
)
CATEGORIES = frozenset({"config", "io", "web", "plot", "trivial", "other"})


@dataclass(frozen=True, slots=True)
class Declined:
    """That the model declines a file. category: one of CATEGORIES. why: in its own words."""

    category: str
    why: str


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a reply about one program, with what is wrong with it, if anything is."""

    sections: Sections
    fault: Fault | None


def read(reply: str) -> Declined | tuple[Part, ...]:
    """The programs of a reply in order, at least one, or that the model declines."""
    text = reply.replace("\r\n", "\n")
    programs = _found(text)
    # A reply with sections is no decline, even if a line of its code or its statement says so.
    if not any(programs):
        declined = _declined(text)
        if declined:
            return declined
    return tuple(_part(found) for found in programs)


def merged(base: Sections, reply: str, number: int = 1) -> Sections:
    """`base` with the sections that a repair's reply changes, or `base` itself if it changes none.

    number: which program of the reply is meant, from 1, if it gives several.
    """
    programs = _found(reply.replace("\r\n", "\n"))
    found = programs[min(number, len(programs)) - 1]
    changed = {name: text for name, text in found.items() if text and getattr(base, name) != text}
    return replace(base, **changed) if changed else base


def fault_of(sections: Sections) -> Fault | None:
    """What is wrong with the sections, as far as that shows before the code is run, or None."""
    missing = [
        TITLES[name]
        for name in ("code", "description", "generator", "statement")
        if not getattr(sections, name)
    ]
    if missing:
        return Fault("section", f"Missing: {', '.join(missing)}.")
    trees = {}
    for name in ("code", "generator", "check"):
        try:
            trees[name] = ast.parse(getattr(sections, name))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
            return Fault("syntax", f"{TITLES[name]}: {_place(exc)}")
    if function_of(trees["code"], "main_solution") is None:
        return Fault("main", "Main Function defines no function `main_solution` at module level.")
    generator = function_of(trees["generator"], "input_generator")
    if generator is None:
        return Fault(
            "generator", "Input Generator defines no function `input_generator` at module level."
        )
    if _required(generator.args):
        return Fault(
            "generator",
            f"`input_generator` takes arguments: {', '.join(_required(generator.args))}.",
        )
    if sections.check and function_of(trees["check"], "input_check") is None:
        return Fault("section", "Input Check defines no function `input_check` at module level.")
    return None


def function_of(tree: ast.Module, name: str) -> ast.FunctionDef | None:
    """The last module-level definition of a function, which is the one that counts, or None."""
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return found[-1] if found else None


def _required(args: ast.arguments) -> list[str]:
    """The names of the arguments without a default."""
    positional = args.posonlyargs + args.args
    required = positional[: len(positional) - len(args.defaults)]
    keywords = [
        arg
        for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if default is None
    ]
    return [arg.arg for arg in required + keywords]


def _place(exc: Exception) -> str:
    """What the parser found wrong, and where."""
    if isinstance(exc, SyntaxError):
        return f"{exc.msg}, in line {exc.lineno}: {(exc.text or '').strip()[:120]}"
    return f"{type(exc).__name__}: {exc}"


def _declined(text: str) -> Declined | None:
    for line in text.splitlines():
        found = DECLINED.match(line)
        if found:
            category = found[1].lower()
            why = found[2].strip(" -:*_`")
            if category in CATEGORIES:
                return Declined(category, why)
            return Declined("other", f"{found[1]} {why}".strip())
    return None


def _heading(line: str, below: str) -> str | None:
    """The text of a heading in plain lower-case words, or None for another line.

    below: the next line, which may underline this one.
    """
    atx, bold = ATX.match(line), BOLD.match(line)
    if atx:
        text = atx[2]
    elif bold:
        text = bold[2]
    elif UNDERLINE.match(below) and line.strip() and len(line) < 60:
        text = line
    else:
        # A line without any mark is only a heading if it is a title and nothing else.
        text = line.strip()
        exact = re.sub(r"^\d+[.)]\s*", "", text).rstrip(":").lower()
        if exact not in {title.lower() for title in TITLES.values()}:
            return None
    words = re.sub(r"[^a-z0-9]+", " ", text.lower().replace("&", " and ")).strip()
    return re.sub(r"^(section )?(\d+ )?(section )?(the )?", "", words)


def _named(heading: str) -> Name | None:
    """The section that a heading opens. Up to three extra words may follow its title."""
    for name, pattern in PATTERNS.items():
        found = pattern.match(heading)
        if found and len(heading[found.end() :].split()) <= 3:
            return name
    return None


def _found(text: str) -> list[dict[Name, str]]:
    """The sections of each program of the reply, in order, three programs at most."""
    lines = text.split("\n")
    programs: list[dict[Name, list[str]]] = [{}]
    current: list[str] = []
    fence = ""
    for number, line in enumerate(lines):
        mark = FENCE.match(line)
        # Inside of a fence a line such as "# Main function" is a comment, and no heading. Only a
        # fence of the same character, as long and without a language, closes it.
        if fence:
            if mark and mark[1][0] == fence[0] and len(mark[1]) >= len(fence) and not mark[2]:
                fence = ""
            current.append(line)
            continue
        if mark:
            fence = mark[1]
            current.append(line)
            continue
        heading = _heading(line, lines[number + 1] if number + 1 < len(lines) else "")
        if heading is not None and (opens := PROGRAM.match(heading)):
            current = []
            if int(opens[1]) > 1 and programs[-1]:
                programs.append({})
            continue
        name = _named(heading) if heading is not None else None
        # The first section of a name counts. A later one is part of the section that it stands in.
        if name is not None and name not in programs[-1]:
            current = programs[-1][name] = []
        elif not (UNDERLINE.match(line) and not current):
            current.append(line)
    return [
        {name: _body(name, "\n".join(body)) for name, body in program.items()}
        for program in programs[:3]
    ]


def _body(name: Name, text: str) -> str:
    """The text of a section. For code, the fenced block that defines the asked function."""
    if name not in CODE:
        return RULE.sub("", text.rstrip()).strip()
    blocks = _blocks(text)
    if not blocks:
        return RULE.sub("", text.rstrip()).strip()
    wanted = {"code": "main_solution", "generator": "input_generator", "check": "input_check"}[name]
    return next((block for block in blocks if f"def {wanted}" in block), blocks[0]).strip()


def _blocks(text: str) -> list[str]:
    """The texts of the fenced blocks, in order."""
    blocks: list[list[str]] = []
    fence = ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if fence and mark and mark[1][0] == fence[0] and len(mark[1]) >= len(fence) and not mark[2]:
            fence = ""
        elif fence:
            blocks[-1].append(line)
        elif mark:
            fence = mark[1]
            blocks.append([])
    return ["\n".join(block) for block in blocks]


def _part(found: dict[Name, str]) -> Part:
    sections = Sections(**{name: found.get(name, "") for name in TITLES})
    return Part(sections, fault_of(sections))
