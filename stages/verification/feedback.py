"""The feedback on an answer. It never holds the right output of an output question."""

from dataclasses import dataclass

from stages.prompts.templates import Template
from stages.records import Question, Turn

SHAPE = "shape: "
"""The beginning of an error where a predicted input cannot be passed to the function at all."""
OUTSIDE = "outside the stated domain"
"""The error of a predicted input that gives the right output, but that its check refuses."""
SHOWN = 600
"""Characters of a value that a feedback repeats."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """The sentences by verdict, from the prompt file `feedback`."""

    template: Template

    @property
    def redo(self) -> str:
        """The request to try again, which follows the feedback where another turn does."""
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
