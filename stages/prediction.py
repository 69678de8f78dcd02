"""Program -> Question: which of a program's pairs are asked, in which direction, and in which words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stages.normalise import normalised
from stages.prompts import Template
from stages.records import (
    Direction,
    Pair,
    Program,
    Prompt,
    Question,
    Reject,
    Tally,
    Variant,
    digest,
)

FEW_KINDS = frozenset({"constant", "skewed"})


@dataclass(frozen=True, slots=True)
class Wording:
    """The texts of a question. Both directions of a program open alike, so that a server's prefix cache serves them."""

    question: Template
    parts: Template
    ask_input: Template
    ask_output: Template
    normalise: bool = True

    @property
    def prompt(self) -> Prompt:
        used = (self.question, self.parts, self.ask_input, self.ask_output)
        versions = {template.version for template in used}
        version = self.question.version if not any(v == "custom" for v in versions) else "custom"
        return Prompt(version, digest(*(template.text for template in used), length=12))

    def opening(self, program: Program, pair: Pair, direction: Direction, variant: Variant) -> str:
        parts = self.parts.parts()
        sections = program.sections
        code = normalised(sections.code, program.entrypoint) if self.normalise else sections.code
        problem, reference = parts["query"], parts["reference"]
        if variant == "query":
            reference = ""
        if variant == "code":
            problem, reference = parts["unstated"], parts["code"]
        asks_input = direction == "input"
        tolerance = parts["tolerance"] if _has_float(json.loads(pair.output)) else ""
        arguments = json.loads(pair.input)
        names = [f"`{name}`" for name in arguments] if isinstance(arguments, dict) else ["the one argument, as it is"]
        ask = (self.ask_input if asks_input else self.ask_output).fill(
            value=pair.output if asks_input else pair.input, tolerance=tolerance,
            names=", ".join(names),
        )  # fmt: skip
        filled = [
            Template("", text, "").fill(statement=sections.statement, description=sections.description, code=code)
            for text in (problem, reference)
        ]
        return self.question.fill(problem=filled[0], reference=filled[1], ask=ask)


@dataclass(frozen=True, slots=True)
class Prediction:
    """pairs: distinct questions per direction; round: samples of a question that are asked at once, 0 for all; steps: line events between which a pair is asked, or None."""

    wording: Wording
    pairs: int = 3
    directions: tuple[Direction, ...] = ("input", "output")
    samples: int = 1
    round: int = 0
    variants: Mapping[Variant, float] = field(default_factory=lambda: {"query_code": 1.0})
    steps: tuple[int, int] | None = (4, 10_000)

    async def __call__(self, program: Program) -> tuple[Question | Tally | Reject, ...]:
        questions: list[Question] = []
        unasked: dict[str, int] = {}
        for direction in self.directions:
            wanted = self._wanted(program, direction)
            seen: set[str] = set()
            for number, pair in enumerate(program.pairs):
                shown = pair.output if direction == "input" else pair.input
                reason = self._unasked(pair, shown in seen)
                if reason:
                    unasked[reason] = unasked.get(reason, 0) + 1
                elif len(seen) < wanted:
                    seen.add(shown)
                    questions.append(self._question(program, pair, number, direction))
        counted = {f"unasked.{reason}": count for reason, count in unasked.items()}
        if not questions:
            detail = ", ".join(f"{count} {reason}" for reason, count in sorted(unasked.items()))
            return (Reject(program.id, "program", "no_questions", detail), Tally(f"unasked:{program.id}", counted))
        return (*questions, Tally(f"unasked:{program.id}", counted)) if counted else tuple(questions)

    def _wanted(self, program: Program, direction: Direction) -> int:
        if FEW_KINDS & set(program.tags):
            return 0 if direction == "input" else min(1, self.pairs)
        return self.pairs

    def _unasked(self, pair: Pair, repeated: bool) -> str:
        """Why a pair is not asked, or ""."""
        for tag in ("invalid", "input_after_call"):
            if tag in pair.tags:
                return tag
        if self.steps is not None and pair.steps is not None:
            if pair.steps < self.steps[0]:
                return "trivial"
            if pair.steps > self.steps[1]:
                return "long"
        return "repeated" if repeated else ""

    def _question(self, program: Program, pair: Pair, number: int, direction: Direction) -> Question:
        id_ = f"{program.id}.{pair.id}.{direction[0]}"
        variant = self._variant(id_)
        opening = self.wording.opening(program, pair, direction, variant)
        question = Question(
            id=id_, program=program, pair=pair, number=number, direction=direction,
            opening=({"role": "user", "content": opening},),
            samples=(), variant=variant, prompt=self.wording.prompt, tags=(*program.tags, *pair.tags),
            wanted=self.samples, whole=True,
        )  # fmt: skip
        return question.with_next(self.round)

    def _variant(self, id_: str) -> Variant:
        """The variant that a question's id draws from the shares."""
        shares = [(name, share) for name, share in self.variants.items() if share > 0]
        point = int(digest("variant", id_), 16) / 16**16 * sum(share for _, share in shares)
        for name, share in shares:
            if point < share:
                return name
            point -= share
        return shares[-1][0]


def _has_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_float(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_float(item) for item in value)
    return isinstance(value, float)
