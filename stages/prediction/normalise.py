"""The code as a question shows it: without template comments, unused imports and main docstring.

The text is edited by lines, so that the author's layout stays. The result is compared with the
original's syntax tree. If anything else has changed, the question shows the original.
"""

import ast
import re
from functools import lru_cache

TEMPLATE_COMMENT = re.compile(
    r"^\s*#\s*(import necessary packages|main function"
    r"|all class and function definitions in the code file.*"
    r"|they will be used in the main_solution function.*)\s*$",
    re.IGNORECASE,
)
"""Comments of the reference's example of a program, which models copy.

Source: hkust-nlp/CodeIO, the prompt that unifies source files.
"""


# All questions of a program show the same code, and they are made one after another.
@lru_cache(maxsize=64)
def normalised(code: str, entrypoint: str = "main_solution") -> str:
    """The code of a program as its questions show it, or `code` itself where that is not safe."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return code
    gone = _unused_imports(tree) + _docstring(tree, entrypoint)
    lines = code.split("\n")
    for node in gone:
        assert node.end_lineno is not None
        # Lines are marked and not removed, since the numbers in the tree have to hold.
        if _alone(lines, node):
            for number in range(node.lineno - 1, node.end_lineno):
                lines[number] = "\0"
        else:
            return code
    strings = _string_lines(tree)
    kept = [
        line.rstrip() if number not in strings else line
        for number, line in enumerate(lines, 1)
        if line != "\0" and not (TEMPLATE_COMMENT.match(line) and number not in strings)
    ]
    shown = "\n".join(kept)
    # Blank lines in a string of several lines are part of its value.
    if not strings:
        shown = re.sub(r"\n{4,}", "\n\n\n", shown)
    shown = shown.strip("\n")
    return shown if _same(shown, tree, gone) else code


def _alone(lines: list[str], node: ast.stmt) -> bool:
    """Whether nothing but a comment shares the node's lines."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    # The tree counts columns in UTF-8 bytes.
    before = lines[node.lineno - 1].encode()[: node.col_offset]
    after = lines[node.end_lineno - 1].encode()[node.end_col_offset :].strip()
    return not before.strip() and (not after or after.startswith(b"#"))


def _unused_imports(tree: ast.Module) -> list[ast.stmt]:
    """Top-level imports of which no name is used. A star or future import always stays."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    # A short string may be an annotation in quotes, or be evaluated. A long one is prose.
    used |= {
        word
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in re.findall(r"\w+", node.value)
        if len(node.value) < 100
    }
    gone: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
            if not names & used and "*" not in names and not future:
                gone.append(node)
    return gone


def _docstring(tree: ast.Module, entrypoint: str) -> list[ast.stmt]:
    """The docstring of the main function, unless that has no other statement."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == entrypoint and len(node.body) > 1:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                return [first]
    return []


def _string_lines(tree: ast.Module) -> set[int]:
    """Numbers of the lines that stand inside strings of several lines."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Constant, ast.JoinedStr))
            and node.end_lineno
            and node.end_lineno > node.lineno
        ):
            inside.update(range(node.lineno, node.end_lineno + 1))
    return inside


def _same(shown: str, tree: ast.Module, gone: list[ast.stmt]) -> bool:
    """Whether the tree of `shown` is `tree` without the statements `gone`. Changes `tree`."""
    try:
        found = ast.parse(shown)
    except (SyntaxError, ValueError, RecursionError):
        return False
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and any(item in gone for item in body):
            node.body = [item for item in body if item not in gone]  # type: ignore[attr-defined]
    return ast.dump(found) == ast.dump(tree)
