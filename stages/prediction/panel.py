"""The guess panel: fixed answers that ask for no understanding, and which questions they win.

For an input: all arguments zero or empty, all one, all null, and the target copied into the
arguments of its type, or into the first of them, with the rest zero or one. For an output: an
argument as it is, and the commonest output of the program.
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

ZEROS: Mapping[str, Any] = {
    "bool": False,
    "int": 0,
    "float": 0.0,
    "str": "",
    "null": None,
    "mixed": 0,
}
ONES: Mapping[str, Any] = {
    "bool": True,
    "int": 1,
    "float": 1.0,
    "str": "1",
    "null": None,
    "mixed": 1,
}


@dataclass(frozen=True, slots=True)
class Panel:
    """equality: the run's own, by which a guess wins as an answer would."""

    sandbox: Runner
    equality: Equality = "close"

    async def guesses(
        self, program: Program, pairs: Sequence[Pair], directions: Sequence[Direction]
    ) -> "Guesses":
        """What the panel answers to the questions of these pairs, and what that gives: one fork, if
        inputs are asked for."""
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
    """given: by pair and guess, the output that the guessed input gives. commonest: the program's
    commonest output."""

    given: Mapping[str, Mapping[str, str | None]]
    commonest: str | None
    equality: Equality

    def winners(self, pair: Pair, direction: Direction) -> tuple[str, ...]:
        """The guesses that are right."""
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
    """The inputs that the panel answers, by the guess's name."""
    guesses = {
        "zero": {
            name: ZEROS[type_] if isinstance(type_, str) else _empty(type_)
            for name, type_ in arguments
        },
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


def _empty(type_: tuple[str, Any]) -> Any:
    return [] if type_[0] == "list" else {}


def _one(type_: Type) -> Any:
    if isinstance(type_, str):
        return ONES[type_]
    if type_[0] == "list":
        return [_one(type_[1])]
    return (
        {key: _one(item) for key, item in type_[1].items()}
        if type_[0] == "record"
        else {"1": _one(type_[1])}
    )


def _takes(argument: Type, target: Type) -> bool:
    """Whether a target of its type can stand for an argument."""
    if isinstance(argument, str) or isinstance(target, str):
        return argument == target or (argument, target) in (("int", "float"), ("float", "int"))
    return argument[0] == target[0] or {argument[0], target[0]} == {"record", "map"}
