"""The gate: whether the pairs of a program reproduce.

Pairs are run again in other processes, under other hash seeds, random states, clocks, time zones
and orders. If any pair of a program differs, the program fails. Experiments that change one thing
at a time then find the cause:

    random      the output depends on random numbers
    clock       the output depends on the time or the time zone
    hash_order  the output depends on the order of a set, on `hash`, or on addresses of objects
    state       the output depends on what earlier calls in the process have left behind
    opaque      the output reproduces, but depends on a seed fixed in the code or on a digest, so
                that nobody can work it out from the input
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox import Clock, Job, Run, Runner
from stages.execution.runs import CPU_OF_PROGRAM_S, outcome, short
from stages.records import Fault, Pair
from stages.records.urgency import Urgency

VERSION = 2
"""Rises whenever another program could pass."""
DAY_S = 86_400.0
ZONES = ("EAST-5:30", "WEST+8")
"""POSIX rules of TZ, which need no zoneinfo database."""
STILL = Clock(at_s=1_700_000_000.0)
SALT = 0x5EED
DIGEST = "digest "
"""The beginning of a note in `Run.salted` about a digest. Other notes are about seeds."""
SALTED = re.compile(
    r"\b(?:seed|Random|RandomState|default_rng|SeedSequence|MT19937|PCG64\w*|Philox|SFC64"
    r"|hashlib|hmac|uuid[35]|crc32|adler32)\b"
)
"""Names in code that sets a seed of its own, or takes a digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One run of all pairs.

    seed_by: added to the random seed. clock: None leaves the time as it is. backwards: whether the
    pairs are run from the last to the first. turned: how many pairs are moved from the front to the
    back before.
    """

    hash_seed: int = 0
    seed_by: int = 0
    clock: Clock | None = None
    backwards: bool = False
    turned: int = 0
    round: int = 0
    """Distinguishes repetitions under the same conditions, so that the journal keeps them apart."""

    def order(self, count: int) -> list[int]:
        """The places of `count` pairs in the order in which they are run."""
        numbers = list(range(count))
        numbers = numbers[self.turned % count :] + numbers[: self.turned % count]
        return numbers[::-1] if self.backwards else numbers


CONDITIONS = (
    Condition(hash_seed=1, seed_by=1, clock=Clock(DAY_S, ZONES[0]), backwards=True),
    Condition(hash_seed=2, seed_by=2, clock=Clock(400 * DAY_S, ZONES[1]), turned=1),
    Condition(hash_seed=3, seed_by=3, backwards=True, turned=2),
)
"""The conditions of the gate. Generation has hash seed 0, the real time, and UTC.

Each changes several things at once. Most programs reproduce, and cost three runs so.
"""
REPEATED = tuple(Condition(round=number) for number in range(1, 4))
"""Runs that differ in nothing."""
STOOD = tuple(Condition(clock=STILL, round=number) for number in range(1, 4))
"""Runs that differ in nothing, while all clocks stand still."""
ALONE = {
    "random": tuple(Condition(seed_by=number) for number in (1, 2, 3)),
    "clock": (Condition(clock=CONDITIONS[0].clock), Condition(clock=CONDITIONS[1].clock)),
    "hash_order": tuple(Condition(hash_seed=number) for number in (1, 2, 3)),
    "state": (Condition(backwards=True), Condition(turned=1)),
}
"""For each cause, experiments that change one thing. The first cause that shows is reported."""
WHY = {
    "random": "with other random numbers",
    "clock": "at another time or in another time zone",
    "hash_order": "under another hash seed, so in another order of a set",
    "state": "after other calls before it",
    "opaque": "once the seeds that the code sets itself and its digests are others",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """Runs pairs again, and finds why they differ. A cause is the kind of a Fault."""

    sandbox: Runner

    async def fault(self, job: Job, pairs: Sequence[Pair]) -> Fault | None:
        """Why the pairs do not all reproduce, or None if they do.

        job: calls of their program, with its own seed.
        Raises: SandboxError, JobRefused.
        """
        return await _Trial(self.sandbox, job, pairs).fault()

    def to_json(self) -> dict[str, Any]:
        """The conditions that were tried, as they stand in programs.jsonl."""
        clocks = [condition.clock for condition in CONDITIONS if condition.clock]
        return {
            "version": VERSION,
            "hash_seeds": [0, *(condition.hash_seed for condition in CONDITIONS)],
            "random_states": 1 + len(CONDITIONS),
            "clocks": [0.0, *(clock.shift_s for clock in clocks)],
            "zones": ["UTC", *(clock.zone for clock in clocks)],
            "isolation": self.sandbox.isolation,
        }


@dataclass(frozen=True, slots=True)
class _Trial:
    """The gate at work on one program."""

    sandbox: Runner
    job: Job
    pairs: Sequence[Pair]

    async def fault(self) -> Fault | None:
        expected = [pair.output for pair in self.pairs]
        for condition in CONDITIONS:
            found = _outcomes(runs := await self._runs(condition))
            # A timeout depends on the machine, so it says nothing about what the output depends on.
            for pair, run in zip(self.pairs, runs, strict=True):
                if run.status == "timeout":
                    return Fault("too_slow", f"With the input {short(pair.input)}: {run.error}.")
            if found != expected:
                return self._evidence(await self._cause(), found)
        return await self._opaque(expected) if SALTED.search(self.job.code) else None

    async def _runs(self, condition: Condition, salt: int = 0) -> list[Run]:
        """The runs of all pairs under a condition, in the order of the pairs."""
        order = condition.order(len(self.pairs))
        job = replace(
            self.job,
            arguments=tuple(self.pairs[place].input for place in order),
            seed=self.job.seed + condition.seed_by,
            hash_seed=condition.hash_seed,
            clock=condition.clock,
            salt=salt,
            total_cpu_s=CPU_OF_PROGRAM_S + condition.round,
            all_or_nothing=True,
        )
        runs = await self.sandbox.run_many(job, urgency=Urgency.GENERATION)
        return [run for _, run in sorted(zip(order, runs, strict=True), key=lambda item: item[0])]

    async def _cause(self) -> str:
        """Why a program does not reproduce."""
        # Random numbers that no seed sets, and the time, differ in every run. They have to be ruled
        # out first: otherwise each experiment below would differ, and blame what it changes.
        first, *others = [_outcomes(await self._runs(condition)) for condition in REPEATED]
        if any(other != first for other in others):
            # If the runs agree once all clocks stand still, it was the time.
            stood, *again = [_outcomes(await self._runs(condition)) for condition in STOOD]
            return "clock" if all(other == stood for other in again) else "random"
        for cause, conditions in ALONE.items():
            for condition in conditions:
                if _outcomes(await self._runs(condition)) != first:
                    return cause
        # It was seen to differ, but does so too rarely to be caught again.
        return "random"

    async def _opaque(self, expected: Sequence[str]) -> Fault | None:
        """The fault of a program whose outputs depend on its own seeds or on digests, or None."""
        runs = await self._runs(Condition(), SALT)
        found = _outcomes(runs)
        # A seed that is the same in all runs is fixed in the code. Any other follows from the
        # input, as in a task about a generator of random numbers, and can be worked out.
        fixed = (
            set[str].intersection(*(set(run.salted) for run in runs)) if len(runs) > 1 else set()
        )
        for given, wanted, run in zip(found, expected, runs, strict=True):
            if given != wanted and any(
                note in fixed or note.startswith(DIGEST) for note in run.salted
            ):
                return self._evidence("opaque", found)
        return None

    def _evidence(self, cause: str, found: Sequence[str]) -> Fault:
        """The fault, with the first pair that differs."""
        for pair, given in zip(self.pairs, found, strict=True):
            if given != pair.output:
                return Fault(
                    cause,
                    f"The input {short(pair.input)} gave {short(pair.output)}, and {WHY[cause]} "
                    f"{short(given)}.",
                )
        raise AssertionError("nothing differs")


def _outcomes(runs: Sequence[Run]) -> list[str]:
    return [outcome(run) for run in runs]
