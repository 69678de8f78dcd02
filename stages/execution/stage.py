"""Draft -> Program: draws inputs, runs them, and keeps the best pairs, which pass the gate.

The same program gives the same pairs in every run. Its generator's seed is a hash of its id, and
pools are bounded by counts and never by time. A program that exceeds its CPU time has no pairs at
all.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox import Drawing, Draws, Job, Run, Runner
from stages.execution.gate import Gate
from stages.execution.profile import Profile
from stages.execution.runs import (
    CPU_OF_PROGRAM_S,
    EVENTS,
    EVIDENCE_CHARACTERS,
    Outputs,
    is_long,
    short,
    signature_of_pairs,
    traced,
)
from stages.execution.selection import kept
from stages.guest import environment, imported, missing
from stages.likeness.likeness import Likeness
from stages.records import (
    Draft,
    Fault,
    Generation,
    Pair,
    Program,
    Reject,
    Tally,
    TransformQuestion,
    seed_of,
)
from stages.records.urgency import Urgency
from stages.repair.outcomes import settled, transform_json
from stages.repair.repair import Repairs
from stages.values.size import Size

FEWEST_INPUTS = 2
"""A program with fewer inputs cannot be used. Its profile asks for more."""
FUTURE = "from __future__ import"


class Faulty(Exception):
    """Raised inside this module when a program has a fault.

    fallback: the program that is used if no repair helps.
    """

    def __init__(self, fault: Fault, fallback: Program | None = None) -> None:
        super().__init__(fault.kind)
        self.fault = fault
        self.fallback = fallback


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Turns a draft into a program with pairs, or into a repair turn.

    pool: distinct inputs that are drawn. draws: calls of the generator, at most. pairs: how many
    pairs are kept.
    """

    sandbox: Runner
    profile: Profile
    repairs: Repairs
    likeness: Likeness
    pool: int = 50
    draws: int = 1000
    pairs: int = 10

    async def __call__(
        self, draft: Draft
    ) -> tuple[Program | TransformQuestion | Reject | Tally, ...]:
        try:
            program = await self._program(draft)
            return settled(draft, program, mended=True)
        except Faulty as exc:
            # A repair may leave a program worse than it was, so an earlier fallback is kept.
            fallback = exc.fallback or draft.fallback
            return self.repairs.of(replace(draft, fallback=fallback), exc.fault)

    async def _program(self, draft: Draft) -> Program:
        """The program of a draft with its pairs. Raises: Faulty, SandboxError, JobRefused."""
        assert draft.sections is not None
        code, seed = draft.sections.code, seed_of(draft.id)
        self._importable(code, draft.sections.generator)
        inputs, drawn = await self._inputs(draft, seed)
        pool, dropped = await self._pool(code, inputs, seed)
        if draft.sections.check:
            pool = await self._in_domain(draft.sections.check, pool)
        pairs, outputs = kept(pool, self.pairs), Outputs.of(pool)
        gate = await self._gate(_job(code, pairs, seed), pairs) if self.profile.gate else None
        weak = self._weaknesses(outputs, len(inputs), drawn.calls)
        program = Program(
            id=draft.id,
            origin=draft.question.origin,
            sections=draft.sections,
            pairs=pairs,
            outputs=outputs.different,
            modal_share=outputs.share,
            gated=gate is not None,
            tags=tuple(fault.kind for fault in weak),
            generation=Generation(
                seed=seed,
                draws=drawn.calls,
                raised=drawn.raised,
                distinct=len(inputs),
                pool=len(pool),
                dropped=dropped,
                outputs=outputs.different,
                modal_share=round(outputs.share, 4),
                commonest=outputs.repeated,
                signature=signature_of_pairs(pairs),
                imports=list(imported(code)),
                gate=gate,
                transform=transform_json(draft),
                environment=environment(self.sandbox.guest),
            ),
        )
        program = await self.likeness.tagged(program)
        if weak:
            raise Faulty(weak[0], program)
        return program

    def _weaknesses(self, outputs: Outputs, inputs: int, draws: int) -> list[Fault]:
        """Faults with which a program can still be used, the most serious first."""
        weak = []
        if outputs.share >= self.profile.skew:
            evidence = f"Of {outputs.count} inputs {outputs.times} give {short(outputs.commonest)}."
            weak.append(Fault(outputs.tag, evidence))
        if inputs < min(self.pool, self.profile.inputs):
            weak.append(_few_inputs(draws, inputs))
        return weak

    def _importable(self, *codes: str) -> None:
        for code in codes:
            absent = missing(code, self.sandbox.guest.modules)
            if absent:
                raise Faulty(Fault("module", f"Not there: {', '.join(absent)}."))

    async def _inputs(self, draft: Draft, seed: int) -> tuple[list[str], Draws]:
        """The distinct inputs of the right shape and size, and how they were drawn.

        Raises: Faulty.
        """
        assert draft.sections is not None
        size = self.profile.input_size
        drawing = Drawing(
            code=_together(draft.sections.code, draft.sections.generator),
            entrypoint="input_generator",
            calls=self.draws,
            distinct=self.pool,
            value_bytes=size.bytes,
            cpu_s=CPU_OF_PROGRAM_S,
            seed=seed,
        )
        drawn = await self.sandbox.draw(drawing, urgency=Urgency.GENERATION)
        fault = _drawing_fault(drawn)
        if fault is not None:
            raise Faulty(fault)
        inputs = [text for text in drawn.values if not size.excess(text)]
        if len(inputs) < FEWEST_INPUTS and (drawn.oversize or len(inputs) < len(drawn.values)):
            raise Faulty(Fault("too_large", "Nearly all inputs are over the limit."))
        if not all(isinstance(json.loads(text), dict) for text in inputs):
            raise Faulty(Fault("signature", "`input_generator` does not return a dictionary."))
        if len(inputs) < FEWEST_INPUTS:
            raise Faulty(_few_inputs(drawn.calls, len(inputs)))
        return inputs, drawn

    async def _pool(
        self, code: str, inputs: list[str], seed: int
    ) -> tuple[list[Pair], dict[str, int]]:
        """The pairs of all inputs that gave a usable output, and counts of the others by fault.

        Raises: Faulty.
        """
        job = Job(code=code, entrypoint="main_solution", arguments=tuple(inputs), seed=seed)
        runs = await traced(self.sandbox, job)
        if all(is_long(run) for run in runs):
            evidence = f"Even the input {short(inputs[0])} takes more than {EVENTS} executed lines."
            raise Faulty(Fault("long", evidence))
        if runs[0].phase == "load" and runs[0].status != "ok":
            raise Faulty(_ended(runs[0], "Loading the code", kind="load"))
        # Which inputs are out of CPU time differs between machines. Without them the pool would
        # differ as well, so a single one is the whole program's fault.
        slow = next((i for i, run in enumerate(runs) if run.status == "timeout"), None)
        if slow is not None:
            raise Faulty(
                Fault("too_slow", f"With the input {short(inputs[slow])}: {runs[slow].error}.")
            )
        pool: list[Pair] = []
        dropped: Counter[str] = Counter()
        faults: dict[str, Fault] = {}
        for text, run in zip(inputs, runs, strict=True):
            fault = _call_fault(text, run, self.profile.output_size)
            if fault is None:
                assert run.value is not None
                tags = ("long",) if is_long(run) else ()
                pool.append(
                    Pair(
                        input=text,
                        output=run.value,
                        steps=run.steps,
                        lines=run.lines,
                        coerced=run.coerced,
                        mutates=run.mutated,
                        near_limit=run.near_limit,
                        tags=tags,
                    )
                )
            else:
                dropped[fault.kind] += 1
                faults.setdefault(fault.kind, fault)
        # Large outputs alone say nothing against a program: they are dropped. Other faults of more
        # than half of the calls are its own.
        unsound = {kind: n for kind, n in dropped.items() if kind != "too_large"}
        if sum(unsound.values()) * 2 > len(runs) or (len(pool) < FEWEST_INPUTS and unsound):
            raise Faulty(faults[max(unsound, key=lambda kind: unsound[kind])])
        if len(pool) < FEWEST_INPUTS:
            raise Faulty(faults["too_large"])
        return pool, dict(dropped)

    async def _in_domain(self, check: str, pool: list[Pair]) -> list[Pair]:
        """The pool, if the program's own check accepts all its inputs. Raises: Faulty."""
        inputs = tuple(pair.input for pair in pool)
        job = Job(code=check, entrypoint="input_check", arguments=inputs)
        runs = await self.sandbox.run_many(job, urgency=Urgency.GENERATION)
        failed = next((run for run in runs if run.status != "ok"), None)
        if failed is not None:
            raise Faulty(Fault("input_check", f"`input_check` fails: {failed.error}"))
        passed = [pair for pair, run in zip(pool, runs, strict=True) if run.value == "true"]
        if len(passed) < len(pool):
            places = zip(pool, runs, strict=True)
            refused = short(next(pair.input for pair, run in places if run.value != "true"))
            evidence = f"It refuses {refused}, which `input_generator` made."
            raise Faulty(Fault("input_check", evidence))
        return passed

    async def _gate(self, job: Job, pairs: Sequence[Pair]) -> dict[str, Any]:
        """The conditions under which the pairs reproduce. Raises: Faulty if they do not."""
        gate = Gate(self.sandbox)
        fault = await gate.fault(job, pairs)
        if fault is not None:
            raise Faulty(fault)
        return gate.to_json()


def _job(code: str, pairs: Sequence[Pair], seed: int) -> Job:
    inputs = tuple(pair.input for pair in pairs)
    return Job(code=code, entrypoint="main_solution", arguments=inputs, seed=seed)


def _few_inputs(draws: int, inputs: int) -> Fault:
    return Fault("few_inputs", f"In {draws} draws it gave {inputs} different inputs.")


def _drawing_fault(drawn: Draws) -> Fault | None:
    """What is wrong with a generator, or None."""
    if drawn.run.status != "ok":
        return _ended(drawn.run, "Drawing inputs")
    if drawn.raised * 2 > drawn.calls:
        errors = "; ".join(drawn.errors)[:EVIDENCE_CHARACTERS]
        raised = f"`input_generator` raised in {drawn.raised} of {drawn.calls} calls"
        return Fault("raises", f"{raised}: {errors}")
    if drawn.invalid * 2 > drawn.calls:
        return Fault("unjson", f"`input_generator` returns {drawn.refused[0]}")
    return None


def _together(code: str, generator: str) -> str:
    """One text of both, so that a generator may use what the code imports or defines."""
    lines = generator.split("\n")
    # A future import must stand at the beginning of a file.
    return code + "\n\n\n" + "\n".join(line for line in lines if not line.startswith(FUTURE))


def _call_fault(text: str, run: Run, size: Size) -> Fault | None:
    """What is wrong with one call, or None."""
    if run.status == "ok":
        assert run.value is not None
        excess = size.excess(run.value)
        if not excess:
            return None
        return Fault("too_large", f"With the input {short(text)} the output has {excess}.")
    if run.status == "error":
        if run.error.startswith("TypeError: main_solution() "):
            return Fault("signature", f"{run.error}")
        return Fault("raises", f"With the input {short(text)}: {run.error}")
    if run.status == "invalid":
        return Fault("unjson", f"With the input {short(text)}, at the path given: {run.error}")
    return Fault(run.status, f"With the input {short(text)}: {run.error or run.status}")


def _ended(run: Run, doing: str, kind: str = "raises") -> Fault:
    """The fault of a run that ended before its calls. doing: what it was run for, in words."""
    if run.error.startswith("ModuleNotFoundError"):
        return Fault("module", run.error)
    if run.error.startswith("SyntaxError"):
        return Fault("syntax", run.error)
    if run.phase == "load":
        kind = "load"
    kinds = {"timeout": "too_slow", "error": kind, "invalid": "unjson"}
    return Fault(kinds.get(run.status, run.status), f"{doing}: {run.error or run.status}")
