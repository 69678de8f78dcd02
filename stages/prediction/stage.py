"""Program -> Question: chooses which of a program's pairs are asked, and in which direction."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from stages.prediction.leaks import leaks
from stages.prediction.panel import Panel
from stages.prediction.wording import Wording
from stages.records import (
    Direction,
    Pair,
    Program,
    Question,
    Reject,
    Tally,
    Variant,
    counts,
    digest,
)

FEW_KINDS = frozenset({"constant", "skewed"})
"""Tags of programs whose outputs are all, or nearly all, the same."""
Skip = Literal["trivial", "long", "leak", "repeated", "constant", "skewed", "guess"]
SKIPPED: tuple[Skip, ...] = ("trivial", "long", "leak", "repeated", "constant", "skewed")
"""The tags that keep a question from being asked by default."""
NEVER_ASKED = ("invalid", "input_after_call")
"""Tags of pairs of which neither side is the truth: no setting lets them be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Turns a program into questions.

    pairs: questions of each direction, at most.
    samples: answers wanted of each question.
    round: samples of a question that are asked at once, where 0 means all.
    variants: shares of the variants of a question. They need not add up to 1.
    steps: the fewest and the most line events of a pair that is neither trivial nor long, or None.
    skip: tags with which a question is not asked.
    """

    wording: Wording
    panel: Panel
    pairs: int = 3
    directions: tuple[Direction, ...] = ("input", "output")
    samples: int = 1
    round: int = 0
    variants: Mapping[Variant, float] = field(default_factory=lambda: {"query_code": 1.0})
    steps: tuple[int, int] | None = (4, 10_000)
    skip: frozenset[Skip] = frozenset(SKIPPED)

    async def __call__(self, program: Program) -> tuple[Question | Tally | Reject, ...]:
        guesses = await self.panel.guesses(program, self._candidates(program), self.directions)
        questions: list[Question] = []
        unasked: Counter[str] = Counter()
        added: Counter[str] = Counter()
        for direction in self.directions:
            wanted = self._wanted(program, direction)
            # Two questions that show the same value differ in their answers alone. Only one of
            # them is asked.
            seen: set[str] = set()
            asked = 0
            for number, pair in enumerate(program.pairs):
                shown = pair.output if direction == "input" else pair.input
                winners = guesses.winners(pair, direction) if not self._never(pair) else ()
                tags = self._tags(
                    program, pair, direction, repeated=shown in seen, guessed=bool(winners)
                )
                reason = next((tag for tag in tags if tag in self.skip or tag in NEVER_ASKED), "")
                if reason:
                    unasked[reason] += 1
                elif asked < wanted:
                    seen.add(shown)
                    asked += 1
                    question = self._question(program, number, direction, tags, winners)
                    questions.append(question)
                    added.update(_panel_counts(direction, winners))
        added.update({counts.unasked(reason): count for reason, count in unasked.items()})
        tally = Tally(f"posed:{program.id}", dict(added))
        if not questions:
            detail = ", ".join(f"{count} {reason}" for reason, count in sorted(unasked.items()))
            return (
                Reject(id=program.id, kind="program", reason="no_questions", detail=detail),
                tally,
            )
        return (*questions, tally)

    def _candidates(self, program: Program) -> tuple[Pair, ...]:
        """The pairs of which an input can be asked for."""
        if not self._wanted(program, "input") or "input" not in self.directions:
            return ()
        return tuple(pair for pair in program.pairs if not self._never(pair))

    def _never(self, pair: Pair) -> bool:
        """Whether no setting lets the pair be asked."""
        return any(tag in pair.tags for tag in NEVER_ASKED)

    def _wanted(self, program: Program, direction: Direction) -> int:
        """How many questions a program gives in a direction, at most."""
        # Where nearly all outputs are the same, an output is a guess and any input is right. One
        # output is asked all the same.
        if FEW_KINDS & set(program.tags) & self.skip:
            return 0 if direction == "input" else min(1, self.pairs)
        return self.pairs

    def _tags(
        self, program: Program, pair: Pair, direction: Direction, *, repeated: bool, guessed: bool
    ) -> list[str]:
        """The tags of a question that may keep it from being asked, the most serious first."""
        tags = [tag for tag in NEVER_ASKED if tag in pair.tags]
        if self.steps is not None and pair.steps is not None:
            fewest, most = self.steps
            tags += ["trivial"] if pair.steps < fewest else []
            tags += ["long"] if pair.steps > most else []
        if not tags and leaks(program, pair, direction):
            tags.append("leak")
        tags += ["repeated"] if repeated else []
        return tags + (["guess"] if guessed and "guess" in self.skip else [])

    def _question(
        self,
        program: Program,
        number: int,
        direction: Direction,
        tags: list[str],
        winners: tuple[str, ...],
    ) -> Question:
        pair = program.pairs[number]
        id_ = f"{program.id}.{pair.id}.{direction[0]}"
        variant = self._variant(id_)
        opening = self.wording.opening(program, pair, direction, variant)
        question = Question(
            id=id_,
            program=program,
            pair=pair,
            number=number,
            direction=direction,
            opening=({"role": "user", "content": opening},),
            samples=(),
            variant=variant,
            prompt=self.wording.prompt,
            tags=tuple(dict.fromkeys((*program.tags, *pair.tags, *tags))),
            guess=winners,
            wanted=self.samples,
            whole=True,
        )
        return question.with_next(self.round)

    def _variant(self, id_: str) -> Variant:
        """The variant of a question, drawn from the shares by a hash of its id."""
        shares = [(name, share) for name, share in self.variants.items() if share > 0]
        point = int(digest("variant", id_), 16) / 16**16 * sum(share for _, share in shares)
        for name, share in shares:
            if point < share:
                return name
            point -= share
        return shares[-1][0]


def _panel_counts(direction: Direction, winners: tuple[str, ...]) -> Counter[str]:
    """What a question adds to the report of the guess panel."""
    found = Counter([counts.panel(direction, "asked")])
    found.update([counts.panel(direction, "won")] if winners else [])
    found.update(counts.panel(direction, "by", name) for name in winners)
    return found
