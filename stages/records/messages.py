"""What is said to a model and by it: messages, prompts, answers, usage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Message = Mapping[str, str]


Messages = tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one model call, or the sum of several.

    estimated: whether at least one server sent no usage. usd: the cost by the prices that the run
    file gave at the time of the call.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    estimated: bool = False
    usd: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            estimated=self.estimated or other.estimated,
            usd=self.usd + other.usd,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cached_tokens": self.cached_tokens,
            "estimated": self.estimated,
            "usd": round(self.usd, 9),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model said. finish: stop or length. model: its name as the server reports it."""

    content: str
    reasoning: str = ""
    finish: str = "stop"
    model: str = ""
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Prompt:
    """Which prompt text was used: its version, and a hash of its words."""

    version: str
    hash: str

    def to_json(self) -> dict[str, str]:
        return {"version": self.version, "hash": self.hash}
