"""A server that bills: heavy-tailed token counts, hangs that are billed all the same, and a ledger
of every call."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.server import Reply, Script, serving

CHARACTERS_PER_TOKEN = 3


@dataclass
class Ledger:
    """Wraps a model: what it answers is billed by tokens. hangs: share of the calls that never get
    their answer, and are billed; broken: share whose answer breaks off, and is billed."""

    model: Callable[[dict[str, Any]], Reply]
    price: dict[str, float]
    seed: int = 0
    hangs: float = 0.0
    broken: float = 0.0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    script: Script = field(default_factory=lambda: Script([]))

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def usd(self) -> float:
        return (
            self.input_tokens * self.price["input"] + self.output_tokens * self.price["output"]
        ) / 1e6

    def reply(self, body: dict[str, Any]) -> Reply:
        reply = self.model(body)
        asked = sum(len(message["content"]) for message in body["messages"]) // CHARACTERS_PER_TOKEN
        said = min(body["max_tokens"], int(20 * self.chance.paretovariate(1.1)))
        self.calls += 1
        self.input_tokens += asked
        self.output_tokens += said
        usage = {"prompt_tokens": asked, "completion_tokens": said}
        kind = self.chance.random()
        if kind < self.hangs:
            return Reply(hang=True)
        if kind < self.hangs + self.broken:
            return Reply(reset=True)
        return replace(reply, body={**reply.body, "usage": usage})


@asynccontextmanager
async def billing(
    model: Callable[[dict[str, Any]], Reply], **options: Any
) -> AsyncIterator[Ledger]:
    """Serves the model, metered; prices of 1 USD per million input and 3 per million output
    tokens."""
    ledger = Ledger(model, {"input": 1.0, "output": 3.0}, **options)
    async with serving(ledger.reply) as script:
        ledger.script = script
        yield ledger
