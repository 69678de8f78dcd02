"""raw -> questions -> unified: asks a model to rewrite a source file as a program."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stages.errors import GaveUp, Rejected
from stages.guest import import_class
from stages.inference.port import Role
from stages.prompts.templates import Template
from stages.records import Later, Reject, SourceFile, Tally, TransformQuestion, Unified, counts
from stages.records.urgency import urgency_of

SIZES_BYTES = (1000, 2000, 4000, 8000, 16000)
"""Bounds of the classes of length by which yields are reported."""


@dataclass(frozen=True, slots=True)
class Compose:
    """SourceFile -> TransformQuestion: fills the transform prompt.

    packages: what programs may import besides the standard library.
    """

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
        """The traits by which a file's yield is reported: what it imports, and how long it is."""
        length = len(code.encode("utf-8", "replace"))
        size = next((f"up_to_{most}" for most in SIZES_BYTES if length <= most), "longer")
        return f"imports.{import_class(code, self.packages)}", f"bytes.{size}"


@dataclass(frozen=True, slots=True)
class Transform:
    """TransformQuestion -> Unified: gets the model's reply, also to a repair turn."""

    role: Role

    async def __call__(self, question: TransformQuestion) -> tuple[Unified | Later | Reject]:
        try:
            answer = await self.role.ask(question.messages, urgency=urgency_of(question))
        except Rejected as exc:
            if isinstance(exc, GaveUp) and not question.parked:
                return (Later(replace(question, parked=True)),)
            draft = question.draft
            reject = Reject(
                id=question.origin.id if draft is None else draft.id,
                kind="file" if draft is None else "program",
                reason=exc.reason,
                detail=exc.detail,
            )
            return (reject,)
        return (Unified(question, answer),)
