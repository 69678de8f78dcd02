"""What happens to a program with a fault: a repair turn, or else its fallback, or else a reject."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from stages.prompts.templates import Template
from stages.records import Draft, Fault, Program, Reject, Tally, TransformQuestion
from stages.repair.guards import GUARDS
from stages.repair.outcomes import repairs_of, settled, transform_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """Asks the transforming model to mend a program.

    turns: how many repairs a program gets.
    template: of the repair request.
    explanations: for each kind of fault, its explanation to the model.
    modules, limit: what an explanation may name: the importable modules, and the limit on size.
    """

    turns: int
    template: Template
    explanations: Mapping[str, str]
    modules: str
    limit: str

    def of(
        self, draft: Draft, fault: Fault
    ) -> tuple[TransformQuestion | Program | Reject | Tally, ...]:
        """The next step of a draft in which `fault` was found."""
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
    """The end of a draft that nothing mends: its fallback, or else a reject.

    Its reason is the last fault of the program itself. The guards' faults are those of a repair.
    """
    if draft.fallback is not None:
        program = replace(
            draft.fallback,
            generation=replace(draft.fallback.generation, transform=transform_json(draft)),
        )
        return settled(draft, program, mended=False)
    faults = [attempt.fault for attempt in draft.attempts if attempt.fault is not None]
    own = next((fault for fault in reversed(faults) if fault.kind not in GUARDS), faults[-1])
    replies = [one.to_json() | {"reply": one.answer.content} for one in draft.attempts]
    reject = Reject(
        id=draft.question.origin.id if draft.sections is None else draft.id,
        kind="file" if draft.sections is None else "program",
        reason=own.kind,
        detail=own.evidence,
        more={"attempts": replies},
    )
    return (reject, *repairs_of(draft, mended=False))
