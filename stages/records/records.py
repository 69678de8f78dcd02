"""The records that flow between stages. Each is frozen and carries all that the next stage needs.

    SourceFile -> TransformQuestion -> Unified -> Program -> Question -> Answered    -> Judged
    raw           questions            unified    parsed     messages    generations    verified

The second line names the boundary at which a record stands. A Question with turns behind it stands
at the boundary `revision`. What leaves the last stage is a row at the boundary `samples`.

Inputs, outputs and predictions are canonical JSON text in all of them. Only
`stages.values.equality` compares them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from stages.records.ids import digest
from stages.values.text import sorted_text

SCHEMA = 2
"""The version of every row that this package writes.

Since version 2 the number of answers wanted of a question is named `wanted`, and not `samples`.
"""
Direction = Literal["input", "output"]
Variant = Literal["query_code", "query", "code"]
VerdictName = Literal[
    "right", "wrong", "no_answer", "error", "timeout", "memory", "denied", "crash", "cut",
    "invalid_truth",
]  # fmt: skip
"""What a turn came to.

no_answer: the reply holds none. error, timeout, memory, denied, crash: how the program ended on a
predicted input. cut: the reply ended at the limit on its length. invalid_truth: the recorded pair
does not reproduce, so that nothing can be said of the answer.
"""
Message = Mapping[str, str]
Messages = tuple[Message, ...]
OWN_FIELDS = frozenset({"id", "file", "line", "content_hash", "traits", "row"})
"""The names that Origin.to_json adds to a raw row's own fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a source row came from.

    id: a digest of its content. index: its number in the source, from 0. line: its number in its
    file, from 1. fields: all of the raw row but its code. content_hash: a digest of its code.
    """

    id: str
    file: str = ""
    line: int = 0
    index: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)
    content_hash: str = ""
    traits: tuple[str, ...] = ()
    """The traits by which yields are reported: `imports.<class>` and `bytes.<up to>`."""

    def to_json(self) -> dict[str, Any]:
        """The raw row's own fields, then ours. Raw fields that share a name of ours go to `row`."""
        kept = {name: value for name, value in self.fields.items() if name not in OWN_FIELDS}
        hidden = {name: value for name, value in self.fields.items() if name in OWN_FIELDS}
        own = {
            "id": self.id,
            "file": self.file,
            "line": self.line,
            "content_hash": self.content_hash,
            **({"traits": list(self.traits)} if self.traits else {}),
        }
        return {**kept, **own, **({"row": hidden} if hidden else {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one model call, or the sum of several.

    estimated: whether at least one server sent no usage. usd: the cost by the prices that the run
    file gave at the time of the call.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    estimated: bool = False
    usd: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            estimated=self.estimated or other.estimated,
            usd=self.usd + other.usd,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cached_tokens": self.cached_tokens,
            "estimated": self.estimated,
            "usd": round(self.usd, 9),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model said. finish: stop or length. model: its name as the server reports it."""

    content: str
    reasoning: str = ""
    finish: str = "stop"
    model: str = ""
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source row, whose code is to be rewritten as a program."""

    code: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Prompt:
    """Which prompt text was used: its version, and a hash of its words."""

    version: str
    hash: str

    def to_json(self) -> dict[str, str]:
        return {"version": self.version, "hash": self.hash}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One answer and, once verified, its verdict.

    predicted: the answer's value as JSON text. read: how it was read.
    match: exact or close, for a right answer.
    got: what the program gave for a predicted input.
    error: what went wrong, in words.
    cpu_s: CPU seconds of the predicted input's run.
    feedback: the message about it. Where another turn follows, it is that turn's user message to
    the byte.
    """

    answer: Answer
    verdict: VerdictName | None = None
    predicted: str | None = None
    read: str | None = None
    match: str | None = None
    got: str | None = None
    error: str = ""
    cpu_s: float = 0.0
    near_limit: bool = False
    out_of_domain: bool = False
    feedback: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "answer": self.predicted,
            "verdict": self.verdict,
            "match": self.match,
            "read": self.read,
            "got": self.got,
            "error": self.error or None,
            "finish_reason": self.answer.finish,
            "model": self.answer.model,
            "usage": self.answer.usage.to_json(),
            "cpu_s": round(self.cpu_s, 1),
            "near_limit": self.near_limit,
            "out_of_domain": self.out_of_domain,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """One sample of a question: its number, from 0, and its turns so far.

    closed: whether nothing more is asked of it. parked: whether the request for its next answer
    gave up once, so that this is its last try.
    """

    number: int
    turns: tuple[Turn, ...] = ()
    closed: bool = False
    parked: bool = False

    @property
    def last(self) -> Turn:
        return self.turns[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One instance and its samples, which go through the stages together.

    id: of program, pair and direction, or a digest of the row that it was read from.
    number: the pair's place in its program, from 0.
    opening: the first user message, and what stands before it.
    samples: all that were made so far. Each open one is to be asked.
    sampling, system: how its first answers were drawn.
    guess: the guesses of the panel that are right answers.
    wanted: how many samples are asked for in all.
    whole: whether all its samples are in this record, so that more can be added. A row read from a
    file holds one of them.
    """

    id: str
    program: Program
    pair: Pair
    number: int
    direction: Direction
    opening: Messages
    samples: tuple[Attempted, ...]
    variant: Variant = "query_code"
    prompt: Prompt | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    system: str = ""
    tags: tuple[str, ...] = ()
    guess: tuple[str, ...] = ()
    wanted: int = 1
    whole: bool = False

    @property
    def open(self) -> tuple[Attempted, ...]:
        return tuple(sample for sample in self.samples if not sample.closed)

    def sample_id(self, sample: Attempted) -> str:
        return f"{self.id}.{sample.number}"

    def messages(self, sample: Attempted) -> Messages:
        """The conversation up to the sample's next answer: each turn, and the feedback on it."""
        grown = list(self.opening)
        for turn in sample.turns:
            grown.append({"role": "assistant", "content": turn.answer.content})
            grown.append({"role": "user", "content": turn.feedback})
        return tuple(grown)

    def with_next(self, most: int) -> "Question":
        """The question with its next samples. most: how many at most, where 0 means all wanted."""
        there = len(self.samples)
        until = self.wanted if not most else min(self.wanted, there + most)
        return replace(
            self,
            samples=(*self.samples, *(Attempted(number=number) for number in range(there, until))),
        )

    def with_samples(self, samples: tuple[Attempted, ...]) -> "Question":
        return replace(self, samples=samples)


@dataclass(frozen=True, slots=True)
class Answered:
    """A question whose open samples have a fresh, unverified turn."""

    question: Question


@dataclass(frozen=True, slots=True)
class Judged:
    """A question whose every turn has its verdict."""

    question: Question
