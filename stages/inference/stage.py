"""Question -> Answered: every open sample of a question gets its next answer."""

import asyncio
from dataclasses import dataclass, replace

from stages.errors import GaveUp, Rejected
from stages.inference.port import Hint, Role
from stages.records import Answered, Attempted, Later, Question, Reject, Turn
from stages.records.urgency import Urgency


@dataclass(frozen=True, slots=True)
class Inference:
    """Asks the open samples of a question at the same time.

    A sample that is refused is rejected alone. One that gives up sends its question back, to be
    asked once more at the end of the run. The other samples are not paid for again then, since the
    journal has their answers.

    first: the role that gives first answers. later: the role that gives all others.
    """

    first: Role
    later: Role

    async def __call__(self, question: Question) -> tuple[Answered | Later | Reject, ...]:
        if not any(sample.turns for sample in question.samples):
            question = replace(question, sampling=self.first.to_json(), system=self.first.system)
        # All are waited for, whatever one of them meets: a request that is sent is paid for.
        found = await asyncio.gather(
            *[self._turn(question, sample) for sample in question.open], return_exceptions=True
        )
        turns: list[Turn | Reject] = []
        for sample, turn in zip(question.open, found, strict=True):
            if isinstance(turn, GaveUp) and sample.parked:
                turns.append(
                    Reject(
                        id=question.sample_id(sample),
                        kind="sample",
                        reason=turn.reason,
                        detail=turn.detail,
                    )
                )
            elif isinstance(turn, BaseException) and not isinstance(turn, GaveUp):
                raise turn
            elif not isinstance(turn, BaseException):
                turns.append(turn)
        if len(turns) < len(found):
            gave_up = {
                s.number
                for s, turn in zip(question.open, found, strict=True)
                if isinstance(turn, GaveUp)
            }
            parked = tuple(
                replace(s, parked=True) if s.number in gave_up else s for s in question.samples
            )
            return (Later(question.with_samples(parked)),)
        samples = list(question.samples)
        for sample, turn in zip(question.open, turns, strict=True):
            grown = (
                replace(sample, closed=True) if isinstance(turn, Reject) else _grown(sample, turn)
            )
            samples[samples.index(sample)] = grown
        rejects = [turn for turn in turns if isinstance(turn, Reject)]
        return (*rejects, Answered(question.with_samples(tuple(samples))))

    async def _turn(self, question: Question, sample: Attempted) -> Turn | Reject:
        role = self.later if sample.turns else self.first
        hint = Hint(
            code=question.program.sections.code,
            entrypoint=question.program.entrypoint,
            direction=question.direction,
            input=question.pair.input,
            output=question.pair.output,
        )
        try:
            answer = await role.ask(
                question.messages(sample),
                urgency=Urgency.REVISION if sample.turns else Urgency.ANSWER,
                seed=sample.number if question.wanted > 1 else None,
                hint=hint,
            )
        except GaveUp:
            raise
        except Rejected as exc:
            return Reject(
                id=question.sample_id(sample), kind="sample", reason=exc.reason, detail=exc.detail
            )
        return Turn(answer=answer)


def _grown(sample: Attempted, turn: Turn) -> Attempted:
    return replace(sample, turns=(*sample.turns, turn), parked=False)
