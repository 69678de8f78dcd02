"""report.json and the summary: what went in, what came out, what was dropped and why, what it
cost."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.spending import SPENT
from stages.records import SCHEMA

if TYPE_CHECKING:
    from engine.core import Engine


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


async def report_of(engine: "Engine") -> dict[str, Any]:
    """The report of the whole folder: counts come from the journal, and so survive kills."""
    endings = await engine.journal.endings()
    finished = endings.pop("", 0)
    live = engine.flow.live + engine.flow.held_back
    counts = await engine.journal.counts()
    nested = _nested(counts)
    by_kind = Counter(counts) + engine.flow.live_counts
    foretold = engine.foretold(by_kind)
    return {
        "schema": SCHEMA,
        "source": {
            "read": finished + sum(endings.values()) + live,
            "finished": finished,
            "rejected": dict(sorted(endings.items())),
            "live": live,
        },
        "kinds": _kinds(by_kind),
        "samples": nested.get("samples", {}),
        "verdicts": nested.get("verdicts", {}),
        "rejects": nested.get("rejects", {}),
        "missing_modules": dict(
            sorted(nested.get("missing_modules", {}).items(), key=lambda item: -item[1])
        ),
        "verdicts_by_output": nested.get("verdicts_by_output", {}),
        "cut_share": _cut_share(nested.get("verdicts", {})),
        "equalities": nested.get("equalities", {}),
        "panel": _panel(nested.get("panel", {})),
        "repairs": nested.get("repairs", {}),
        "yield": nested.get("yield", {}),
        "unasked": nested.get("unasked", {}),
        "samples_saved": nested.get("samples_saved", 0),
        "spending": {
            **engine.spending.row(),
            "unit": "usd" if engine.spending.priced else "tokens",
            "forecast": foretold and {role or "all": span.row() for role, span in foretold.items()},
        },
        "this_process": {
            "elapsed_s": round(engine.statistics()["elapsed_s"], 3),
            "effects_made": engine.effects.made,
            "effects_replayed": engine.effects.replayed,
        },
        "isolation": engine.sandbox.isolation,
        "unseen_packages": list(engine.sandbox.guest.unseen),
        "journal_bytes": await engine.journal.size_bytes(),
    }


def _kinds(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """read = finished + rejected + live for each kind of record: of finished source rows, and of
    those live now."""
    tree = _nested(counts).get("kinds", {})
    rows = {
        kind: {name: found.get(name, 0) for name in ("read", "finished", "rejected")}
        for kind, found in tree.items()
    }
    return {
        kind: {**row, "live": row["read"] - row["finished"] - row["rejected"]}
        for kind, row in rows.items()
    }


def _cut_share(verdicts: Mapping[str, Any]) -> float | None:
    """The share of all answers that ended at their length limit."""
    by_kind = Counter[str]()
    for turn in verdicts.values():
        for direction in turn.values():
            by_kind.update(direction)
    return round(by_kind["cut"] / by_kind.total(), 4) if by_kind else None


def _panel(counts: Mapping[str, Any]) -> dict[str, Any]:
    """How many of the asked questions fixed guesses win, by direction and by guess."""
    return {
        direction: {**found, "share": round(found.get("won", 0) / found["asked"], 4)}
        for direction, found in counts.items()
    }


def _nested(counts: Mapping[str, int]) -> dict[str, Any]:
    """`a.b.c: n` as `{a: {b: {c: n}}}`."""
    tree: dict[str, Any] = defaultdict(dict)
    for name, count in sorted(
        (name, count) for name, count in counts.items() if not name.startswith(SPENT)
    ):
        *path, last = name.split(".")
        place: Any = tree
        for key in path:
            place = place.setdefault(key, {})
        place[last] = count
    return dict(tree)


async def write_report(engine: "Engine") -> None:
    folder = engine.config.folder
    if folder is None:
        return
    text = json.dumps(await report_of(engine), indent=2, ensure_ascii=False) + "\n"
    fresh = folder / "report.json.part"
    fresh.write_text(text)  # small, and once a run
    fresh.replace(folder / "report.json")


def summary(report: Mapping[str, Any]) -> list[str]:
    """The funnel, for a terminal."""
    source, kinds = report["source"], report["kinds"]
    rejected = sum(source["rejected"].values())
    equation = f"{source['finished']} finished + {rejected} rejected + {source['live']} live"
    lines = [f"source rows   {source['read']:>8} read  = {equation}"]
    for kind, name in (("program", "programs"), ("question", "questions")):
        if kind in kinds:
            one = kinds[kind]
            lines.append(
                f"{name:<13} {one['read']:>8} made  = {one['finished']} finished + {one['rejected']} rejected"
                f" + {one['live']} live"
            )
    if report["samples"]:
        total = sum(report["samples"].values())
        told = ", ".join(
            f"{count} {name.replace('_', ' ')}"
            for name, count in sorted(report["samples"].items(), key=_order)
        )
        lines.append(f"samples       {total:>8} rows  = {told}")
    for kind, reasons in report["rejects"].items():
        told = ", ".join(
            f"{count} {name}" for name, count in sorted(reasons.items(), key=lambda item: -item[1])
        )
        lines.append(f"rejected      {sum(reasons.values()):>8} {kind + 's':<9} {told}")
    if report["unasked"]:
        told = ", ".join(f"{count} {name}" for name, count in report["unasked"].items())
        lines.append(f"not asked     {sum(report['unasked'].values()):>8} pairs     {told}")
    here = report["this_process"]
    lines.append(
        f"this process  {here['elapsed_s']:.1f} s, {here['effects_made']} calls made, "
        f"{here['effects_replayed']} answered from the journal, {report['spending']['usd']:.4f} USD in all; "
        f"sandbox: {report['isolation']}"
    )
    return lines


def _order(item: tuple[str, int]) -> tuple[bool, str]:
    return (not item[0].startswith("right"), item[0])
