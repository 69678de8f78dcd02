"""Draft -> Program: draws inputs, runs them, keeps the pairs worth asking about, and runs those once more.

Pools are bounded by counts, never by time, so that the same program gives the same pairs in every run;
CPU time is a backstop that rejects the whole program. The generator is seeded from the program's id.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox import Run, Runner, Trace
from stages.equality import compare
from stages.imports import imported, missing
from stages.profile import Profile
from stages.records import Draft, Fault, Pair, Program, Reject, TransformQuestion, seed_of
from stages.repair import Repairs, lost_draws, transform_row
from stages.selection import kept
from stages.values import Size, signature, value_of

CPU_OF_PROGRAM_S = 60.0
EVENTS = 300_000
GENERATION = 1
GATE_HASH_SEED = 1
GATE_VERSION = 1
FEWEST_INPUTS = 2
EVIDENCE_CHARACTERS = 300
FUTURE = "from __future__ import"


class Faulty(Exception):
    """Raised inside this module when a program shows a fault. fallback: what stands if nothing mends it."""

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
    pool: int = 50
    draws: int = 1000
    pairs: int = 10

    async def __call__(self, draft: Draft) -> tuple[Program | TransformQuestion | Reject, ...]:
        try:
            program = await self._program(draft)
            return (program, *lost_draws(program))
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
        commonest, times = counts.most_common(1)[0]
        share = times / len(pool)
        found = {
            **drawn, "distinct": len(inputs), "pool": len(pool), "dropped": dropped, "outputs": len(counts),
            "modal_share": round(share, 4), "signature": _signature(pairs), "imports": list(imported(code)),
            "gate": gate, "transform": transform_row(draft), "environment": self._environment(),
        }  # fmt: skip
        tag = "constant" if len(counts) == 1 else "skewed" if share >= self.profile.skew else ""
        program = Program(
            draft.id, draft.question.origin, draft.sections, pairs, outputs=len(counts), modal_share=share,
            gated=gate is not None, tags=(tag,) if tag and share >= self.profile.skew else (), found=found,
        )  # fmt: skip
        if program.tags:
            raise Faulty(Fault(tag, f"Of {len(pool)} inputs {times} give {_short(commonest)}."), program)
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
            _together(draft.sections.code, draft.sections.generator), "input_generator", calls=self.draws,
            distinct=self.pool, seed=seed, value_bytes=size.bytes, cpu_s=CPU_OF_PROGRAM_S, urgency=GENERATION,
        )  # fmt: skip
        if drawn.run.status != "ok":
            raise Faulty(_ended(drawn.run, "Drawing inputs"))
        if drawn.raised * 2 > drawn.calls:
            raise Faulty(Fault("raises", f"`input_generator` raised in {drawn.raised} of {drawn.calls} calls: "
                                         f"{'; '.join(drawn.errors)[:EVIDENCE_CHARACTERS]}"))  # fmt: skip
        if drawn.invalid * 2 > drawn.calls:
            raise Faulty(Fault("unjson", f"`input_generator` returns {drawn.refused[0]}"))
        inputs = [text for text in drawn.values if not size.excess(text)]
        if len(inputs) < FEWEST_INPUTS and (drawn.oversize or len(inputs) < len(drawn.values)):
            raise Faulty(Fault("too_large", "Nearly all inputs are over the limit."))
        if not all(isinstance(json.loads(text), dict) for text in inputs):
            raise Faulty(Fault("signature", "`input_generator` does not return a dictionary."))
        if len(inputs) < FEWEST_INPUTS:
            raise Faulty(Fault("few_inputs", f"In {drawn.calls} draws it gave {len(inputs)} different inputs."))
        counts = {"draws": drawn.calls, "raised": drawn.raised, "seed": seed}
        return inputs, counts

    async def _pool(self, code: str, inputs: list[str], seed: int) -> tuple[list[Pair], dict[str, int]]:
        """The pairs of all inputs that gave a usable output, and why others did not."""
        runs = await self._runs(code, inputs, seed)
        if runs[0].phase == "load" and runs[0].status != "ok":
            raise Faulty(_ended(runs[0], "Loading the code", kind="load"))
        slow = next((i for i, run in enumerate(runs) if run.status == "timeout"), None)
        if slow is not None:
            raise Faulty(Fault("too_slow", f"With the input {_short(inputs[slow])}: {runs[slow].error}."))
        pool: list[Pair] = []
        dropped: Counter[str] = Counter()
        faults: dict[str, Fault] = {}
        for text, run in zip(inputs, runs, strict=True):
            fault = _call_fault(text, run, self.profile.output_size)
            if fault is None:
                assert run.value is not None
                tags = ("long",) if (run.steps or 0) > EVENTS else ()
                pool.append(Pair(text, run.value, run.steps, run.lines, run.coerced, run.mutated, run.near_limit, tags))
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
        runs = await self.sandbox.run_many(check, "input_check", [pair.input for pair in pool], urgency=GENERATION)
        failed = next((run for run in runs if run.status != "ok"), None)
        if failed is not None:
            raise Faulty(Fault("input_check", f"`input_check` fails: {failed.error}"))
        passed = [pair for pair, run in zip(pool, runs, strict=True) if run.value == "true"]
        if len(passed) < len(pool):
            refused = next(pair for pair, run in zip(pool, runs, strict=True) if run.value != "true")
            raise Faulty(Fault("input_check", f"It refuses {_short(refused.input)}, which `input_generator` made."))
        return passed

    async def _runs(self, code: str, inputs: list[str], seed: int) -> list[Run]:
        """A traced run of each input, for its steps and lines; where it ends at its bound, a plain one for its value."""
        runs = await self.sandbox.run_many(code, "main_solution", inputs, seed=seed, urgency=GENERATION,
                                           total_cpu_s=CPU_OF_PROGRAM_S, trace=Trace(EVENTS))  # fmt: skip
        long = [number for number, run in enumerate(runs) if (run.steps or 0) > EVENTS]
        if len(long) == len(runs):
            raise Faulty(Fault("long", f"Even the input {_short(inputs[0])} takes more than {EVENTS} executed lines."))
        if long:
            plain = await self.sandbox.run_many(code, "main_solution", [inputs[number] for number in long], seed=seed,
                                                urgency=GENERATION, total_cpu_s=CPU_OF_PROGRAM_S)  # fmt: skip
            for number, run in zip(long, plain, strict=True):
                runs[number] = replace(run, steps=runs[number].steps, lines=runs[number].lines)
        return runs

    async def _gate(self, code: str, pairs: Sequence[Pair], seed: int) -> dict[str, Any]:
        """Every kept pair again, in another order, under another hash seed and other random numbers."""
        backwards = list(reversed(pairs))
        runs = await self.sandbox.run_many(code, "main_solution", [pair.input for pair in backwards], seed=seed + 1,
                                           hash_seed=GATE_HASH_SEED, urgency=GENERATION)  # fmt: skip
        for pair, run in zip(backwards, runs, strict=True):
            if run.status == "timeout":
                raise Faulty(Fault("too_slow", f"With the input {_short(pair.input)}: {run.error}."))
            if run.status != "ok" or run.value != pair.output:
                given = run.value if run.value is not None else run.error
                raise Faulty(Fault("irreproducible", f"The input {_short(pair.input)} gave {_short(pair.output)}, "
                                                     f"then {_short(given)}."))  # fmt: skip
        return {"version": GATE_VERSION, "hash_seeds": [0, GATE_HASH_SEED], "clocks": [],
                "isolation": self.sandbox.isolation}  # fmt: skip

    def _environment(self) -> dict[str, Any]:
        guest = self.sandbox.guest
        packages = dict(package.split("==", 1) for package in guest.packages)
        return {"python": guest.version, "implementation": guest.implementation, "platform": guest.platform,
                "packages": {name: packages[name] for name in ("numpy", "scipy", "pandas", "sympy") if name in packages}}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Review:
    """Program -> Program, for programs that come with recorded pairs of others: each pair is run again.

    Counts its steps and sees whether the function changes its argument; a recorded output that does not come
    again rejects the program. A program of our own is passed on as it is.
    """

    sandbox: Runner

    async def __call__(self, program: Program) -> tuple[Program | Reject]:
        if program.gated:
            return (program,)
        absent = missing(program.sections.code, self.sandbox.guest.modules)
        if absent:
            return (Reject(program.id, "program", "module", f"Not there: {', '.join(absent)}."),)
        valid = tuple(pair for pair in program.pairs if "invalid" not in pair.tags)
        if not valid:
            return (Reject(program.id, "program", "no_pairs", "No recorded pair is plain JSON."),)
        inputs = [pair.input for pair in valid]
        code, entrypoint = program.sections.code, program.entrypoint
        runs = await self.sandbox.run_many(code, entrypoint, inputs, urgency=GENERATION, total_cpu_s=CPU_OF_PROGRAM_S)
        for pair, run in zip(valid, runs, strict=True):
            if run.status != "ok" or run.value is None or not compare(run.value, pair.output, "close"):
                given = run.value if run.value is not None else f"{run.status}: {run.error}"
                return (Reject(program.id, "program", "irreproducible", f"The recorded input {_short(pair.input)} gave "
                               f"{_short(pair.output)}, now {_short(given)}."),)  # fmt: skip
        traced = await self.sandbox.run_many(code, entrypoint, inputs, urgency=GENERATION, trace=Trace(EVENTS))
        seen = {
            pair: replace(pair, steps=steps.steps, lines=steps.lines, mutates=run.mutated,
                    tags=tuple(dict.fromkeys((*pair.tags, *(("input_after_call",) if run.mutated else ())))))
            for pair, run, steps in zip(valid, runs, traced, strict=True)
        }  # fmt: skip
        return (replace(program, pairs=tuple(seen.get(pair, pair) for pair in program.pairs)),)


def _together(code: str, generator: str) -> str:
    """One text of both, so that a generator may lean on what the code imports or defines."""
    lines = generator.split("\n")
    return code + "\n\n\n" + "\n".join(line for line in lines if not line.startswith(FUTURE))


def _call_fault(text: str, run: Run, size: Size) -> Fault | None:
    """What is wrong with one call, or None."""
    if run.status == "ok":
        assert run.value is not None
        excess = size.excess(run.value)
        return Fault("too_large", f"With the input {_short(text)} the output has {excess}.") if excess else None
    if run.status == "error":
        if run.error.startswith("TypeError: main_solution() "):
            return Fault("signature", f"{run.error}")
        return Fault("raises", f"With the input {_short(text)}: {run.error}")
    if run.status == "invalid":
        return Fault("unjson", f"With the input {_short(text)}, at the path given: {run.error}")
    return Fault(run.status, f"With the input {_short(text)}: {run.error or run.status}")


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


def _short(text: str) -> str:
    return text if len(text) <= EVIDENCE_CHARACTERS else text[:EVIDENCE_CHARACTERS] + " ..."
