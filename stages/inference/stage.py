"""Question -> Answered: every open sample of a question gets its next answer."""

import asyncio
from dataclasses import dataclass, replace

from stages.errors import Rejected
from stages.inference.port import Hint, Role
from stages.records import Answered, Attempted, Question, Reject, Turn

REVISION_FIRST = 0
FIRST_ANSWERS = 1


@dataclass(frozen=True, slots=True)
class Inference:
    """first answers by one role, later turns by another (often the same).

    The samples of a question are asked side by side; one that is refused is rejected alone.
    """

    first: Role
    later: Role

    async def __call__(self, question: Question) -> tuple[Answered | Reject, ...]:
        if not any(sample.turns for sample in question.samples):
            question = replace(question, sampling=self.first.row(), system=self.first.system)
        turns = await asyncio.gather(*[self._turn(question, sample) for sample in question.open])
        samples, rejects = list(question.samples), []
        for sample, turn in zip(question.open, turns, strict=True):
            place = samples.index(sample)
            if isinstance(turn, Reject):
                rejects.append(turn)
                samples[place] = replace(sample, closed=True)
            else:
                samples[place] = replace(sample, turns=(*sample.turns, turn))
        return (*rejects, Answered(question.with_samples(tuple(samples))))

    async def _turn(self, question: Question, sample: Attempted) -> Turn | Reject:
        role = self.later if sample.turns else self.first
        hint = Hint(question.program.sections.code, question.program.entrypoint, question.direction,
                    question.pair.input, question.pair.output)  # fmt: skip
        try:
            answer = await role.ask(
                question.messages(sample),
                urgency=REVISION_FIRST if sample.turns else FIRST_ANSWERS,
                seed=sample.number if question.wanted > 1 else None,
                hint=hint,
            )
        except Rejected as exc:
            return Reject(question.sample_id(sample), "sample", exc.reason, exc.detail)
        return Turn(answer)
