"""One digest for all that a run folder says, measurements and machine aside."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.support.runs import rows

OF_PROGRAM = ("problem_description", "io_requirements", "refcode", "ios", "generator", "tags", "id")
OF_TURN = ("answer", "verdict", "match", "read", "got", "error", "feedback")


def digest_of(folder: Path) -> str:
    """A digest of ids, prompts, answers, verdicts, programs, pass rates and rejects, in no
    order."""
    said = [*map(_sample, rows(folder / "samples.jsonl"))]
    said += [
        [row["id"], row.get("answered", row.get("samples")), row["pass_rate"]]
        for row in rows(folder / "questions.jsonl")
    ]
    said += [[row[name] for name in OF_PROGRAM] for row in rows(folder / "programs.jsonl")]
    said += [
        [row[name] for name in ("id", "kind", "stage", "reason", "attempt")]
        for row in rows(folder / "rejects.jsonl")
    ]
    lines = sorted(json.dumps(one, sort_keys=True) for one in said)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _sample(row: dict[str, Any]) -> list[Any]:
    meta = row["meta"]
    spoken = [value for name, value in row.items() if name != "meta"]
    turns = [[turn.get(name) for name in OF_TURN] for turn in meta["turns"]]
    names = ("id", "question", "program", "pair", "input", "output", "guess", "steps")
    tags = [tag for tag in meta["tags"] if tag != "near_limit"]  # a measurement
    return [spoken, turns, tags, [meta[name] for name in names]]
