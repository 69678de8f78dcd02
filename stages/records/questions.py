"""Records about a question: its samples, their turns and verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from stages.records.messages import Answer, Messages, Prompt
from stages.records.programs import Pair, Program

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
