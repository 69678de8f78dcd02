"""What generation, review and the gate share: traced runs of inputs, and what is read off their
results."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sandbox import Job, Run, Runner, Trace
from stages.records import Pair
from stages.records.urgency import Urgency
from stages.values.text import value_of
from stages.values.types import signature

EVENTS = 300_000
"""Line events after which a traced call is given up: a count, so that load changes nothing."""
CPU_OF_PROGRAM_S = 60.0
"""CPU seconds of all calls that one step makes of a program."""
EVIDENCE_CHARACTERS = 300
"""What a fault repeats of a value."""


async def traced(sandbox: Runner, job: Job, *, even_all: bool = False) -> list[Run]:
    """A traced run of each input, for its steps and lines.

    One that ends at its bound is run again without tracing, for its value. even_all: also where
    every input ends at the bound.
    """
    bounded = replace(job, total_cpu_s=CPU_OF_PROGRAM_S, all_or_nothing=True)
    runs = await sandbox.run_many(replace(bounded, trace=Trace(EVENTS)), urgency=Urgency.GENERATION)
    long = [number for number, run in enumerate(runs) if is_long(run)]
    if long and (even_all or len(long) < len(runs)):
        again = replace(bounded, arguments=tuple(job.arguments[number] for number in long))
        plain = await sandbox.run_many(again, urgency=Urgency.GENERATION)
        for number, run in zip(long, plain, strict=True):
            runs[number] = replace(run, steps=runs[number].steps, lines=runs[number].lines)
    return runs


def is_long(run: Run) -> bool:
    return (run.steps or 0) > EVENTS


def outcome(run: Run) -> str:
    """What a run came to, to be compared as text: its value, or how it failed."""
    if run.status == "ok" and run.value is not None:
        return run.value
    return f"{run.status}: {run.error.split(':')[0]}"


def short(text: str) -> str:
    return text if len(text) <= EVIDENCE_CHARACTERS else text[:EVIDENCE_CHARACTERS] + " ..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The outputs of a pool of pairs. commonest: the one that came most often, `times` times."""

    count: int
    different: int
    commonest: str
    times: int

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> "Outputs":
        counts = Counter(pair.output for pair in pairs)
        commonest, times = counts.most_common(1)[0]
        return cls(count=counts.total(), different=len(counts), commonest=commonest, times=times)

    @property
    def share(self) -> float:
        return self.times / self.count

    @property
    def tag(self) -> str:
        """What a pool is called in which the commonest output is too common."""
        return "constant" if self.different == 1 else "skewed"

    @property
    def repeated(self) -> str | None:
        """The commonest output, if any came twice."""
        return self.commonest if self.times > 1 else None


def signature_of_pairs(pairs: Sequence[Pair]) -> str:
    """The types of inputs and outputs, in words."""
    takes = sorted({signature(value_of(pair.input)) for pair in pairs})
    gives = sorted({signature(value_of(pair.output)) for pair in pairs})
    return f"{' | '.join(takes)} -> {' | '.join(gives)}"
