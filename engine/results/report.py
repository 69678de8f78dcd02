"""report.json: what went in, what came out, what was dropped and why, what it cost."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.results.snapshot import FolderTotals, Snapshot
from stages.records import SCHEMA, counts

Report = Mapping[str, Any]
PLAIN = (
    "samples", "verdicts", "rejects", "verdicts_by_output", "equalities", "repairs", "yield",
    "unasked",
)  # fmt: skip
"""Parts of the report that are the counts themselves."""


def report(snapshot: Snapshot, folder: FolderTotals) -> dict[str, Any]:
    """The report of the whole folder. Its counts come from the journal, and so survive kills."""
    endings = dict(folder.endings)
    finished = endings.pop("", 0)
    live = snapshot.live + snapshot.held_back
    tree = counts.tree(folder.counts)
    by_kind = Counter(counts.of_kinds(folder.counts)) + Counter(snapshot.live_counts)
    forecast, spending = snapshot.forecast, snapshot.spending
    modules = sorted(tree.get("missing_modules", {}).items(), key=lambda item: -item[1])
    return {
        "schema": SCHEMA,
        "source": {
            "read": finished + sum(endings.values()) + live,
            "finished": finished,
            "rejected": dict(sorted(endings.items())),
            "live": live,
        },
        "kinds": _kinds(by_kind),
        **{name: tree.get(name, {}) for name in PLAIN},
        "missing_modules": dict(modules),
        "cut_share": _cut_share(tree.get("verdicts", {})),
        "panel": _panel(tree.get("panel", {})),
        "samples_saved": tree.get(counts.SAMPLES_SAVED, 0),
        "spending": {
            **spending.details,
            "unit": "usd" if spending.priced else "tokens",
            "forecast": forecast
            and {role or "all": span.to_json() for role, span in forecast.items()},
        },
        "this_process": {
            "elapsed_s": round(snapshot.elapsed_s, 3),
            "effects_made": snapshot.made,
            "effects_replayed": snapshot.replayed,
        },
        "isolation": snapshot.isolation,
        "unseen_packages": list(snapshot.unseen_packages),
        "journal_bytes": folder.journal_bytes,
    }


def write_report(folder: Path, content: Report) -> None:
    """Replaces the folder's report.json. Raises: OSError."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    fresh = folder / "report.json.part"
    fresh.write_text(text)
    fresh.replace(folder / "report.json")


def _kinds(by_kind: counts.Counts) -> dict[str, dict[str, int]]:
    """read = finished + rejected + live for each kind of record."""
    found = {}
    for kind, states in counts.tree(by_kind).get("kinds", {}).items():
        row = {state: states.get(state, 0) for state in ("read", "finished", "rejected")}
        found[kind] = {**row, "live": row["read"] - row["finished"] - row["rejected"]}
    return found


def _cut_share(verdicts: Mapping[str, Any]) -> float | None:
    """The share of all answers that ended at their length limit."""
    by_name = Counter[str]()
    for turn in verdicts.values():
        for direction in turn.values():
            by_name.update(direction)
    return round(by_name["cut"] / by_name.total(), 4) if by_name else None


def _panel(directions: Mapping[str, Any]) -> dict[str, Any]:
    """How many of the asked questions fixed guesses win, by direction and by guess."""
    return {
        direction: {**found, "share": round(found.get("won", 0) / found["asked"], 4)}
        for direction, found in directions.items()
    }
