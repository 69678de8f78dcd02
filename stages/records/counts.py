"""The names of what a run counts: dotted text in the journal, a tree in report.json.

Stages and the engine add counts under these names. A count is committed together with the row that
it belongs to, so that a report survives any kill. No other module writes or reads such a name.
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
    """Rejects of a kind of record, by reason."""
    return f"rejects.{name}.{reason}"


def missing_module(name: str) -> str:
    """Programs that import a module which the guest lacks."""
    return f"missing_modules.{name}"


def panel(direction: str, *what: str) -> str:
    """Questions shown to the guess panel: `asked`, `won`, or `by` and the guess that won."""
    return ".".join(("panel", direction, *what))


def unasked(reason: str) -> str:
    """Pairs that gave no question, by the tag that kept them out."""
    return f"unasked.{reason}"


def sample(ending: str) -> str:
    """Finished samples, by how they ended."""
    return f"samples.{ending}"


def verdict(turn: int, direction: str, name: str | None) -> str:
    """Verdicts by turn, from 1, and direction."""
    return f"verdicts.turn_{turn}.{direction}.{name}"


def verdict_by_output(output_type: str, turn: int, direction: str, name: str | None) -> str:
    """The same, by the type of the recorded output as well."""
    return f"verdicts_by_output.{output_type}.{direction}.turn_{turn}.{name}"


def equality(name: str) -> str:
    """Compared values that an equality calls equal."""
    return f"equalities.{name}"


def repair(what: str, fault: str) -> str:
    """Repairs by the fault that they were asked for: `tried`, `won`, or their `tokens`."""
    return f"repairs.{what}.{fault}"


def produced(trait: str, what: str) -> str:
    """The yield of source files with a trait: how many `files`, and how many `programs`."""
    return f"yield.{trait}.{what}"


def spent(model: str, role: str, what: str) -> str:
    """What a model has used in a role. Bars divide the name, since names of models hold dots."""
    return f"{_SPENT}{model}|{role}|{what}"


def spent_parts(name: str) -> tuple[str, str, str] | None:
    """The model, role and field of a name that `spent` made, or None for another name."""
    if not name.startswith(_SPENT):
        return None
    # A journal of schema 2 has no roles in these names.
    model, *role, what = name.removeprefix(_SPENT).split("|")
    return model, role[0] if role else "", what


def of_kinds(counts: Counts) -> dict[str, int]:
    """The counts of records by kind."""
    return {name: count for name, count in counts.items() if name.startswith(_KINDS)}


def tree(counts: Counts) -> dict[str, Any]:
    """The counts as a tree, `a.b.c: n` as `{a: {b: {c: n}}}`, with names in order.

    What was spent is left out.
    """
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
