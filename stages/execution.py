"""Draft -> Program: draws inputs, runs them, keeps the pairs worth asking about, and runs those
once more.

Pools are bounded by counts, never by time, so that the same program gives the same pairs in every
run; CPU time is a backstop that rejects the whole program. The generator is seeded from the
program's id.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox import Run, Runner, Trace
from stages.clusters import signature_of
from stages.equality import compare
from stages.gate import (
    CPU_OF_PROGRAM_S,
    EVIDENCE_CHARACTERS,
    GENERATION,
    Gate,
    environment,
    outcome,
    short,
)
from stages.imports import imported, missing
from stages.likeness import Likeness
from stages.probes import bank
from stages.profile import Profile
from stages.records import Draft, Fault, Pair, Program, Reject, Tally, TransformQuestion, seed_of
from stages.repair import Repairs, settled, transform_row
from stages.selection import kept
from stages.values import Size, signature, value_of

EVENTS = 300_000
FEWEST_INPUTS = 2
PROBED = 40
FEWEST_TOLD = 3
"""So many recorded pairs tell that a program's outputs are all, or nearly all, the same."""
FUTURE = "from __future__ import"


class Faulty(Exception):
    """Raised inside this module when a program shows a fault. fallback: what stands if nothing
    mends it."""

    def __init__(self, fault: Fault, fallback: Program | None = None) -> None:
        super().__init__(fault.kind)
        self.fault = fault
        self.fallback = fallback


@dataclass(frozen=True, slots=True)
class Execution:
    """pool: distinct inputs drawn, of at most `draws`; pairs: how many are kept."""

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
            fallback = exc.fallback or draft.fallback
            return self.repairs.of(replace(draft, fallback=fallback), exc.fault)

    async def _program(self, draft: Draft) -> Program:
        assert draft.sections is not None
        code, seed = draft.sections.code, seed_of(draft.id)
        self._importable(code, draft.sections.generator)
        inputs, drawn = await self._inputs(draft, seed)
        pool, dropped = await self._pool(code, inputs, seed)
        if draft.sections.check:
            pool = await self._in_domain(draft.sections.check, pool)
        counts = Counter(pair.output for pair in pool)
        pairs = kept(pool, self.pairs)
        gate = await self._gate(code, pairs, seed) if self.profile.gate else None
        commonest, times, share, tag = _commonest(counts)
        weak = []
        if share >= self.profile.skew:
            weak.append(Fault(tag, f"Of {len(pool)} inputs {times} give {short(commonest)}."))
        if len(inputs) < min(self.pool, self.profile.inputs):
            weak.append(
                Fault(
                    "few_inputs",
                    f"In {drawn['draws']} draws it gave {len(inputs)} different inputs.",
                )
            )
        found = {
            **drawn,
            "distinct": len(inputs),
            "pool": len(pool),
            "dropped": dropped,
            "outputs": len(counts),
            "modal_share": round(share, 4),
            "commonest": commonest if times > 1 else None,
            "signature": _signature(pairs),
            "imports": list(imported(code)),
            "gate": gate,
            "transform": transform_row(draft),
            "environment": environment(self.sandbox.guest),
        }
        program = Program(
            draft.id,
            draft.question.origin,
            draft.sections,
            pairs,
            outputs=len(counts),
            modal_share=share,
            gated=gate is not None,
            tags=tuple(fault.kind for fault in weak),
            found=found,
        )
        program = await self.likeness.tagged(program)
        if weak:
            raise Faulty(weak[0], program)
        return program

    def _importable(self, *codes: str) -> None:
        for code in codes:
            absent = missing(code, self.sandbox.guest.modules)
            if absent:
                raise Faulty(Fault("module", f"Not there: {', '.join(absent)}."))

    async def _inputs(self, draft: Draft, seed: int) -> tuple[list[str], dict[str, Any]]:
        """The distinct inputs of the right shape and size, and the counts of the drawing."""
        assert draft.sections is not None
        size = self.profile.input_size
        drawn = await self.sandbox.draw(
            _together(draft.sections.code, draft.sections.generator),
            "input_generator",
            calls=self.draws,
            distinct=self.pool,
            seed=seed,
            value_bytes=size.bytes,
            cpu_s=CPU_OF_PROGRAM_S,
            urgency=GENERATION,
        )
        if drawn.run.status != "ok":
            raise Faulty(_ended(drawn.run, "Drawing inputs"))
        if drawn.raised * 2 > drawn.calls:
            raise Faulty(
                Fault(
                    "raises",
                    f"`input_generator` raised in {drawn.raised} of {drawn.calls} calls: "
                    f"{'; '.join(drawn.errors)[:EVIDENCE_CHARACTERS]}",
                )
            )
        if drawn.invalid * 2 > drawn.calls:
            raise Faulty(Fault("unjson", f"`input_generator` returns {drawn.refused[0]}"))
        inputs = [text for text in drawn.values if not size.excess(text)]
        if len(inputs) < FEWEST_INPUTS and (drawn.oversize or len(inputs) < len(drawn.values)):
            raise Faulty(Fault("too_large", "Nearly all inputs are over the limit."))
        if not all(isinstance(json.loads(text), dict) for text in inputs):
            raise Faulty(Fault("signature", "`input_generator` does not return a dictionary."))
        if len(inputs) < FEWEST_INPUTS:
            raise Faulty(
                Fault(
                    "few_inputs", f"In {drawn.calls} draws it gave {len(inputs)} different inputs."
                )
            )
        counts = {"draws": drawn.calls, "raised": drawn.raised, "seed": seed}
        return inputs, counts

    async def _pool(
        self, code: str, inputs: list[str], seed: int
    ) -> tuple[list[Pair], dict[str, int]]:
        """The pairs of all inputs that gave a usable output, and why others did not."""
        runs = await traced(self.sandbox, code, "main_solution", inputs, seed)
        if all((run.steps or 0) > EVENTS for run in runs):
            raise Faulty(
                Fault(
                    "long",
                    f"Even the input {short(inputs[0])} takes more than {EVENTS} executed lines.",
                )
            )
        if runs[0].phase == "load" and runs[0].status != "ok":
            raise Faulty(_ended(runs[0], "Loading the code", kind="load"))
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
                tags = ("long",) if (run.steps or 0) > EVENTS else ()
                pool.append(
                    Pair(
                        text,
                        run.value,
                        run.steps,
                        run.lines,
                        run.coerced,
                        run.mutated,
                        run.near_limit,
                        tags,
                    )
                )
            else:
                dropped[fault.kind] += 1
                faults.setdefault(fault.kind, fault)
        unsound = {kind: n for kind, n in dropped.items() if kind != "too_large"}
        if sum(unsound.values()) * 2 > len(runs) or (len(pool) < FEWEST_INPUTS and unsound):
            raise Faulty(faults[max(unsound, key=lambda kind: unsound[kind])])
        if len(pool) < FEWEST_INPUTS:
            raise Faulty(faults["too_large"])
        return pool, dict(dropped)

    async def _in_domain(self, check: str, pool: list[Pair]) -> list[Pair]:
        runs = await self.sandbox.run_many(
            check, "input_check", [pair.input for pair in pool], urgency=GENERATION
        )
        failed = next((run for run in runs if run.status != "ok"), None)
        if failed is not None:
            raise Faulty(Fault("input_check", f"`input_check` fails: {failed.error}"))
        passed = [pair for pair, run in zip(pool, runs, strict=True) if run.value == "true"]
        if len(passed) < len(pool):
            refused = next(
                pair for pair, run in zip(pool, runs, strict=True) if run.value != "true"
            )
            raise Faulty(
                Fault(
                    "input_check",
                    f"It refuses {short(refused.input)}, which `input_generator` made.",
                )
            )
        return passed

    async def _gate(self, code: str, pairs: Sequence[Pair], seed: int) -> dict[str, Any]:
        gate = Gate(self.sandbox)
        fault = await gate.fault(code, "main_solution", pairs, seed)
        if fault is not None:
            raise Faulty(fault)
        return gate.row()


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
            return (Reject(program.id, "program", "module", f"Not there: {', '.join(absent)}."),)
        valid = tuple(pair for pair in program.pairs if "invalid" not in pair.tags)
        if not valid:
            return (Reject(program.id, "program", "no_pairs", "No recorded pair is plain JSON."),)
        code, seed = program.sections.code, seed_of(program.id)
        runs = await traced(
            self.sandbox,
            code,
            program.entrypoint,
            [pair.input for pair in valid],
            seed,
            even_all=True,
        )
        fault = await self._fault(program, valid, runs, seed)
        if fault is not None:
            return (Reject(program.id, "program", fault.kind, fault.evidence),)
        seen = {pair: _reviewed(pair, run) for pair, run in zip(valid, runs, strict=True)}
        commonest, times, share, tag = _commonest(Counter(pair.output for pair in seen.values()))
        few = share >= self.profile.skew and len(valid) >= FEWEST_TOLD
        found = {
            **program.found,
            "commonest": commonest if times > 1 else None,
            "signature": _signature(tuple(seen.values())),
            "imports": list(imported(code)),
            "gate": Gate(self.sandbox).row() if self.profile.gate else None,
            "environment": environment(self.sandbox.guest),
        }
        reviewed = replace(
            program,
            pairs=tuple(seen.get(pair, pair) for pair in program.pairs),
            found=found,
            gated=self.profile.gate,
            tags=_with(program.tags, tag if few else ""),
        )
        return (await self.likeness.tagged(reviewed),)

    async def _fault(
        self, program: Program, pairs: Sequence[Pair], runs: Sequence[Run], seed: int
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
            fault = await Gate(self.sandbox).fault(
                program.sections.code, program.entrypoint, now, seed
            )
            if fault is not None:
                return fault
        if not wrong:
            return None
        pair, run = wrong[0]
        given = run.value if run.value is not None else f"{run.status}: {run.error}"
        changes = any(run.mutated for run in runs) or await self._changes_arguments(program, seed)
        kind = "mutation" if changes else "mismatch"
        return Fault(
            kind,
            f"The recorded input {short(pair.input)} gave {short(pair.output)}, now {short(given)}.",
        )

    async def _changes_arguments(self, program: Program, seed: int) -> bool:
        """Whether a call is ever seen to change its argument. What is recorded after a call may be
        beyond changing again."""
        probes = bank(signature_of(program))[:PROBED]
        runs = await self.sandbox.run_many(
            program.sections.code,
            program.entrypoint,
            probes,
            seed=seed,
            urgency=GENERATION,
            total_cpu_s=CPU_OF_PROGRAM_S,
            trace=Trace(EVENTS),
        )
        return any(run.mutated for run in runs)


def _reviewed(pair: Pair, run: Run) -> Pair:
    """A recorded pair with what its run has shown."""
    assert run.value is not None
    tags = _with(pair.tags, "input_after_call" if run.mutated else "")
    tags = _with(tags, "long" if (run.steps or 0) > EVENTS else "")
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


def _commonest(counts: Counter[str]) -> tuple[str, int, float, str]:
    """The commonest output, how often it came, its share, and what a pool is called in which it is
    too common."""
    commonest, times = counts.most_common(1)[0]
    return commonest, times, times / counts.total(), "constant" if len(counts) == 1 else "skewed"


async def traced(
    sandbox: Runner,
    code: str,
    entrypoint: str,
    inputs: Sequence[str],
    seed: int,
    *,
    even_all: bool = False,
) -> list[Run]:
    """A traced run of each input, for its steps and lines; where it ends at its bound, a plain one
    for its value.

    even_all: also where every input ends at the bound.
    """
    runs = await sandbox.run_many(
        code,
        entrypoint,
        inputs,
        seed=seed,
        urgency=GENERATION,
        all_or_nothing=True,
        total_cpu_s=CPU_OF_PROGRAM_S,
        trace=Trace(EVENTS),
    )
    long = [number for number, run in enumerate(runs) if (run.steps or 0) > EVENTS]
    if long and (even_all or len(long) < len(runs)):
        plain = await sandbox.run_many(
            code,
            entrypoint,
            [inputs[number] for number in long],
            seed=seed,
            urgency=GENERATION,
            total_cpu_s=CPU_OF_PROGRAM_S,
            all_or_nothing=True,
        )
        for number, run in zip(long, plain, strict=True):
            runs[number] = replace(run, steps=runs[number].steps, lines=runs[number].lines)
    return runs


def _together(code: str, generator: str) -> str:
    """One text of both, so that a generator may lean on what the code imports or defines."""
    lines = generator.split("\n")
    return code + "\n\n\n" + "\n".join(line for line in lines if not line.startswith(FUTURE))


def _call_fault(text: str, run: Run, size: Size) -> Fault | None:
    """What is wrong with one call, or None."""
    if run.status == "ok":
        assert run.value is not None
        excess = size.excess(run.value)
        return (
            Fault("too_large", f"With the input {short(text)} the output has {excess}.")
            if excess
            else None
        )
    if run.status == "error":
        if run.error.startswith("TypeError: main_solution() "):
            return Fault("signature", f"{run.error}")
        return Fault("raises", f"With the input {short(text)}: {run.error}")
    if run.status == "invalid":
        return Fault("unjson", f"With the input {short(text)}, at the path given: {run.error}")
    return Fault(run.status, f"With the input {short(text)}: {run.error or run.status}")


def _ended(run: Run, doing: str, kind: str = "raises") -> Fault:
    """The fault of a run that never came to its calls."""
    if run.error.startswith("ModuleNotFoundError"):
        return Fault("module", run.error)
    if run.error.startswith("SyntaxError"):
        return Fault("syntax", run.error)
    if run.phase == "load":
        kind = "load"
    kinds = {"timeout": "too_slow", "error": kind, "invalid": "unjson"}
    return Fault(kinds.get(run.status, run.status), f"{doing}: {run.error or run.status}")


def _signature(pairs: Sequence[Pair]) -> str:
    takes = sorted({signature(value_of(pair.input)) for pair in pairs})
    gives = sorted({signature(value_of(pair.output)) for pair in pairs})
    return f"{' | '.join(takes)} -> {' | '.join(gives)}"
