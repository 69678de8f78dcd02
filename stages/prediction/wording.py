"""The text of a question, from the prompt files."""

import json
from dataclasses import dataclass
from typing import Any

from stages.prediction.normalise import normalised
from stages.prompts.templates import Template
from stages.records import Direction, Pair, Program, Prompt, Variant, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The templates of a question.

    The questions of both directions have the same beginning, so that a server's prefix cache serves
    them. normalise: whether the code is tidied.
    """

    question: Template
    parts: Template
    ask_input: Template
    ask_output: Template
    normalise: bool = True

    @property
    def prompt(self) -> Prompt:
        """The version and hash of all four templates. One that is custom makes them custom."""
        used = (self.question, self.parts, self.ask_input, self.ask_output)
        versions = {template.version for template in used}
        version = self.question.version if not any(v == "custom" for v in versions) else "custom"
        return Prompt(version, digest(*(template.text for template in used), length=12))

    def opening(self, program: Program, pair: Pair, direction: Direction, variant: Variant) -> str:
        """The first user message of a question.

        variant: whether it shows the problem and the code, or only one of them.
        """
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


def _has_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_float(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_float(item) for item in value)
    return isinstance(value, float)
