"""Program -> Program: runs the recorded pairs of programs that others made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sandbox import Job, Run, Runner, Trace
from stages.execution.gate import Gate
from stages.execution.profile import Profile
from stages.execution.runs import (
    CPU_OF_PROGRAM_S,
    EVENTS,
    Outputs,
    is_long,
    outcome,
    short,
    signature_of_pairs,
    traced,
)
from stages.guest import environment, imported, missing
from stages.likeness.clusters import signature_of
from stages.likeness.likeness import Likeness
from stages.likeness.probes import bank
from stages.records import Fault, Pair, Program, Reject, seed_of
from stages.records.urgency import Urgency
from stages.values.equality import compare

PROBED = 40
"""Probes that are tried to find whether a program changes its argument."""
FEWEST_RECORDED = 3
"""With fewer recorded pairs, equal outputs say nothing about the program."""


@dataclass(frozen=True, slots=True)
class Review:
    """Runs the recorded pairs of a program again, traced and under the gate.

    A program with a pair that does not reproduce is rejected, with its cause. That is one of the
    gate's, or `mutation` where the recorded input is what the call made of it, or `mismatch`. A
    recorded output that differs only by rounding is replaced by what this guest gives.

    A program of our own has been through the gate, and is only tagged.
    """

    sandbox: Runner
    profile: Profile
    likeness: Likeness

    async def __call__(self, program: Program) -> tuple[Program | Reject]:
        if program.gated:
            return (await self.likeness.tagged(program),)
        absent = missing(program.sections.code, self.sandbox.guest.modules)
        if absent:
            return _rejected(program, Fault("module", f"Not there: {', '.join(absent)}."))
        valid = tuple(pair for pair in program.pairs if "invalid" not in pair.tags)
        if not valid:
            return _rejected(program, Fault("no_pairs", "No recorded pair is plain JSON."))
        code, seed = program.sections.code, seed_of(program.id)
        inputs = tuple(pair.input for pair in valid)
        job = Job(code=code, entrypoint=program.entrypoint, arguments=inputs, seed=seed)
        runs = await traced(self.sandbox, job, even_all=True)
        fault = await self._fault(program, job, valid, runs)
        if fault is not None:
            return _rejected(program, fault)
        seen = {pair: _reviewed(pair, run) for pair, run in zip(valid, runs, strict=True)}
        outputs = Outputs.of(seen.values())
        few = outputs.share >= self.profile.skew and len(valid) >= FEWEST_RECORDED
        reviewed = replace(
            program,
            pairs=tuple(seen.get(pair, pair) for pair in program.pairs),
            generation=replace(
                program.generation,
                commonest=outputs.repeated,
                signature=signature_of_pairs(tuple(seen.values())),
                imports=list(imported(code)),
                gate=Gate(self.sandbox).to_json() if self.profile.gate else None,
                environment=environment(self.sandbox.guest),
            ),
            gated=self.profile.gate,
            tags=_with(program.tags, outputs.tag if few else ""),
        )
        return (await self.likeness.tagged(reviewed),)

    async def _fault(
        self, program: Program, job: Job, pairs: Sequence[Pair], runs: Sequence[Run]
    ) -> Fault | None:
        """Why the recorded pairs do not all reproduce, or None if they do."""
        wrong = [
            (pair, run)
            for pair, run in zip(pairs, runs, strict=True)
            if run.status != "ok"
            or run.value is None
            or not compare(run.value, pair.output, "close")
        ]
        slow = next(((pair, run) for pair, run in wrong if run.status == "timeout"), None)
        if slow is not None:
            return Fault(
                "too_slow", f"With the recorded input {short(slow[0].input)}: {slow[1].error}."
            )
        # The gate goes first, on the outputs of today. A program that does not reproduce here did
        # not do so when it was recorded, and that says more than a mismatch.
        if self.profile.gate:
            now = [
                replace(pair, output=outcome(run)) for pair, run in zip(pairs, runs, strict=True)
            ]
            fault = await Gate(self.sandbox).fault(job, now)
            if fault is not None:
                return fault
        if not wrong:
            return None
        pair, run = wrong[0]
        given = run.value if run.value is not None else f"{run.status}: {run.error}"
        changes = any(run.mutated for run in runs) or await self._changes_arguments(program, job)
        kind, gave = "mutation" if changes else "mismatch", short(pair.output)
        return Fault(
            kind, f"The recorded input {short(pair.input)} gave {gave}, now {short(given)}."
        )

    async def _changes_arguments(self, program: Program, job: Job) -> bool:
        """Whether any probe's call changes its argument."""
        # An input that was recorded after its call may not change again: a sorted list stays as it
        # is. So fresh inputs are tried.
        probes = bank(signature_of(program))[:PROBED]
        probing = replace(job, arguments=probes, total_cpu_s=CPU_OF_PROGRAM_S, trace=Trace(EVENTS))
        runs = await self.sandbox.run_many(probing, urgency=Urgency.GENERATION)
        return any(run.mutated for run in runs)


def _rejected(program: Program, fault: Fault) -> tuple[Reject]:
    return (Reject(id=program.id, kind="program", reason=fault.kind, detail=fault.evidence),)


def _reviewed(pair: Pair, run: Run) -> Pair:
    """A recorded pair with the results of its run."""
    assert run.value is not None
    tags = _with(pair.tags, "input_after_call" if run.mutated else "")
    tags = _with(tags, "long" if is_long(run) else "")
    return replace(
        pair,
        output=run.value,
        steps=run.steps,
        lines=run.lines,
        coerced=run.coerced,
        mutates=run.mutated,
        near_limit=run.near_limit,
        tags=tags,
    )


def _with(tags: tuple[str, ...], tag: str) -> tuple[str, ...]:
    return tags if not tag or tag in tags else (*tags, tag)
