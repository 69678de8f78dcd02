"""Program -> Program, for programs that come with recorded pairs of others: each pair is run again,
under the gate."""

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
FEWEST_RECORDED = 3
"""So many recorded pairs tell that a program's outputs are all, or nearly all, the same."""


@dataclass(frozen=True, slots=True)
class Review:
    """Program -> Program, for programs that come with recorded pairs of others: each pair is run
    again, under the gate.

    Counts its steps and sees whether the function changes its argument. A program with a pair that
    does not come again is rejected with its class: one of the gate's, `mutation` (the recorded
    input is what the call made of it), or `mismatch`. A recorded output that only differs by
    rounding is replaced by what this guest gives. A program of our own is passed on as it is.
    """

    sandbox: Runner
    profile: Profile
    likeness: Likeness

    async def __call__(self, program: Program) -> tuple[Program | Reject]:
        if program.gated:
            return (await self.likeness.tagged(program),)
        absent = missing(program.sections.code, self.sandbox.guest.modules)
        if absent:
            return (
                Reject(
                    id=program.id,
                    kind="program",
                    reason="module",
                    detail=f"Not there: {', '.join(absent)}.",
                ),
            )
        valid = tuple(pair for pair in program.pairs if "invalid" not in pair.tags)
        if not valid:
            return (
                Reject(
                    id=program.id,
                    kind="program",
                    reason="no_pairs",
                    detail="No recorded pair is plain JSON.",
                ),
            )
        code, seed = program.sections.code, seed_of(program.id)
        inputs = tuple(pair.input for pair in valid)
        job = Job(code=code, entrypoint=program.entrypoint, arguments=inputs, seed=seed)
        runs = await traced(self.sandbox, job, even_all=True)
        fault = await self._fault(program, job, valid, runs)
        if fault is not None:
            return (
                Reject(id=program.id, kind="program", reason=fault.kind, detail=fault.evidence),
            )
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
        """Why the recorded pairs do not all come again, or None."""
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
        kind = "mutation" if changes else "mismatch"
        return Fault(
            kind,
            f"The recorded input {short(pair.input)} gave {short(pair.output)}, now {short(given)}.",
        )

    async def _changes_arguments(self, program: Program, job: Job) -> bool:
        """Whether a call is ever seen to change its argument.

        What is recorded after a call may be beyond changing again, so probes are tried.
        """
        probes = bank(signature_of(program))[:PROBED]
        probing = replace(job, arguments=probes, total_cpu_s=CPU_OF_PROGRAM_S, trace=Trace(EVENTS))
        runs = await self.sandbox.run_many(probing, urgency=Urgency.GENERATION)
        return any(run.mutated for run in runs)


def _reviewed(pair: Pair, run: Run) -> Pair:
    """A recorded pair with what its run has shown."""
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
