"""Judged -> Question again, or finished rows: decides which samples get another turn."""

from dataclasses import dataclass, replace
from typing import Literal

from stages.records import Attempted, Judged, Question, Row
from stages.rows.samples import question_row, sample_row
from stages.verification.feedback import Feedback

REVISED = frozenset({"wrong", "no_answer", "error", "timeout", "memory", "denied", "crash"})
"""Verdicts that another turn may turn into `right`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """Gives samples another turn, or closes them, and asks for further samples.

    turns: answers of one sample in all.
    samples: whether only sample 0 of a question is revised, or all.
    round: samples of a question that are asked at once, where 0 means all.
    band: the least and the most wanted pass rate of first answers. Once the rate of all samples
    must lie outside of it, no further sample is asked.
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
        # The next round waits until all samples of this one are closed. Which samples are asked
        # then depends on the answers alone, and not on the order in which they came.
        if not question.open and question.whole and not self._outside(question):
            question = question.with_next(self.round)
        return (*rows, question if question.open else question_row(question))

    def _outside(self, question: Question) -> bool:
        """Whether the pass rate lies outside of the band, whatever the samples left would say."""
        if self.band is None:
            return False
        firsts = [sample.turns[0].verdict for sample in question.samples if sample.turns]
        right = firsts.count("right")
        left = question.wanted - len(question.samples)
        least, most = self.band
        return (right + left) / question.wanted < least or right / question.wanted > most

    def _again(self, question: Question, sample: Attempted) -> bool:
        """Whether a sample gets another turn."""
        if sample.last.verdict not in REVISED or len(sample.turns) >= self.turns:
            return False
        if self.samples == "first" and sample.number > 0:
            return False
        # Where a program gives two values, being called wrong leaves only the right one.
        reveals = question.direction == "output" and sample.last.verdict == "wrong"
        two_values = question.program.values == 2 or question.pair.output in ("true", "false")
        return not (reveals and two_values)
