"""What is said of an answer. The truth of an output question is never told; sentences for right
answers are fixed."""

from dataclasses import dataclass

from stages.prompts.templates import Template
from stages.records import Question, Turn

SHAPE = "shape: "
"""How the error of a predicted input begins that cannot be passed to the function at all."""
OUTSIDE = "outside the stated domain"
"""The error of a predicted input that gives the output but that the description rules out."""
SHOWN = 600
"""Characters of a value that are repeated in a feedback."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """The sentences by verdict, from the prompt file `feedback`."""

    template: Template

    @property
    def redo(self) -> str:
        return self.template.parts()["redo"]

    def about(self, question: Question, turn: Turn) -> str:
        """The feedback on one judged turn, without the request to try again."""
        text = self.template.parts()[self._part(question, turn)]
        return Template("feedback", text, self.template.version).fill(
            predicted=_shown(turn.predicted),
            got=_shown(turn.got),
            error=turn.error,
            detail=turn.error.removeprefix(SHAPE),
            target=_shown(question.pair.output) if question.direction == "input" else "",
        )

    def _part(self, question: Question, turn: Turn) -> str:
        verdict = turn.verdict or "no_answer"
        if turn.error == OUTSIDE:
            return "out_of_domain"
        if verdict in ("right", "wrong"):
            return f"{verdict}_{question.direction}"
        return "shape" if turn.error.startswith(SHAPE) else verdict


def _shown(text: str | None) -> str:
    if text is None:
        return "something else"
    return text if len(text) <= SHOWN else text[:SHOWN] + " ..."
