"""Answered -> Judged: compares predicted outputs with the recorded one, and runs predicted inputs.

A verdict depends on CPU time and not on wall time, so that it is the same on a busy machine.
"""

import json
from dataclasses import dataclass, replace
from typing import Literal

from sandbox import Run, Runner
from stages.guest import environment
from stages.records import Answered, Attempted, Judged, Question, Turn, VerdictName, seed_of
from stages.values.equality import Equality, compare
from stages.verification.answers import Found, Reading, find
from stages.verification.feedback import OUTSIDE, SHAPE, Feedback

VERDICT_OF_RUN: dict[str, VerdictName] = {
    "error": "error",
    "timeout": "timeout",
    "memory": "memory",
    "denied": "denied",
    "crash": "crash",
    "invalid": "error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Gives every fresh turn its verdict and its feedback.

    equality: when a value equals the recorded one. reading: how tolerantly answers are read.
    domain: whether an input outside of the stated domain is only tagged, or wrong.
    """

    sandbox: Runner
    feedback: Feedback
    equality: Equality = "close"
    reading: Reading = "tolerant"
    domain: Literal["tag", "require"] = "tag"

    async def __call__(self, answered: Answered) -> tuple[Judged]:
        question = answered.question
        samples = [await self._sample(question, sample) for sample in question.samples]
        return (Judged(question.with_samples(tuple(samples))),)

    async def _sample(self, question: Question, sample: Attempted) -> Attempted:
        if sample.closed or not sample.turns or sample.last.verdict is not None:
            return sample
        turn = await self._judged(question, sample.last)
        turn = replace(turn, feedback=self.feedback.about(question, turn))
        return replace(sample, turns=(*sample.turns[:-1], turn))

    async def _judged(self, question: Question, turn: Turn) -> Turn:
        if turn.answer.finish == "length":
            return replace(turn, verdict="cut")
        found = find(turn.answer.content, question.direction, self.reading)
        if found is None:
            return replace(
                turn, verdict="no_answer", error="no answer in the form that was asked for"
            )
        turn = replace(turn, predicted=found.text, read=found.how)
        turn = await (
            self._input(question, turn, found)
            if question.direction == "input"
            else self._output(question, turn)
        )
        # A wrong answer may be due to a wrong record. The gate rules that out, but it has not run,
        # or has run in another guest, for a program that was read from a file.
        if (
            turn.verdict != "right"
            and not self._gated_here(question)
            and not await self._truth_stands(question)
        ):
            return replace(
                turn,
                verdict="invalid_truth",
                match=None,
                error="the recorded pair does not come again",
            )
        return turn

    def _gated_here(self, question: Question) -> bool:
        """Whether the gate has seen this pair reproduce in a guest like this one."""
        there = question.program.generation.environment
        return question.program.gated and there in (None, environment(self.sandbox.guest))

    async def _output(self, question: Question, turn: Turn) -> Turn:
        assert turn.predicted is not None
        match = compare(turn.predicted, question.pair.output, self.equality)
        return replace(turn, verdict="right" if match else "wrong", match=match)

    async def _input(self, question: Question, turn: Turn, found: Found) -> Turn:
        misfit = shape_error(found.text, question.pair.input)
        if misfit:
            return replace(turn, verdict="error", error=SHAPE + misfit)
        run = await self._run(question, found.text)
        turn = replace(turn, cpu_s=run.cpu_s, near_limit=run.near_limit, got=run.value)
        if run.status != "ok" or run.value is None:
            turn = replace(turn, verdict=VERDICT_OF_RUN[run.status], error=run.error)
        else:
            match = compare(run.value, question.pair.output, self.equality)
            turn = replace(turn, verdict="right" if match else "wrong", match=match)
        return await self._placed(question, turn, found)

    async def _placed(self, question: Question, turn: Turn, found: Found) -> Turn:
        """The turn with a tag if its input lies outside of the stated domain.

        Where `domain` is "require", such an input is wrong even if it gives the output.
        """
        check = question.program.sections.check
        if not check:
            return turn
        run = await self.sandbox.run(check, "input_check", found.text)
        if run.value == "true":
            return turn
        turn = replace(turn, out_of_domain=True)
        if turn.verdict == "right" and self.domain == "require":
            return replace(turn, verdict="wrong", match=None, error=OUTSIDE)
        return turn

    async def _truth_stands(self, question: Question) -> bool:
        """Whether the program still gives the recorded output for the recorded input."""
        run = await self._run(question, question.pair.input)
        return (
            run.value is not None and compare(run.value, question.pair.output, "close") is not None
        )

    async def _run(self, question: Question, text: str) -> Run:
        program = question.program
        return await self.sandbox.run(
            program.sections.code, program.entrypoint, text, seed=seed_of(program.id)
        )


def shape_error(predicted: str, recorded: str) -> str:
    """Why a predicted input cannot be passed to the function at all, or "" if it can.

    predicted, recorded: inputs as JSON text. The names of the recorded one are the arguments.
    """
    value, wanted = json.loads(predicted), json.loads(recorded)
    if not isinstance(wanted, dict):
        return ""
    if not isinstance(value, dict):
        return "it is not an object with the arguments by name"
    absent, extra = sorted(wanted.keys() - value.keys()), sorted(value.keys() - wanted.keys())
    parts = [f"missing: {', '.join(absent)}"] if absent else []
    parts += [f"not an argument: {', '.join(extra)}"] if extra else []
    return "; ".join(parts)
