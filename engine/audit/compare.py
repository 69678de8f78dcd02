"""Compares two rows: the one that was written, and the one that was made again."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from stages.execution.runs import short
from stages.rows.samples import NEAR

ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
OF_META = (
    "id",
    "question",
    "direction",
    "program",
    "pair",
    "sample",
    "variant",
    "input",
    "output",
    "guess",
    "steps",
    "tags",
)
OF_TURN = ("answer", "verdict", "match", "read", "got", "error", "out_of_domain")
OF_PROGRAM = frozenset({"steps", "tags", "guess", "out_of_domain"})
"""Fields that a sample takes from its program's row. Not compared where that row is reported."""


def differences(written: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The names of the fields that differ, each with the difference in words."""
    for name in [name for name in written if name.startswith("feedback_")]:
        if _plain(written[name]) != _plain(made[name]):
            yield (
                name,
                f"{name}: {_shown(written[name])}, and {_shown(made[name])} when judged again",
            )
    before, now = written["meta"], made["meta"]
    for number, (old, new) in enumerate(zip(before["turns"], now["turns"], strict=True), 1):
        for name in OF_TURN:
            if _plain(old.get(name)) != _plain(new.get(name)):
                again = f"{_shown(old.get(name))}, and {_shown(new.get(name))} when judged again"
                yield name, f"meta.turns[{number}].{name}: {again}"
    for name in OF_META:
        if name not in now:
            continue
        old, new = before.get(name), now[name]
        if name == "tags":
            # Whether a limit was near depends on the machine, and differs from run to run.
            old, new = ([tag for tag in tags if tag not in NEAR] for tags in (old or (), new))
        if old != new:
            yield name, f"meta.{name}: {_shown(old)}, and {_shown(new)} when made again"


def _plain(value: Any) -> Any:
    """A text without the addresses of objects, which differ in each process."""
    return ADDRESS.sub("0x", value) if isinstance(value, str) else value


def _shown(value: Any) -> str:
    return short(json.dumps(value, ensure_ascii=False))
