"""Guards against repairs that change nothing, or hide a fault instead of mending it."""

import ast

from stages.records import Fault, Sections

SHRUNK = 0.5
"""A repair that leaves less than this share of the statements has replaced the program."""
SEEDING = frozenset({"seed", "default_rng", "Random", "RandomState"})
"""Functions whose arguments fix a random state."""
GUARDS = frozenset({"unchanged", "hidden"})
"""The kinds of faults that this module finds."""


def guarded(before: Sections, after: Sections) -> Fault | None:
    """What is wrong with a repair as such, or None. `after` is `before` if nothing changed."""
    if after is before:
        return Fault("unchanged", "The reply changes nothing.")
    try:
        old, new = ast.parse(before.code), ast.parse(after.code)
        old_generator, new_generator = ast.parse(before.generator), ast.parse(after.generator)
    except (SyntaxError, ValueError, RecursionError):
        # What does not parse cannot be compared. If it is the new code, that is a fault of its own.
        return None
    if _seeds(new) + _seeds(new_generator) > _seeds(old) + _seeds(old_generator):
        return Fault("hidden", "The repair adds a fixed random seed.")
    if _bare_excepts(new) > _bare_excepts(old):
        return Fault("hidden", "The repair adds a bare except.")
    if _early_constant(new) and not _early_constant(old):
        return Fault("hidden", "The repair makes the function return a constant at once.")
    if _statements(new) < SHRUNK * _statements(old):
        return Fault("hidden", "The repair leaves less than half of the program.")
    return None


def _seeds(tree: ast.Module) -> int:
    """Calls that fix a random state."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return sum(
        getattr(call.func, "attr", getattr(call.func, "id", "")) in SEEDING and bool(call.args)
        for call in calls
    )


def _bare_excepts(tree: ast.Module) -> int:
    def bare(handler: ast.ExceptHandler) -> bool:
        return handler.type is None or (
            isinstance(handler.type, ast.Name) and handler.type.id == "BaseException"
        )

    return sum(bare(node) for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler))


def _early_constant(tree: ast.Module) -> bool:
    """Whether the main function returns a constant in its first statement."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "main_solution":
            body = [line for line in node.body if not isinstance(line, ast.Expr)]
            return bool(body) and isinstance(body[0], ast.Return) and _constant(body[0].value)
    return False


def _constant(value: ast.expr | None) -> bool:
    try:
        ast.literal_eval(value or ast.Constant(None))
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def _statements(tree: ast.Module) -> int:
    return sum(isinstance(node, ast.stmt) for node in ast.walk(tree))
