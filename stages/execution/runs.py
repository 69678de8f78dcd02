"""What generation, review and the gate share: traced runs of inputs, and what they show."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sandbox import Job, Run, Runner, Trace
from stages.records import Pair
from stages.records.urgency import Urgency
from stages.values.text import value_of
from stages.values.types import signature

EVENTS = 300_000
"""Line events after which a traced call ends. A count does not depend on the machine's load."""
CPU_OF_PROGRAM_S = 60.0
"""CPU seconds of all calls of a program that are made at once."""
EVIDENCE_CHARACTERS = 300
"""Characters of a value that a fault repeats."""


async def traced(sandbox: Runner, job: Job, *, even_all: bool = False) -> list[Run]:
    """A traced run of each input, in order.

    A call that takes more than EVENTS is made again without tracing, for its value. Its steps and
    lines are then those up to EVENTS.

    even_all: whether that is done if all calls take more.
    Raises: SandboxError, JobRefused.
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
    """Whether a traced call has taken more than EVENTS."""
    return (run.steps or 0) > EVENTS


def outcome(run: Run) -> str:
    """A text by which runs are compared: the value, or how it failed without its message."""
    # A message may hold an address or a time, which differ between runs that fail alike.
    if run.status == "ok" and run.value is not None:
        return run.value
    return f"{run.status}: {run.error.split(':')[0]}"


def short(text: str) -> str:
    """The beginning of a text, for evidence."""
    return text if len(text) <= EVIDENCE_CHARACTERS else text[:EVIDENCE_CHARACTERS] + " ..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The outputs of a pool of pairs.

    count: pairs. different: different outputs. commonest: the one that most pairs have. times: how
    many pairs have it.
    """

    count: int
    different: int
    commonest: str
    times: int

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> "Outputs":
        """The outputs of these pairs, of which there is at least one."""
        counts = Counter(pair.output for pair in pairs)
        commonest, times = counts.most_common(1)[0]
        return cls(count=counts.total(), different=len(counts), commonest=commonest, times=times)

    @property
    def share(self) -> float:
        """The share of the commonest output, up to 1."""
        return self.times / self.count

    @property
    def tag(self) -> str:
        """The tag of a program whose commonest output is too common."""
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
