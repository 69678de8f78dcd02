"""raw -> questions -> unified: asks a model to rewrite a source file as a program, and later to
mend it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stages.errors import GaveUp, Rejected
from stages.guest import import_class
from stages.inference.port import Role
from stages.prompts.templates import Template
from stages.records import (
    Later,
    Reject,
    SourceFile,
    Tally,
    TransformQuestion,
    Unified,
    counts,
)
from stages.records.urgency import urgency_of

SIZES_BYTES = (1000, 2000, 4000, 8000, 16000)


@dataclass(frozen=True, slots=True)
class Compose:
    """SourceFile -> TransformQuestion. packages: what programs may import besides the standard
    library."""

    template: Template
    packages: Sequence[str]

    async def __call__(self, file: SourceFile) -> tuple[TransformQuestion | Tally, ...]:
        text = self.template.fill(
            code=file.code.strip("\n"), packages=", ".join(self.packages) or "(none)"
        )
        origin = replace(file.origin, traits=self._traits(file.code))
        read = Tally(
            f"read:{origin.id}", {counts.produced(trait, "files"): 1 for trait in origin.traits}
        )
        return (
            TransformQuestion(
                messages=({"role": "user", "content": text},),
                origin=origin,
                prompt=self.template.prompt,
            ),
            read,
        )

    def _traits(self, code: str) -> tuple[str, ...]:
        """By what a file's yield is told: what it imports, and how long it is."""
        size = next(
            (
                f"up_to_{most}"
                for most in SIZES_BYTES
                if len(code.encode("utf-8", "replace")) <= most
            ),
            "longer",
        )
        return f"imports.{import_class(code, self.packages)}", f"bytes.{size}"


@dataclass(frozen=True, slots=True)
class Transform:
    """TransformQuestion -> Unified: the model's reply, a repair turn's included."""

    role: Role

    async def __call__(self, question: TransformQuestion) -> tuple[Unified | Later | Reject]:
        try:
            answer = await self.role.ask(question.messages, urgency=urgency_of(question))
        except Rejected as exc:
            if isinstance(exc, GaveUp) and not question.parked:
                return (Later(replace(question, parked=True)),)
            if question.draft is not None:
                return (
                    Reject(
                        id=question.draft.id, kind="program", reason=exc.reason, detail=exc.detail
                    ),
                )
            return (
                Reject(id=question.origin.id, kind="file", reason=exc.reason, detail=exc.detail),
            )
        return (Unified(question, answer),)
