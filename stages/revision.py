"""Judged -> Question again, or finished rows: which samples get another turn, and which are
done."""

from dataclasses import dataclass, replace
from typing import Literal

from stages.records import Attempted, Judged, Question, Row
from stages.rows.samples import question_row, sample_row
from stages.verification.feedback import Feedback

REVISED = frozenset({"wrong", "no_answer", "error", "timeout", "memory", "denied", "crash"})
"""Verdicts that another turn may mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """turns: answers in all. samples: whether only sample 0 of a question is revised, or all.

    round: samples of a question that are asked at once (0: all). band: pass rates of first answers,
    least and most. Once the rate of all samples is sure to lie outside, the rest is not asked. So
    each round follows from the answers of those before it, in whatever order they came.
    """

    feedback: Feedback
    turns: int = 2
    samples: Literal["first", "all"] = "first"
    round: int = 0
    band: tuple[float, float] | None = None

    async def __call__(self, judged: Judged) -> tuple[Question | Row, ...]:
        question, rows = judged.question, []
        samples: list[Attempted] = []
        for sample in question.samples:
            if sample.closed:
                samples.append(sample)
            elif self._again(question, sample):
                turn = replace(sample.last, feedback=f"{sample.last.feedback} {self.feedback.redo}")
                samples.append(replace(sample, turns=(*sample.turns[:-1], turn)))
            else:
                samples.append(replace(sample, closed=True))
                rows.append(sample_row(question, sample))
        question = question.with_samples(tuple(samples))
        if not question.open and question.whole and not self._outside(question):
            question = question.with_next(self.round)
        return (*rows, question if question.open else question_row(question))

    def _outside(self, question: Question) -> bool:
        """Whether its pass rate will be outside of the band, whatever its other samples would
        say."""
        if self.band is None:
            return False
        firsts = [sample.turns[0].verdict for sample in question.samples if sample.turns]
        right = firsts.count("right")
        left = question.wanted - len(question.samples)
        least, most = self.band
        return (right + left) / question.wanted < least or right / question.wanted > most

    def _again(self, question: Question, sample: Attempted) -> bool:
        """Whether a sample gets another turn.

        Not where "wrong" alone gives the answer away, since one alternative is left.
        """
        if sample.last.verdict not in REVISED or len(sample.turns) >= self.turns:
            return False
        if self.samples == "first" and sample.number > 0:
            return False
        reveals = question.direction == "output" and sample.last.verdict == "wrong"
        two_values = question.program.values == 2 or question.pair.output in ("true", "false")
        return not (reveals and two_values)
