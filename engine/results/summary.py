"""The report in a few lines, for a terminal."""

from collections.abc import Iterable, Mapping

from engine.results.report import Report


def summary(report: Report) -> list[str]:
    """The lines: one for source rows, for each kind of record, for rejects, and for the process."""
    source, kinds = report["source"], report["kinds"]
    rejected = sum(source["rejected"].values())
    equation = f"{source['finished']} finished + {rejected} rejected + {source['live']} live"
    lines = [f"source rows   {source['read']:>8} read  = {equation}"]
    for kind in ("program", "question"):
        if kind in kinds:
            one = kinds[kind]
            lines.append(
                f"{kind + 's':<13} {one['read']:>8} made  = {one['finished']} finished + "
                f"{one['rejected']} rejected + {one['live']} live"
            )
    if samples := report["samples"]:
        endings = sorted(samples.items(), key=_right_first)
        shown = _listed((name.replace("_", " "), count) for name, count in endings)
        lines.append(f"samples       {sum(samples.values()):>8} rows  = {shown}")
    for kind, reasons in report["rejects"].items():
        shown = _listed(_commonest_first(reasons))
        lines.append(f"rejected      {sum(reasons.values()):>8} {kind + 's':<9} {shown}")
    if unasked := report["unasked"]:
        shown = _listed(unasked.items())
        lines.append(f"not asked     {sum(unasked.values()):>8} pairs     {shown}")
    here = report["this_process"]
    lines.append(
        f"this process  {here['elapsed_s']:.1f} s, {here['effects_made']} calls made, "
        f"{here['effects_replayed']} answered from the journal, "
        f"{report['spending']['usd']:.4f} USD in all; sandbox: {report['isolation']}"
    )
    return lines


def _listed(items: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {name}" for name, count in items)


def _commonest_first(found: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(found.items(), key=lambda item: -item[1])


def _right_first(item: tuple[str, int]) -> tuple[bool, str]:
    return not item[0].startswith("right"), item[0]
