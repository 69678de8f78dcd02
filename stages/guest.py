"""What a program imports, which of that a guest has, and the guest as rows describe it."""

import ast
import sys
from collections.abc import Collection
from typing import Any

from sandbox import Guest


def imported(code: str) -> tuple[str, ...]:
    """The top-level names of all modules that the code imports, sorted.

    A relative import is named ".". Code that does not parse has none.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add("." if node.level else (node.module or "").split(".")[0])
    return tuple(sorted(names))


def missing(code: str, there: Collection[str]) -> tuple[str, ...]:
    """The imported modules that a guest lacks. there: the modules that it has."""
    return tuple(
        name
        for name in imported(code)
        if name not in there and name not in sys.builtin_module_names
    )


def guest_packages(there: Collection[str]) -> tuple[str, ...]:
    """The well-known packages that a guest has, as programs import them."""
    return tuple(name for name in ("numpy", "pandas", "scipy", "sympy") if name in there)


def import_class(code: str, packages: Collection[str]) -> str:
    """What a source file depends on, as one word for its yield in the report.

    unread: it is no Python 3. none: it imports nothing. local: it has a relative import. standard:
    it imports only the standard library. packages: also some of `packages`, and no others. other:
    the rest.
    """
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return "unread"
    names = imported(code)
    if not names:
        return "none"
    if "." in names:
        return "local"
    others = [name for name in names if name not in sys.stdlib_module_names]
    if not others:
        return "standard"
    return "packages" if all(name in packages for name in others) else "other"


def environment(guest: Guest) -> dict[str, Any]:
    """The guest as it stands in programs.jsonl: versions that a program's pairs may depend on."""
    packages = dict(package.split("==", 1) for package in guest.packages)
    return {
        "python": guest.version,
        "implementation": guest.implementation,
        "platform": guest.platform,
        "packages": {
            name: packages[name]
            for name in ("numpy", "scipy", "pandas", "sympy")
            if name in packages
        },
    }
