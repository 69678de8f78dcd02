"""Program -> Question: which of a program's pairs are asked, in which direction, and in which
words."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stages.normalise import normalised
from stages.panel import Panel
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
Skip = Literal["trivial", "long", "leak", "repeated", "constant", "skewed", "guess"]
SKIPPED: tuple[Skip, ...] = ("trivial", "long", "leak", "repeated", "constant", "skewed")
NEVER_ASKED = ("invalid", "input_after_call")
LEAK_CHARACTERS = 4
"""A shorter literal stands everywhere."""
WORDS = frozenset({"true", "false", "null"})


@dataclass(frozen=True, slots=True)
class Wording:
    """The texts of a question. Both directions of a program open alike, so that a server's prefix
    cache serves them."""

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
        names = (
            [f"`{name}`" for name in arguments]
            if isinstance(arguments, dict)
            else ["the one argument, as it is"]
        )
        ask = (self.ask_input if asks_input else self.ask_output).fill(
            value=pair.output if asks_input else pair.input,
            tolerance=tolerance,
            names=", ".join(names),
        )
        filled = [
            Template("", text, "").fill(
                statement=sections.statement, description=sections.description, code=code
            )
            for text in (problem, reference)
        ]
        return self.question.fill(problem=filled[0], reference=filled[1], ask=ask)


@dataclass(frozen=True, slots=True)
class Prediction:
    """pairs: distinct questions per direction; round: samples of a question that are asked at once,
    0 for all; steps: line events outside of which a pair is trivial or long, or None; skip: tags
    with which a question is not asked."""

    wording: Wording
    panel: Panel
    pairs: int = 3
    directions: tuple[Direction, ...] = ("input", "output")
    samples: int = 1
    round: int = 0
    variants: Mapping[Variant, float] = field(default_factory=lambda: {"query_code": 1.0})
    steps: tuple[int, int] | None = (4, 10_000)
    skip: frozenset[Skip] = frozenset(SKIPPED)

    async def __call__(self, program: Program) -> tuple[Question | Tally | Reject, ...]:
        guesses = await self.panel.guesses(program, self._candidates(program), self.directions)
        questions: list[Question] = []
        unasked: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        for direction in self.directions:
            wanted = self._wanted(program, direction)
            seen: set[str] = set()
            asked = 0
            for number, pair in enumerate(program.pairs):
                shown = pair.output if direction == "input" else pair.input
                winners = guesses.winners(pair, direction) if not self._never(pair) else ()
                tags = self._tags(
                    program, pair, direction, repeated=shown in seen, guessed=bool(winners)
                )
                reason = next((tag for tag in tags if tag in self.skip or tag in NEVER_ASKED), "")
                if reason:
                    unasked[reason] += 1
                elif asked < wanted:
                    seen.add(shown)
                    asked += 1
                    questions.append(
                        self._question(program, pair, number, direction, tags, winners)
                    )
                    counts.update(_panel_counts(direction, winners))
        counts.update({f"unasked.{reason}": count for reason, count in unasked.items()})
        tally = Tally(f"posed:{program.id}", dict(counts))
        if not questions:
            detail = ", ".join(f"{count} {reason}" for reason, count in sorted(unasked.items()))
            return (Reject(program.id, "program", "no_questions", detail), tally)
        return (*questions, tally)

    def _candidates(self, program: Program) -> tuple[Pair, ...]:
        """The pairs of which an input can be asked for."""
        if not self._wanted(program, "input") or "input" not in self.directions:
            return ()
        return tuple(pair for pair in program.pairs if not self._never(pair))

    def _never(self, pair: Pair) -> bool:
        return any(tag in pair.tags for tag in NEVER_ASKED)

    def _wanted(self, program: Program, direction: Direction) -> int:
        if FEW_KINDS & set(program.tags) & self.skip:
            return 0 if direction == "input" else min(1, self.pairs)
        return self.pairs

    def _tags(
        self, program: Program, pair: Pair, direction: Direction, *, repeated: bool, guessed: bool
    ) -> list[str]:
        """What is wrong with a question, the worst first."""
        tags = [tag for tag in NEVER_ASKED if tag in pair.tags]
        if self.steps is not None and pair.steps is not None:
            tags += (
                ["trivial"]
                if pair.steps < self.steps[0]
                else ["long"]
                if pair.steps > self.steps[1]
                else []
            )
        if not tags and _leaks(program, pair, direction):
            tags.append("leak")
        return (
            tags
            + (["repeated"] if repeated else [])
            + (["guess"] if guessed and "guess" in self.skip else [])
        )

    def _question(
        self,
        program: Program,
        pair: Pair,
        number: int,
        direction: Direction,
        tags: list[str],
        winners: tuple[str, ...],
    ) -> Question:
        id_ = f"{program.id}.{pair.id}.{direction[0]}"
        variant = self._variant(id_)
        opening = self.wording.opening(program, pair, direction, variant)
        question = Question(
            id=id_,
            program=program,
            pair=pair,
            number=number,
            direction=direction,
            opening=({"role": "user", "content": opening},),
            samples=(),
            variant=variant,
            prompt=self.wording.prompt,
            tags=tuple(dict.fromkeys((*program.tags, *pair.tags, *tags))),
            guess=winners,
            wanted=self.samples,
            whole=True,
        )
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


def _panel_counts(direction: Direction, winners: tuple[str, ...]) -> dict[str, int]:
    won = {f"panel.{direction}.won": 1} if winners else {}
    return {
        f"panel.{direction}.asked": 1,
        **won,
        **{f"panel.{direction}.by.{name}": 1 for name in winners},
    }


def _leaks(program: Program, pair: Pair, direction: Direction) -> bool:
    """Whether the answer, or one of the arguments that are asked for, stands in the statement or
    the description.

    The code is not looked at, nor the value that is shown: both are what the answer is to be worked
    out from.
    """
    text = f"{program.sections.statement}\n{program.sections.description}"
    if direction == "output":
        return _stands(pair.output, text)
    arguments = json.loads(pair.input)
    values = arguments.values() if isinstance(arguments, dict) else (arguments,)
    return any(_stands(json.dumps(value, ensure_ascii=False), text) for value in values)


def _stands(literal: str, text: str) -> bool:
    """Whether a literal of some length stands in a text as a whole token."""
    bare = literal.strip('"') if literal.startswith('"') else literal
    if len(bare) < LEAK_CHARACTERS or bare in WORDS or bare not in text:
        return False
    before = r"(?<![\w.-])" if re.match(r"[\w.-]", bare) else ""
    after = r"(?![\w]|\.\d)" if re.search(r"\w$", bare) else ""
    return re.search(before + re.escape(bare) + after, text) is not None


def _has_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_float(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_float(item) for item in value)
    return isinstance(value, float)
