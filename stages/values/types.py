"""The types of JSON values: how they are derived, merged, and written in words."""

import ast
from collections.abc import Iterable, Sequence
from typing import Any


def signature(value: Any) -> str:
    """The type of a JSON value in words: `dict{a: int, b: list[str]}`."""
    if isinstance(value, dict):
        items = [f"{key}: {signature(item)}" for key, item in sorted(value.items())]
        return "dict{" + ", ".join(items) + "}"
    if isinstance(value, list):
        return "list[" + " | ".join(sorted({signature(item) for item in value})) + "]"
    names = {bool: "bool", int: "int", float: "float", str: "str", type(None): "null"}
    return names[type(value)]


Type = str | tuple[str, Any]
"""A scalar by name, ("list", element), ("record", {key: type}) or ("map", value type).

A record has the same keys in all values seen, and a map has not. `null` is the type of what was
null in all of them. `mixed` stands for types that have nothing in common.
"""


def type_of(value: Any) -> Type:
    """The type of one JSON value."""
    if isinstance(value, dict):
        return ("record", {key: type_of(item) for key, item in value.items()})
    if isinstance(value, list):
        return ("list", merged(type_of(item) for item in value))
    names = {bool: "bool", int: "int", float: "float", str: "str", type(None): "null"}
    return names[type(value)]


def merged(types: Iterable[Type]) -> Type:
    """The one type that holds all of these. What may be null counts as what it is otherwise."""
    found: Type = "null"
    for type_ in types:
        found = _both(found, type_)
    return found


def _both(a: Type, b: Type) -> Type:
    if a == b or b == "null":
        return a
    if a == "null":
        return b
    if isinstance(a, str) or isinstance(b, str):
        numbers = ("bool", "int", "float")  # each one holds those before it
        both = a in numbers and b in numbers
        return numbers[max(numbers.index(a), numbers.index(b))] if both else "mixed"
    if a[0] == b[0] == "list":
        return ("list", _both(a[1], b[1]))
    if "list" in (a[0], b[0]):
        return "mixed"
    if a[0] == b[0] == "record" and a[1].keys() == b[1].keys():
        return ("record", {key: _both(a[1][key], b[1][key]) for key in a[1]})
    return ("map", merged(item for type_ in (a, b) for item in _values(type_)))


def _values(type_: tuple[str, Any]) -> Iterable[Type]:
    return type_[1].values() if type_[0] == "record" else (type_[1],)


def parameters(code: str, entrypoint: str) -> tuple[str, ...]:
    """The names of a module-level function's parameters, in order. () where the code has none."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == entrypoint:
            return tuple(
                argument.arg
                for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            )
    return ()


def typed(inputs: Sequence[Any], order: Sequence[str]) -> tuple[tuple[str, Type], ...]:
    """The arguments of these inputs with their types, () where one is no object.

    order: the names of the parameters. Names that are not among them come last, sorted.
    """
    if not inputs or not all(isinstance(given, dict) for given in inputs):
        return ()
    names = sorted(
        set[str]().union(*inputs),
        key=lambda name: (order.index(name) if name in order else len(order), name),
    )
    return tuple(
        (name, merged(type_of(given[name]) for given in inputs if name in given)) for name in names
    )
