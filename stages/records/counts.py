"""The names of what a run counts: dotted text in the journal, a tree in report.json.

Stages and the engine add counts under these names, each in the transaction of the row that it
belongs to, so that the report of a folder survives any kill. Nothing else writes or reads such a
name.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Counts = Mapping[str, int]
SAMPLES_SAVED = "samples_saved"
EQUALITIES_COMPARED = "equalities.compared"
KINDS_GLOB = "kinds.*"
"""An SQLite pattern for all counts of `kind`."""
_KINDS = KINDS_GLOB.removesuffix("*")
_SPENT = "spent|"


def kind(name: str, state: str) -> str:
    """Records of a kind (file, program, question) that were read, finished or rejected."""
    return f"kinds.{name}.{state}"


def reject(name: str, reason: str) -> str:
    return f"rejects.{name}.{reason}"


def missing_module(name: str) -> str:
    return f"missing_modules.{name}"


def panel(direction: str, *what: str) -> str:
    """Questions of the guess panel: `asked`, `won`, or `by` and the guess."""
    return ".".join(("panel", direction, *what))


def unasked(reason: str) -> str:
    return f"unasked.{reason}"


def sample(ending: str) -> str:
    return f"samples.{ending}"


def verdict(turn: int, direction: str, name: str | None) -> str:
    return f"verdicts.turn_{turn}.{direction}.{name}"


def verdict_by_output(output_type: str, turn: int, direction: str, name: str | None) -> str:
    return f"verdicts_by_output.{output_type}.{direction}.turn_{turn}.{name}"


def equality(name: str) -> str:
    return f"equalities.{name}"


def repair(what: str, fault: str) -> str:
    """Repairs by the fault that asked for them: `tried`, `won`, or their `tokens`."""
    return f"repairs.{what}.{fault}"


def produced(trait: str, what: str) -> str:
    """The yield of source files by a trait: how many `files`, and how many `programs` came of
    them."""
    return f"yield.{trait}.{what}"


def spent(model: str, role: str, what: str) -> str:
    """What a model has used in a role. Its parts are kept apart by bars, since model names hold
    dots."""
    return f"{_SPENT}{model}|{role}|{what}"


def spent_parts(name: str) -> tuple[str, str, str] | None:
    """The model, role and field of a name of `spent`; None for another. Journals of schema 2 had no
    roles."""
    if not name.startswith(_SPENT):
        return None
    model, *role, what = name.removeprefix(_SPENT).split("|")
    return model, role[0] if role else "", what


def of_kinds(counts: Counts) -> dict[str, int]:
    """The counts of records by kind."""
    return {name: count for name, count in counts.items() if name.startswith(_KINDS)}


def tree(counts: Counts) -> dict[str, Any]:
    """`a.b.c: n` as `{a: {b: {c: n}}}`, names in order; what was spent is left out."""
    found: dict[str, Any] = {}
    for name in _sorted(counts):
        *path, last = name.split(".")
        place = found
        for key in path:
            place = place.setdefault(key, {})
        place[last] = counts[name]
    return found


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith(_SPENT))
