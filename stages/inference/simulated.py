"""`kind = "simulated"`: a model without a network, so that a run costs nothing.

It knows the unified form of the starter files from a recorded file. To a prediction question it
runs the question's reference code in the sandbox, and describes which line gave which variable
which value. It is wrong on purpose at a set rate. Its answers depend on the messages and the seed
alone.
"""

import json
import random
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from sandbox import PrioritySemaphore, Runner, Trace
from stages.errors import Misconfigured
from stages.inference.port import ChatRequest, Hint
from stages.records import Answer, Usage, digest

CHANGES = 60
"""Changes of variables that are traced."""
SHOWN = 10
"""Changes of variables that an answer describes: the first ones, and the last three."""


@dataclass(frozen=True, kw_only=True)
class SimulatedModel:
    """A model whose mistakes are drawn from a seed.

    semaphore: bounds how many answers are made at once.
    wrong, wrong_again: the share of wrong answers in first and in later turns.
    recorded: a file with replies to transform questions, as JSON lines `{content, replies}`. None
    means the starter's.
    """

    name: str
    sandbox: Runner
    semaphore: PrioritySemaphore
    wrong: float = 0.45
    wrong_again: float = 0.7
    seed: int = 0
    recorded: Path | None = None
    _read: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def _replies(self) -> dict[str, list[str]]:
        """The replies to each source file, by its text. Raises: Misconfigured."""
        source = self.recorded or resources.files("stages").joinpath("inference", "recorded.jsonl")
        try:
            rows = [json.loads(line) for line in source.read_text("utf-8").splitlines()]
            return {row["content"].strip(): row["replies"] for row in rows}
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise Misconfigured(
                f"the simulated model's recorded replies {source} cannot be read: {exc}"
            ) from exc

    def body(self, request: ChatRequest) -> dict[str, Any]:
        """The request's identity, to which the settings of its mistakes belong."""
        mistakes = {"wrong": self.wrong, "wrong_again": self.wrong_again, "seed": self.seed}
        return {**request.body(), "simulated": mistakes}

    async def complete(self, request: ChatRequest) -> Answer:
        """The answer, with estimated tokens. Raises: Misconfigured, SandboxError."""
        async with self.semaphore.permit(request.urgency):
            if request.hint is None:
                content = self._transformed(request)
            else:
                content = await self._predicted(request, request.hint)
        asked = sum(len(message["content"]) for message in request.messages)
        return Answer(
            content=content,
            model=self.name,
            usage=Usage(input_tokens=asked // 4, output_tokens=len(content) // 4, estimated=True),
        )

    def _transformed(self, request: ChatRequest) -> str:
        asked = next(
            message["content"] for message in request.messages if message["role"] == "user"
        )
        turn = sum(message["role"] == "assistant" for message in request.messages)
        for content, replies in self._replies.items():
            if content in asked:
                return replies[min(turn, len(replies) - 1)]
        return (
            "DECLINED: other the simulated model knows only the files "
            "that it has recorded replies for"
        )

    async def _predicted(self, request: ChatRequest, hint: Hint) -> str:
        turns = sum(message["role"] == "assistant" for message in request.messages)
        chance = random.Random(
            digest(str(self.seed), str(request.seed), json.dumps([*map(dict, request.messages)]))
        )
        run = await self.sandbox.run(
            hint.code, hint.entrypoint, hint.input, trace=Trace(changes=CHANGES)
        )
        truth = hint.output if hint.direction == "output" else hint.input
        rationale = _narrated(hint, run.changes)
        if chance.random() >= (self.wrong_again if turns else self.wrong):
            return f"{rationale}\n\n{_dressed(hint.direction, truth, chance)}"
        return f"{rationale}\n\n{_mistaken(hint.direction, json.loads(truth), chance)}"


def _narrated(hint: Hint, changes: tuple[tuple[int, str, str], ...]) -> str:
    """What the run did, in words. Each variable is named with a value that it had."""
    opening = "I follow the program from its arguments on."
    if hint.direction == "input":
        opening = (
            "I try an input that should lead there, and follow the program to see whether it does."
        )
    arguments = json.loads(hint.input)
    lines = [
        f"At the start `{name}` is {json.dumps(value, ensure_ascii=False)}."
        for name, value in arguments.items()
    ]
    chosen = changes if len(changes) <= SHOWN else (*changes[: SHOWN - 3], *changes[-3:])
    for place, (line, name, value) in enumerate(chosen):
        if len(changes) > SHOWN and place == SHOWN - 3:
            lines.append(f"It goes on like this for {len(changes) - SHOWN} more changes.")
        lines.append(f"In line {line}, `{name}` becomes {value}.")
    return "\n".join([opening, *lines])


def _dressed(field_name: str, text: str, chance: random.Random) -> str:
    """An answer in one of the forms that models give it."""
    body = f'{{"{field_name}": {text}}}'
    return chance.choice(
        [
            f"So the answer is:\n```json\n{body}\n```",
            f"The answer is {body}",
            f"Final answer:\n\n{body}",
        ]
    )


def _mistaken(field_name: str, truth: Any, chance: random.Random) -> str:
    """A wrong answer: none at all, one that is no JSON, a wrong type, or a value with a slip."""
    kind = chance.random()
    if kind < 0.08:
        return "I lose track of the values here and cannot finish."
    if kind < 0.14:
        return f'The answer is {{"{field_name}": {json.dumps(truth, ensure_ascii=False)[:-1]} ...'
    if kind < 0.24 and field_name == "input" and isinstance(truth, dict):
        return _dressed(field_name, json.dumps(dict.fromkeys(truth, "unknown")), chance)
    return _dressed(field_name, json.dumps(slipped(truth, chance), ensure_ascii=False), chance)


def slipped(value: Any, chance: random.Random) -> Any:
    """A value of the same shape with one mistake in it."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + chance.choice([-2, -1, 1, 2])
    if isinstance(value, float):
        return round(value + chance.choice([-1, 1]) * max(0.5, abs(value) / 10), 4)
    if isinstance(value, str):
        return value[:-1] if len(value) > 1 else value + "a"
    if isinstance(value, list) and value:
        place = chance.randrange(len(value))
        return [slipped(item, chance) if i == place else item for i, item in enumerate(value)]
    if isinstance(value, dict) and value:
        name = chance.choice(sorted(value))
        return {key: slipped(item, chance) if key == name else item for key, item in value.items()}
    return 0 if value is None else [0]
