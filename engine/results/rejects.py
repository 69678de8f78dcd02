"""The rejects of a run folder, as they stand."""

import json
from pathlib import Path
from typing import Any


def standing_rejects(folder: Path | None) -> list[dict[str, Any]]:
    """The lines of rejects.jsonl, of each reject the one with its highest attempt."""
    path = folder / "rejects.jsonl" if folder is not None else None
    if path is None or not path.exists():
        return []
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    with path.open("rb") as file:
        for line in file:
            reject = json.loads(line)
            key = (reject["kind"], reject["id"])
            if key not in latest or latest[key]["attempt"] < reject["attempt"]:
                latest[key] = reject
    return list(latest.values())
