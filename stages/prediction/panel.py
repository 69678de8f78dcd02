"""The guess panel: answers that need no understanding, and the questions for which they are right.

For an input it guesses all arguments zero or empty, all one, and all null. It also guesses the
target itself, for all arguments of its type or for the first of them. The other arguments are zero
or one then. For an output it guesses each argument, and the program's commonest output.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox import Runner
from stages.likeness.clusters import signature_of
from stages.likeness.probing import outputs_of
from stages.records import Direction, Pair, Program
from stages.values.equality import Equality, compare
from stages.values.text import value_of
from stages.values.types import Type, type_of

ZEROS: dict[str, Any] = {"bool": False, "int": 0, "float": 0.0, "str": "", "null": None, "mixed": 0}
ONES: dict[str, Any] = {"bool": True, "int": 1, "float": 1.0, "str": "1", "null": None, "mixed": 1}
"""The guesses `zero` and `one` by the type of an argument."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Guesses at questions. equality: the run's own, by which a guess is as right as an answer."""

    sandbox: Runner
    equality: Equality = "close"

    async def guesses(
        self, program: Program, pairs: Sequence[Pair], directions: Sequence[Direction]
    ) -> "Guesses":
        """The panel's guesses at the questions of these pairs, with the outputs they give.

        pairs: those of which an input can be asked for.
        Raises: SandboxError, JobRefused.
        """
        # Many pairs share guesses, and all different ones are run together in one fork.
        inputs: dict[str, None] = {}
        by_pair: list[dict[str, str]] = []
        arguments = signature_of(program) if "input" in directions else ()
        for pair in pairs:
            answers = _inputs(arguments, value_of(pair.output)) if arguments else {}
            by_pair.append(answers)
            inputs.update(dict.fromkeys(answers.values()))
        outputs = await outputs_of(self.sandbox, program, tuple(inputs))
        given = dict(zip(inputs, outputs, strict=True))
        return Guesses(
            {
                pair.id: {name: given[text] for name, text in answers.items()}
                for pair, answers in zip(pairs, by_pair, strict=True)
            },
            program.generation.commonest,
            self.equality,
        )


@dataclass(frozen=True, slots=True)
class Guesses:
    """The guesses at the questions of one program.

    given: for each pair's id and each guess's name, the output that the guessed input gives.
    commonest: the program's commonest output, if any came twice.
    """

    given: Mapping[str, Mapping[str, str | None]]
    commonest: str | None
    equality: Equality

    def winners(self, pair: Pair, direction: Direction) -> tuple[str, ...]:
        """The names of the guesses that are right."""
        if direction == "input":
            outputs = self.given.get(pair.id, {})
            return tuple(
                name
                for name, text in outputs.items()
                if text is not None and self._is(text, pair.output)
            )
        found = []
        arguments = value_of(pair.input)
        values = arguments.values() if isinstance(arguments, dict) else (arguments,)
        if any(self._is(json.dumps(value, ensure_ascii=False), pair.output) for value in values):
            found.append("argument")
        if self.commonest is not None and self._is(self.commonest, pair.output):
            found.append("commonest")
        return tuple(found)

    def _is(self, text: str, target: str) -> bool:
        return compare(text, target, self.equality) is not None


def _inputs(arguments: Sequence[tuple[str, Type]], target: Any) -> dict[str, str]:
    """The guessed inputs as JSON text, by the guess's name. target: the output to reach."""
    guesses = {
        "zero": {name: _zero(type_) for name, type_ in arguments},
        "one": {name: _one(type_) for name, type_ in arguments},
        "null": {name: None for name, _ in arguments},
    }
    takes = [name for name, type_ in arguments if _takes(type_, type_of(target))]
    if takes and target is not None:
        for rest in ("zero", "one"):
            guesses[f"target_{rest}"] = guesses[rest] | dict.fromkeys(takes, target)
            if len(takes) > 1:
                guesses[f"first_{rest}"] = guesses[rest] | {takes[0]: target}
    return {name: json.dumps(answer, ensure_ascii=False) for name, answer in guesses.items()}


def _zero(type_: Type) -> Any:
    if isinstance(type_, str):
        return ZEROS[type_]
    return [] if type_[0] == "list" else {}


def _one(type_: Type) -> Any:
    if isinstance(type_, str):
        return ONES[type_]
    kind, inner = type_
    if kind == "list":
        return [_one(inner)]
    if kind == "record":
        return {key: _one(item) for key, item in inner.items()}
    return {"1": _one(inner)}


def _takes(argument: Type, target: Type) -> bool:
    """Whether a target of its type can stand for an argument."""
    if isinstance(argument, str) or isinstance(target, str):
        return argument == target or (argument, target) in (("int", "float"), ("float", "int"))
    return argument[0] == target[0] or {argument[0], target[0]} == {"record", "map"}
