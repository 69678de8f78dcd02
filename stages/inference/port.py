"""What a stage asks of a model.

A model is anything with `name`, `body` and `complete`. Retries and limits are the model's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from stages.records import Answer, Direction, Messages, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What a question is about, for simulated models alone.

    It is never sent, and no part of a request's identity.
    """

    code: str
    entrypoint: str
    direction: Direction
    input: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How answers are drawn. extra: further fields of the body."""

    temperature: float = 0.7
    max_tokens: int = 4096
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The fields of a request's body."""
        body: dict[str, Any] = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        if self.top_p is not None:
            body["top_p"] = self.top_p
        if self.stop:
            body["stop"] = list(self.stop)
        return {**body, **self.extra}


class Meter(Protocol):
    """What a request reports each of its attempts to, so that no budget is exceeded."""

    async def sending(self) -> None:
        """Before each attempt: waits until the budget allows its worst case.

        Raises: Unavailable when the budget is used up.
        """
        ...

    def unpaid(self) -> None:
        """After an attempt that nobody bills."""
        ...

    async def wasted(self, usage: Usage | None) -> None:
        """After an attempt that may be billed and gave no answer.

        usage: the tokens that the server reports for it, or None.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One chat completion.

    Its identity is the body that its model makes of it. A body is only paid for once. The last four
    fields are no part of it.

    seed: the sample's number, where several answers to one question are wanted.
    urgency: the lowest goes first.
    role: in which part of the work the model is used, for the report.
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
        """The body of the request, before its model adds to it."""
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
        """All that the answer depends on, which is the request's identity."""
        ...

    async def complete(self, request: ChatRequest) -> Answer:
        """The answer.

        Raises: Rejected when this request will never be answered, Unavailable, Misconfigured.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A model in one part of the work.

    name: transform, inference or revision. system: a system prompt for all its requests.
    """

    model: Model
    sampling: Sampling
    system: str = ""
    name: str = ""

    async def ask(
        self, messages: Messages, *, urgency: int, seed: int | None = None, hint: Hint | None = None
    ) -> Answer:
        """The model's answer to a conversation. Raises: as `Model.complete`.

        The role's system prompt goes before the conversation, unless that has one.
        """
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
        """How the role draws its answers, as rows show it."""
        return {"model": self.model.name, **self.sampling.body()}
