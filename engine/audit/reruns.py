"""The programs of a run folder, found by id and run again under the gate, for an audit."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.audit.findings import Audit, Finding
from engine.source.lines import row_of
from sandbox import Job, Run, Sandbox
from stages.errors import Rejected
from stages.execution.gate import Gate
from stages.execution.runs import short, traced
from stages.guest import environment
from stages.records import Pair, Program, Question, seed_of
from stages.rows.entries import Entry

HELD = 64
"""Programs that are kept in memory."""
OF_PAIR = ("steps", "lines", "mutates", "coerced")


@dataclass(slots=True, kw_only=True)
class Known:
    """A program of the folder, once it has been run again.

    failed: the ids of its pairs that do not reproduce. named: it is reported. posed: its questions,
    by id, once they were posed again.
    """

    program: Program
    failed: frozenset[str] = frozenset()
    named: bool = False
    posed: Mapping[str, Question] | None = None


class Reruns:
    """An index of the programs in some files. Each program is run again once.

    vouched: whether the run itself has gated them.
    """

    def __init__(self, box: Sandbox, entry: Entry, found: Audit, *, vouched: bool) -> None:
        self.box = box
        self.entry = entry
        self.found = found
        self.vouched = vouched
        self._places: dict[str, tuple[Path, int, int]] = {}
        self._failed: dict[str, frozenset[str]] = {}
        self._named: set[str] = set()
        self._held: OrderedDict[str, asyncio.Future[Known]] = OrderedDict()

    def __contains__(self, id_: object) -> bool:
        return id_ in self._places

    def index(self, path: Path) -> None:
        """Notes where each program stands, and reports the lines that hold none."""
        for number, (offset, raw) in enumerate(lines_of(path), 1):
            try:
                program = self._parsed(raw, path, number)
            except Rejected as exc:
                self.found.findings.append(
                    Finding(file=path.name, line=number, id="", what=exc.detail)
                )
                continue
            self._places.setdefault(program.id, (path, offset, number))

    def _parsed(self, raw: bytes, path: Path, number: int) -> Program:
        row = row_of(raw, path.name, number)
        if row.fields is None:
            raise Rejected("bad_row", row.detail)
        origin = self.entry.origin(
            row.fields, file=path.name, line=number, index=number - 1, occurrence=0
        )
        program = self.entry.record(row.fields, origin, None)
        assert isinstance(program, Program)
        return program

    async def known(self, id_: str) -> Known:
        """The program of this id, run again. Raises: KeyError."""
        if id_ in self._held:
            self._held.move_to_end(id_)
            return await self._held[id_]
        path, offset, number = self._places[id_]
        flight = self._held[id_] = asyncio.get_running_loop().create_future()
        with path.open("rb") as file:
            file.seek(offset)
            raw = file.readline()
        fields = row_of(raw, path.name, number).fields or {}
        program = self._parsed(raw, path, number)
        try:
            if id_ not in self._failed:
                self._failed[id_] = await self._run_again(program, fields)
            known = Known(program=program, failed=self._failed[id_], named=id_ in self._named)
            flight.set_result(known)
        finally:
            if not flight.done():
                flight.cancel()
        # A program whose rerun is under way stays: the next that needs it must wait for that rerun
        # and not start another.
        while len(self._held) > HELD and next(iter(self._held.values())).done():
            self._held.popitem(last=False)
        return known

    async def _run_again(self, program: Program, fields: Mapping[str, Any]) -> frozenset[str]:
        """The ids of the pairs that do not reproduce. The first fault becomes a finding."""
        pairs = [pair for pair in program.pairs if "invalid" not in pair.tags]
        if not self.vouched or not pairs:
            return frozenset()  # a program from outside, which the run has not gated
        self.found.programs += 1
        self.found.pairs += len(pairs)
        job = Job(
            code=program.sections.code,
            entrypoint=program.entrypoint,
            arguments=tuple(pair.input for pair in pairs),
            seed=seed_of(program.id),
        )
        faults, failed = await self._traced(program, pairs, job)
        written = [row.get("id") for row in fields.get("pairs", [])]
        if written != [pair.id for pair in program.pairs]:
            faults.append("the ids of its pairs are not those of their inputs")
            failed |= {pair.id for pair in pairs} - set(written)
        if not faults and program.gated:
            fault = await Gate(self.box).fault(job, pairs)
            if fault is not None:
                faults.append(f"{fault.kind}: {fault.evidence}")
                failed |= {pair.id for pair in pairs}
        if program.sections.check and not faults:
            check = Job(
                code=program.sections.check, entrypoint="input_check", arguments=job.arguments
            )
            checks = zip(pairs, await self.box.run_many(check), strict=True)
            refused = [pair.input for pair, run in checks if run.value != "true"]
            faults += [f"input_check refuses {short(text)}" for text in refused]
        if faults:
            self._named.add(program.id)
            self.found.findings.append(self.finding(program.id, faults[0]))
        return frozenset(failed)

    async def _traced(
        self, program: Program, pairs: Sequence[Pair], job: Job
    ) -> tuple[list[str], set[str]]:
        """The faults that traced runs show, and the ids of the pairs with another output.

        Steps and lines are compared only where the guest is like the one that counted them.
        """
        here = program.generation.environment == environment(self.box.guest)
        self.found.elsewhere += not here
        faults: list[str] = []
        failed: set[str] = set()
        runs = await traced(self.box, job, even_all=True)
        for pair, run in zip(pairs, runs, strict=True):
            if run.value != pair.output:
                given = short(run.value if run.value is not None else f"{run.status}: {run.error}")
                where = f"the input {short(pair.input)}"
                faults.append(f"{where} gives {given}, not {short(pair.output)}")
                failed.add(pair.id)
            elif here:
                faults += _other_figures(pair, run)
        return faults, failed

    def finding(self, id_: str, what: str) -> Finding:
        path, _, number = self._places[id_]
        return Finding(file=path.name, line=number, id=id_, what=what)


def _other_figures(pair: Pair, run: Run) -> list[str]:
    """The figures of a pair, besides its output, that a run shows to be others."""
    now = replace(pair, steps=run.steps, lines=run.lines, mutates=run.mutated, coerced=run.coerced)
    return [
        f"{name} of the input {short(pair.input)}: {getattr(now, name)}, not {getattr(pair, name)}"
        for name in OF_PAIR
        if getattr(pair, name) != getattr(now, name)
    ]


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their offsets in bytes."""
    offset = 0
    with path.open("rb") as file:
        for raw in file:
            yield offset, raw
            offset += len(raw)
