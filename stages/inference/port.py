"""What a stage asks of a model. A model is anything with `complete`; policy (retries, limits) is
the model's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from stages.records import Answer, Direction, Messages, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What a question is about, for simulated models alone: never sent, and no part of a request's
    identity."""

    code: str
    entrypoint: str
    direction: Direction
    input: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How answers are drawn. extra: further body fields of this role."""

    temperature: float = 0.7
    max_tokens: int = 4096
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        if self.top_p is not None:
            body["top_p"] = self.top_p
        if self.stop:
            body["stop"] = list(self.stop)
        return {**body, **self.extra}


class Meter(Protocol):
    """Lent with a request: what is told of each of its attempts, so that no budget is passed."""

    async def sending(self) -> None:
        """Before each attempt: waits until the budget allows it at its dearest. Raises:
        Unavailable."""
        ...

    def unpaid(self) -> None:
        """After an attempt that nobody bills."""
        ...

    async def wasted(self, usage: Usage | None) -> None:
        """After an attempt that may be billed and gave no answer. usage: what the server said of
        it, if it did."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One chat completion. seed: the sample's number, where several answers to one question are
    wanted.

    What its model makes of its body is its identity: the same body is paid once. urgency (lower
    goes first), hint, role (for the report) and meter are no part of it.
    """

    model: str
    messages: Messages
    sampling: Sampling
    seed: int | None = None
    urgency: int = 0
    hint: Hint | None = None
    role: str = ""
    meter: Meter | None = None

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [dict(m) for m in self.messages],
            **self.sampling.body(),
        }
        if self.seed is not None:
            body["seed"] = self.seed
        return body


class Model(Protocol):
    """Answers chat requests."""

    @property
    def name(self) -> str:
        """The name by which requests ask for it."""
        ...

    def body(self, request: ChatRequest) -> dict[str, Any]:
        """All that the answer depends on: the request's identity, and what an HTTP model sends."""
        ...

    async def complete(self, request: ChatRequest) -> Answer:
        """The answer. Raises: Rejected (this request will never be answered), Unavailable,
        Misconfigured."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A model in one part of the work. name: transform, inference or revision."""

    model: Model
    sampling: Sampling
    system: str = ""
    name: str = ""

    async def ask(
        self, messages: Messages, *, urgency: int, seed: int | None = None, hint: Hint | None = None
    ) -> Answer:
        """The model's answer to the conversation, the role's system prompt before it."""
        if self.system and not (messages and messages[0]["role"] == "system"):
            messages = ({"role": "system", "content": self.system}, *messages)
        request = ChatRequest(
            model=self.model.name,
            messages=messages,
            sampling=self.sampling,
            seed=seed,
            urgency=urgency,
            hint=hint,
            role=self.name,
        )
        return await self.model.complete(request)

    def to_json(self) -> dict[str, Any]:
        return {"model": self.model.name, **self.sampling.body()}
