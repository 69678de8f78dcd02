"""raw -> questions -> unified: asks a model to rewrite a source file as a program, and later to mend it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stages.errors import GaveUp, Rejected
from stages.inference.port import Role
from stages.prompts import Template
from stages.records import Later, Reject, SourceFile, TransformQuestion, Unified

REPAIR = 2
TRANSFORM = 3


@dataclass(frozen=True, slots=True)
class Compose:
    """SourceFile -> TransformQuestion. packages: what programs may import besides the standard library."""

    template: Template
    packages: Sequence[str]

    async def __call__(self, file: SourceFile) -> tuple[TransformQuestion]:
        text = self.template.fill(code=file.code.strip("\n"), packages=", ".join(self.packages) or "(none)")
        return (TransformQuestion(({"role": "user", "content": text},), file.origin, self.template.prompt),)


@dataclass(frozen=True, slots=True)
class Transform:
    """TransformQuestion -> Unified: the model's reply, a repair turn's included."""

    role: Role

    async def __call__(self, question: TransformQuestion) -> tuple[Unified | Later | Reject]:
        urgency = REPAIR if question.draft else TRANSFORM
        try:
            answer = await self.role.ask(question.messages, urgency=urgency)
        except Rejected as exc:
            if isinstance(exc, GaveUp) and not question.parked:
                return (Later(replace(question, parked=True)),)
            if question.draft is not None:
                return (Reject(question.draft.id, "program", exc.reason, exc.detail),)
            return (Reject(question.origin.id, "file", exc.reason, exc.detail),)
        return (Unified(question, answer),)
