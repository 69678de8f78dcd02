"""Whether pairs come again: in separately started guests, under other hash seeds, random states,
clocks, zones and orders.

If any pair of a program does not, the whole program fails, and experiments that change one thing at
a time say why:

random      the random numbers differ clock       the time or the time zone hash_order  the order of
a set, `hash` of text, or where objects lie state       what earlier calls in the process have left
behind opaque      it comes again, but hangs on a seed that the code fixes or on a digest, which no
input lets one work out
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
"""Counts up whenever another program could pass."""
DAY_S = 86_400.0
ZONES = ("EAST-5:30", "WEST+8")
STILL = Clock(at_s=1_700_000_000.0)
SALT = 0x5EED
DIGEST = "digest "
SALTED = re.compile(
    r"\b(?:seed|Random|RandomState|default_rng|SeedSequence|MT19937|PCG64\w*|Philox|SFC64|hashlib|hmac|uuid[35]|crc32|adler32)\b"
)
"""What code names that sets a seed of its own or takes a digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One run of all pairs. seed_by: what is added to the random seed; order: where the first call
    stands."""

    hash_seed: int = 0
    seed_by: int = 0
    clock: Clock | None = None
    backwards: bool = False
    turned: int = 0
    round: int = 0
    """Tells repetitions under the same conditions apart."""

    def order(self, count: int) -> list[int]:
        numbers = list(range(count))
        numbers = numbers[self.turned % count :] + numbers[: self.turned % count]
        return numbers[::-1] if self.backwards else numbers


CONDITIONS = (
    Condition(hash_seed=1, seed_by=1, clock=Clock(DAY_S, ZONES[0]), backwards=True),
    Condition(hash_seed=2, seed_by=2, clock=Clock(400 * DAY_S, ZONES[1]), turned=1),
    Condition(hash_seed=3, seed_by=3, backwards=True, turned=2),
)
"""What generation does not have; it runs under hash seed 0, in UTC and now."""
REPEATED = tuple(Condition(round=number) for number in range(1, 4))
STOOD = tuple(Condition(clock=STILL, round=number) for number in range(1, 4))
ALONE = {
    "random": tuple(Condition(seed_by=number) for number in (1, 2, 3)),
    "clock": (Condition(clock=CONDITIONS[0].clock), Condition(clock=CONDITIONS[1].clock)),
    "hash_order": tuple(Condition(hash_seed=number) for number in (1, 2, 3)),
    "state": (Condition(backwards=True), Condition(turned=1)),
}
"""Experiments that change one thing each, in the order in which their causes are ruled out."""
WHY = {
    "random": "with other random numbers",
    "clock": "at another time or in another time zone",
    "hash_order": "under another hash seed, so in another order of a set",
    "state": "after other calls before it",
    "opaque": "once the seeds that the code sets itself and its digests are others",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """Runs pairs again. Its class is a Fault's kind."""

    sandbox: Runner

    async def fault(self, job: Job, pairs: Sequence[Pair]) -> Fault | None:
        """Why the pairs do not all reproduce, or None. job: their program, under its own seed."""
        return await _Trial(self.sandbox, job, pairs).fault()

    def to_json(self) -> dict[str, Any]:
        """What was tried, as it stands in programs.jsonl."""
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
    """One program before the gate."""

    sandbox: Runner
    job: Job
    pairs: Sequence[Pair]

    async def fault(self) -> Fault | None:
        expected = [pair.output for pair in self.pairs]
        for condition in CONDITIONS:
            found = _outcomes(runs := await self._runs(condition))
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
        """The class of a program that does not reproduce."""
        first, *others = [_outcomes(await self._runs(condition)) for condition in REPEATED]
        if any(other != first for other in others):
            stood, *again = [_outcomes(await self._runs(condition)) for condition in STOOD]
            return "clock" if all(other == stood for other in again) else "random"
        for cause, conditions in ALONE.items():
            for condition in conditions:
                if _outcomes(await self._runs(condition)) != first:
                    return cause
        return "random"  # it was seen to differ, and does so too rarely to be caught again

    async def _opaque(self, expected: Sequence[str]) -> Fault | None:
        runs = await self._runs(Condition(), SALT)
        found = _outcomes(runs)
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
