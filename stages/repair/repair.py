"""What becomes of a faulty program: a repair turn while there are any left, else its fallback, else
a reject."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from stages.prompts.templates import Template
from stages.records import Draft, Fault, Program, Reject, Tally, TransformQuestion
from stages.repair.guards import GUARDS
from stages.repair.outcomes import repairs_of, settled, transform_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """turns: how many repairs a program gets. explanations: by kind of fault, the words for the
    model."""

    turns: int
    template: Template
    explanations: Mapping[str, str]
    modules: str
    limit: str

    def of(
        self, draft: Draft, fault: Fault
    ) -> tuple[TransformQuestion | Program | Reject | Tally, ...]:
        """The draft's next step, `fault` having been found in it."""
        attempts = (*draft.attempts[:-1], replace(draft.attempts[-1], fault=fault))
        draft = replace(draft, attempts=attempts)
        if len(attempts) > self.turns:
            return given_up(draft)
        asked = self.template.fill(
            program="The program" if draft.number == 1 else f"Program {draft.number}",
            kind=fault.kind,
            explanation=self._explained(fault),
            evidence=fault.evidence,
        )
        messages = (
            *draft.question.messages,
            {"role": "assistant", "content": attempts[-1].answer.content},
            {"role": "user", "content": asked},
        )
        return (replace(draft.question, messages=messages, draft=draft),)

    def _explained(self, fault: Fault) -> str:
        text = self.explanations.get(fault.kind, "")
        return text.replace("{{modules}}", self.modules).replace("{{limit}}", self.limit)


def given_up(draft: Draft) -> tuple[Program | Reject | Tally, ...]:
    """The end of a draft that nothing mends: its fallback, or a reject by the last fault that was
    its own."""
    if draft.fallback is not None:
        program = replace(
            draft.fallback,
            generation=replace(draft.fallback.generation, transform=transform_json(draft)),
        )
        return settled(draft, program, mended=False)
    faults = [attempt.fault for attempt in draft.attempts if attempt.fault is not None]
    own = next((fault for fault in reversed(faults) if fault.kind not in GUARDS), faults[-1])
    more = {
        "attempts": [
            attempt.to_json() | {"reply": attempt.answer.content} for attempt in draft.attempts
        ]
    }
    if draft.sections is None:
        reject = Reject(
            id=draft.question.origin.id,
            kind="file",
            reason=own.kind,
            detail=own.evidence,
            more=more,
        )
    else:
        reject = Reject(
            id=draft.id, kind="program", reason=own.kind, detail=own.evidence, more=more
        )
    return (reject, *repairs_of(draft, mended=False))
