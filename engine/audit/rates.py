"""Adds up the samples of each question, to compare them with the question's line."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.audit.findings import Finding
from engine.audit.reruns import lines_of
from engine.source.lines import row_of


class Rates:
    """Counts samples by question: as they were judged again, and as their rows say."""

    def __init__(self) -> None:
        self._made: dict[str, Counter[str]] = {}
        self._written: dict[str, Counter[str]] = {}

    def add(
        self, question: str, *, made: Sequence[str | None], written: Sequence[str | None]
    ) -> None:
        """Counts a sample by the verdicts of its turns.

        made: as they were judged again. written: as its row says. A row whose verdicts differ is
        reported by itself. Then the line of its question may follow from either.
        """
        for kept, verdicts in ((self._made, made), (self._written, written)):
            counts = kept.setdefault(question, Counter())
            counts["answered"] += 1
            counts["right"] += verdicts[0] == "right"
            counts["right_after_revision"] += verdicts[-1] == "right"

    def wrong(self, path: Path) -> Iterator[Finding]:
        """The lines of questions that do not follow from their samples.

        Of the lines of one question only the last counts.
        """
        latest: dict[str, tuple[int, Mapping[str, Any]]] = {}
        for number, (_, raw) in enumerate(lines_of(path) if path.exists() else (), 1):
            fields = row_of(raw, path.name, number).fields
            if fields is None or not isinstance(fields.get("id"), str):
                yield Finding(file=path.name, line=number, id="", what="the line is no question")
            else:
                latest[fields["id"]] = number, fields
        for id_, (number, line) in latest.items():
            made, written = self._made.get(id_), self._written.get(id_)
            answered = line.get("answered", line.get("samples"))  # schema 1: samples
            if made is None or written is None or answered != made["answered"]:
                continue  # its samples were not judged again, or are not all one record's
            for name in ("right", "right_after_revision"):
                if line.get(name) not in (made[name], written[name]):
                    what = f"{name}: {line.get(name)}, and {made[name]} of its samples are"
                    yield Finding(file=path.name, line=number, id=id_, what=what)
                    break
