"""Records on the way to a program: source files, transform questions, drafts, pairs, programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from stages.records.ids import digest
from stages.records.messages import Answer, Messages, Prompt
from stages.records.origin import Origin
from stages.values.text import sorted_text


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source row, whose code is to be rewritten as a program."""

    code: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """The unified form of a program, as text. check may be empty."""

    code: str
    description: str
    generator: str
    statement: str
    check: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a transformed program.

    kind: one word, by which faults are counted. evidence: a text for the repair turn.
    """

    kind: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reply in a transform's conversation.

    fault: what was wrong with it, or None. asked: the repair request that it answers, or "" for the
    first reply.
    """

    answer: Answer
    fault: Fault | None = None
    asked: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.answer.model,
            "finish_reason": self.answer.finish,
            "usage": self.answer.usage.to_json(),
            "error": self.fault and {"kind": self.fault.kind, "evidence": self.fault.evidence},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformQuestion:
    """What to ask of the transforming model. draft: what a repair turn is to mend."""

    messages: Messages
    origin: Origin
    prompt: Prompt | None = None
    draft: "Draft | None" = None
    parked: bool = False
    """Whether its request gave up once, so that this is its last try."""


@dataclass(frozen=True, slots=True)
class Unified:
    """A transforming model's reply."""

    question: TransformQuestion
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One program of a reply, not yet run.

    number: its place in the reply, from 1. sections: None while no reply held a program. attempts:
    all replies about it, the first one included.
    """

    question: TransformQuestion
    number: int
    sections: Sections | None
    attempts: tuple[Attempt, ...]
    fallback: "Program | None" = None
    """The program that is used if no repair helps. It runs, but has a weakness."""

    @property
    def id(self) -> str:
        return digest("program", self.question.origin.id, str(self.number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One input and its output, both canonical JSON text.

    steps: line events of the call. lines: the sorted numbers of the lines that ran. None and () for
    a pair that was not traced. coerced, mutates, near_limit: see `sandbox.Run`.
    """

    input: str
    output: str
    steps: int | None = None
    lines: tuple[int, ...] = ()
    coerced: tuple[str, ...] = ()
    mutates: bool = False
    near_limit: bool = False
    tags: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return digest("pair", sorted_text(self.input), length=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """How a program and its pairs came about, as far as that is known.

    None stands for what is not known, as for a program that others made.

    seed: of its generator and its runs.
    draws, raised: calls of the generator, and how many of them raised.
    distinct: different inputs drawn. pool: how many of them gave a usable output. dropped: counts
    of the others by fault.
    outputs: different outputs in the pool. commonest: the one that came most often, if any came
    twice. modal_share: its share of the pool.
    signature: types of inputs and outputs in words.
    imports: the modules that it imports.
    contamination: the benchmarks that hold it.
    gate: the conditions under which its pairs were run again. environment: the guest that ran them.
    transform: the model's replies.
    """

    seed: int | None = None
    draws: int | None = None
    raised: int | None = None
    distinct: int | None = None
    pool: int | None = None
    dropped: Mapping[str, int] | None = None
    outputs: int | None = None
    modal_share: float | None = None
    commonest: str | None = None
    signature: str | None = None
    imports: Sequence[str] | None = None
    contamination: Sequence[Mapping[str, str]] | None = None
    gate: Mapping[str, Any] | None = None
    environment: Mapping[str, Any] | None = None
    transform: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a program is like: see `stages.likeness.clusters`.

    behaviour: a digest that is equal for programs that behave alike, or None where the probes say
    too little.
    text: the bands of the MinHash of its text.
    """

    version: int
    behaviour: str | None
    text: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"version": self.version, "behaviour": self.behaviour, "text": list(self.text)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that runs, with its pairs.

    item: its line in the parsed file, from 0, once it has one.
    outputs: how many different outputs the pool had, where 0 means unknown.
    modal_share: the share of the commonest output.
    gated: whether our own gate has run its pairs again.
    generation: how it came about, as it stands in programs.jsonl.
    category: a field of the reference's rows, passed on.
    """

    id: str
    origin: Origin
    sections: Sections
    pairs: tuple[Pair, ...]
    entrypoint: str = "main_solution"
    item: int | None = None
    outputs: int = 0
    modal_share: float = 0.0
    gated: bool = False
    tags: tuple[str, ...] = ()
    generation: Generation = Generation()
    category: Any = None
    cluster: Cluster | None = None

    @property
    def values(self) -> int:
        """How many different outputs the pool had, or the pairs where the pool is unknown."""
        return self.outputs or len({pair.output for pair in self.pairs})
