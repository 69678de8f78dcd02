"""The records that flow between stages: frozen, and each carries all that the next stage needs.

    SourceFile -> TransformQuestion -> Unified -> Program -> Question -> Answered -> Judged ->
       Sample raw           questions         unified    parsed     messages   generations  verified
       samples

A Question with turns behind it stands at the boundary `revision`. Values (inputs, outputs,
predictions) are canonical JSON text throughout; `stages.equality` is the one place that compares
them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from stages.records.ids import digest
from stages.values.text import sorted_text

SCHEMA = 2
"""Version of every row this package writes. 2: answers wanted of a question are `wanted`, not
`samples`."""
Direction = Literal["input", "output"]
Variant = Literal["query_code", "query", "code"]
VerdictName = Literal[
    "right",
    "wrong",
    "no_answer",
    "error",
    "timeout",
    "memory",
    "denied",
    "crash",
    "cut",
    "invalid_truth",
]
Message = Mapping[str, str]
Messages = tuple[Message, ...]
OWN_FIELDS = frozenset({"id", "file", "line", "content_hash", "traits", "row"})
"""What Origin.row adds to a raw row's own fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a source row came from. id: its content-derived id; index: its number in the source,
    from 0; line: in its file, from 1; fields: all of the raw row but its code."""

    id: str
    file: str = ""
    line: int = 0
    index: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)
    content_hash: str = ""
    traits: tuple[str, ...] = ()
    """What yields are told by: `imports.<class>` and `bytes.<up to>`."""

    def to_json(self) -> dict[str, Any]:
        """The raw row's own fields, then ours; raw fields that have a name of ours stand in
        `row`."""
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
    """Tokens of one model call or the sum of several. estimated: at least one server sent no usage;
    usd: by the prices of the run file when it was bought."""

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
    """What a model said. finish: stop or length; model: the one that answered, by its own word."""

    content: str
    reasoning: str = ""
    finish: str = "stop"
    model: str = ""
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class SourceFile:
    code: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Prompt:
    """Which prompt text asked: its version, and a hash of its words."""

    version: str
    hash: str

    def to_json(self) -> dict[str, str]:
        return {"version": self.version, "hash": self.hash}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """The unified form, as text. check may be empty."""

    code: str
    description: str
    generator: str
    statement: str
    check: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a transformed program. kind: one word of the funnel; evidence: for the
    repair turn."""

    kind: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reply in a transform's conversation: the repair request that asked for it ("" for the
    first), and what was wrong with it (None: nothing)."""

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
    """What to ask of the transforming model. draft: what is to be mended, if this is a repair
    turn."""

    messages: Messages
    origin: Origin
    prompt: Prompt | None = None
    draft: "Draft | None" = None
    parked: bool = False
    """It could not be answered, and is asked once more."""


@dataclass(frozen=True, slots=True)
class Unified:
    """A transforming model's reply."""

    question: TransformQuestion
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One program of a reply, not yet run. number: its place in the reply, from 1. attempts: all
    replies about it."""

    question: TransformQuestion
    number: int
    sections: Sections | None
    attempts: tuple[Attempt, ...]
    fallback: "Program | None" = None
    """What stands if no repair helps: a program that runs but asks little."""

    @property
    def id(self) -> str:
        return digest("program", self.question.origin.id, str(self.number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One input and its output, both canonical JSON text. steps: line events; lines: which lines
    ran."""

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
    """What is known of how a program and its pairs came about, as it stands in its row.

    None: not known, as for a program of others. seed: of its generator and runs. draws, raised:
    calls of the generator, and those that raised. distinct: different inputs drawn; pool: those
    that gave a usable output; dropped: the others, by fault. outputs: different outputs in the
    pool; modal_share: of the commonest one, `commonest`, if any came twice. signature: types in
    words. contamination: the benchmarks that hold it. gate, environment: what its pairs were run
    again under, and in. transform: the model's replies.
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

    behaviour: equal for programs that behave alike, None where the probes say too little. text:
    bands of the MinHash of its text.
    """

    version: int
    behaviour: str | None
    text: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"version": self.version, "behaviour": self.behaviour, "text": list(self.text)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that runs, with its pairs. item: its line in the parsed file, from 0, once it has
    one.

    outputs: how many different outputs the pool had (0: unknown). generation: what is known of how
    it came about, as it stands in programs.jsonl. gated: our own gate has re-run its pairs.
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
        """How many different outputs there are: in the pool, or in the pairs where the pool is
        unknown."""
        return self.outputs or len({pair.output for pair in self.pairs})


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One answer and, once verified, what was found of it.

    predicted: the answer's value as JSON text; read: how it was found; match: exact or close; got:
    what a predicted input gave; feedback: the message about it, byte for byte the next user message
    where one follows.
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
    """One sample of a question: its number and the turns it has had. closed: nothing more is asked
    of it; parked: its next answer could not be had, and it is asked once more."""

    number: int
    turns: tuple[Turn, ...] = ()
    closed: bool = False
    parked: bool = False

    @property
    def last(self) -> Turn:
        return self.turns[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One instance and its samples, which go round together: each open one is to be asked (again).

    id: program, pair and direction, or derived from the row where it was read from a file. opening:
    the first user message and what stands before it. sampling and system: how its first answers
    were drawn. guess: which guesses of the panel are right answers. wanted: how many samples are
    asked for in all; whole: all of them are this record's, so that more can be added.
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
        """The conversation up to the sample's next answer: what each turn said, and the feedback on
        it."""
        grown = list(self.opening)
        for turn in sample.turns:
            grown.append({"role": "assistant", "content": turn.answer.content})
            grown.append({"role": "user", "content": turn.feedback})
        return tuple(grown)

    def with_next(self, most: int) -> "Question":
        """The question with its next samples, so many at most (0: all that are wanted)."""
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
