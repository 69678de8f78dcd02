"""Unified -> Draft: reads programs out of the reply to a transform question or a repair turn."""

from dataclasses import dataclass, replace

from stages.records import Attempt, Draft, Fault, Program, Reject, Tally, TransformQuestion, Unified
from stages.repair.guards import guarded
from stages.repair.repair import Repairs, given_up
from stages.transform.sections import Declined, fault_of, merged, read

Outcomes = tuple[Draft | TransformQuestion | Reject | Program | Tally, ...]


@dataclass(frozen=True, slots=True)
class Drafting:
    """Reads a reply into its programs. What does not parse goes to a repair turn."""

    repairs: Repairs

    async def __call__(self, unified: Unified) -> Outcomes:
        if unified.question.draft is not None:
            return self._mended(unified, unified.question.draft)
        return self._first(unified)

    def _first(self, unified: Unified) -> Outcomes:
        question, attempt = unified.question, Attempt(answer=unified.answer)
        if unified.answer.finish == "length":
            draft = Draft(question=question, number=1, sections=None, attempts=(attempt,))
            return self.repairs.of(
                draft, Fault("cut", "The answer ended at the length limit (finish_reason length).")
            )
        parts = read(unified.answer.content)
        if isinstance(parts, Declined):
            return (_declined(question.origin.id, parts),)
        outcomes: list[Draft | TransformQuestion | Reject | Program | Tally] = []
        for number, part in enumerate(parts, 1):
            empty = part.fault is not None and len(parts) == 1 and not part.sections.code
            draft = Draft(
                question=question,
                number=number,
                sections=None if empty else part.sections,
                attempts=(attempt,),
            )
            outcomes.extend(self.repairs.of(draft, part.fault) if part.fault else (draft,))
        return tuple(outcomes)

    def _mended(self, unified: Unified, draft: Draft) -> Outcomes:
        """The draft with the sections that a repair's reply gives, unless they hide the fault."""
        before = draft.sections
        question = replace(unified.question, draft=None)
        draft = replace(
            draft, question=question, attempts=(*draft.attempts, Attempt(answer=unified.answer))
        )
        if unified.answer.finish == "length":
            return self.repairs.of(
                draft, Fault("cut", "The answer ended at the length limit (finish_reason length).")
            )
        if before is None:
            return self._anew(unified, draft)
        after = merged(before, unified.answer.content, draft.number)
        hidden = guarded(before, after)
        # A reply without a change is the end: asked once more, the model would say the same.
        if hidden is not None and hidden.kind == "unchanged":
            attempts = (*draft.attempts[:-1], replace(draft.attempts[-1], fault=hidden))
            return given_up(replace(draft, attempts=attempts))
        if hidden is not None:
            return self.repairs.of(draft, hidden)
        draft = replace(draft, sections=after)
        fault = fault_of(after)
        return self.repairs.of(draft, fault) if fault else (draft,)

    def _anew(self, unified: Unified, draft: Draft) -> Outcomes:
        """The outcome of a repair's reply, where no earlier reply held a program."""
        parts = read(unified.answer.content)
        if isinstance(parts, Declined):
            return (_declined(draft.question.origin.id, parts),)
        part = parts[0]
        if part.fault is not None and not part.sections.code:
            return self.repairs.of(draft, part.fault)
        draft = replace(draft, sections=part.sections)
        return self.repairs.of(draft, part.fault) if part.fault else (draft,)


def _declined(id_: str, declined: Declined) -> Reject:
    why = f"{declined.category}: {declined.why}"
    return Reject(
        id=id_, kind="file", reason="declined", detail=why, more={"category": declined.category}
    )
