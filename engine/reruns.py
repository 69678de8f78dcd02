"""The programs of a run folder, found by id and run again under the gate, for an audit."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.sources import row_of
from sandbox import Sandbox
from stages.entries import Entry
from stages.errors import Rejected
from stages.execution import traced
from stages.gate import Gate, environment, short
from stages.records import Program, Question, seed_of

HELD = 64
OF_PAIR = ("steps", "lines", "mutates", "coerced")


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that does not reproduce. line: from 1."""

    file: str
    line: int
    id: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {self.id}  {self.what}"


@dataclass(slots=True)
class Audit:
    """What an audit has looked at and found. near_limit: rows that differ where a limit is near,
    and are not held wrong."""

    programs: int = 0
    pairs: int = 0
    rows: int = 0
    answers: int = 0
    near_limit: int = 0
    elsewhere: int = 0
    """Programs that another guest (Python, packages, platform) has generated."""
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class Known:
    """A program of the folder, once it has been run again. failed: its pairs that do not come
    again; named: there is a finding of it; posed: its questions."""

    program: Program
    failed: frozenset[str] = frozenset()
    named: bool = False
    posed: Mapping[str, Question] | None = None


class Reruns:
    """An index of the programs in some files; each is run again once. vouched: whether the run
    itself has gated them."""

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
        """Notes where each program stands, and names what is no program."""
        for number, (offset, raw) in enumerate(lines_of(path), 1):
            try:
                program = self._parsed(raw, path, number)
            except Rejected as exc:
                self.found.findings.append(Finding(path.name, number, "", exc.detail))
                continue
            self._places.setdefault(program.id, (path, offset, number))

    def _parsed(self, raw: bytes, path: Path, number: int) -> Program:
        row = row_of(raw, path.name, number)
        if row.fields is None:
            raise Rejected("bad_row", row.detail)
        origin = self.entry.origin(row.fields, path.name, number, number - 1, 0)
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
            known = Known(program, self._failed[id_], id_ in self._named)
            flight.set_result(known)
        finally:
            if not flight.done():
                flight.cancel()
        while len(self._held) > HELD and next(iter(self._held.values())).done():
            self._held.popitem(last=False)
        return known

    async def _run_again(self, program: Program, fields: Mapping[str, Any]) -> frozenset[str]:
        """The ids of the pairs that do not come again; the first fault is a finding."""
        pairs = [pair for pair in program.pairs if "invalid" not in pair.tags]
        if not self.vouched or not pairs:
            return frozenset()  # a program of others, which the run has not vouched for
        self.found.programs += 1
        self.found.pairs += len(pairs)
        code, inputs, seed = (
            program.sections.code,
            [pair.input for pair in pairs],
            seed_of(program.id),
        )
        here = program.found.get("environment") == environment(self.box.guest)
        self.found.elsewhere += not here
        faults: list[str] = []
        failed: set[str] = set()
        runs = await traced(self.box, code, program.entrypoint, inputs, seed, even_all=True)
        for pair, run in zip(pairs, runs, strict=True):
            if run.value != pair.output:
                given = short(run.value if run.value is not None else f"{run.status}: {run.error}")
                faults.append(
                    f"the input {short(pair.input)} gives {given}, not {short(pair.output)}"
                )
                failed.add(pair.id)
            elif here:
                now = replace(
                    pair, steps=run.steps, lines=run.lines, mutates=run.mutated, coerced=run.coerced
                )
                faults += [
                    f"{name} of the input {short(pair.input)}: {getattr(now, name)}, not {getattr(pair, name)}"
                    for name in OF_PAIR
                    if getattr(pair, name) != getattr(now, name)
                ]
        told = fields.get("pairs", [])
        if [row.get("id") for row in told] != [pair.id for pair in program.pairs]:
            faults.append("the ids of its pairs are not those of their inputs")
            failed |= {pair.id for pair in pairs} - {row.get("id") for row in told}
        if not faults and program.gated:
            fault = await Gate(self.box).fault(code, program.entrypoint, pairs, seed)
            if fault is not None:
                faults.append(f"{fault.kind}: {fault.evidence}")
                failed |= {pair.id for pair in pairs}
        if program.sections.check and not faults:
            checks = await self.box.run_many(program.sections.check, "input_check", inputs)
            faults += [
                f"input_check refuses {short(pair.input)}"
                for pair, run in zip(pairs, checks, strict=True)
                if run.value != "true"
            ]
        if faults:
            self._named.add(program.id)
            self.found.findings.append(self.finding(program.id, faults[0]))
        return frozenset(failed)

    def finding(self, id_: str, what: str) -> Finding:
        path, _, number = self._places[id_]
        return Finding(path.name, number, id_, what)


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their offsets."""
    offset = 0
    with path.open("rb") as file:
        for raw in file:
            yield offset, raw
            offset += len(raw)
