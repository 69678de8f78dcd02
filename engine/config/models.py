"""The settings of [models.*]."""

from typing import Any, Literal

from pydantic import (
    Field,
    field_validator,
    model_validator,
)

from engine.config.section import Addresses, Positive, Section, Share, setting


class Price(Section):
    """What a provider charges. Without prices, spending is counted in tokens only."""

    input: float = setting(
        0.0,
        "Price of input tokens.",
        unit="USD per million tokens",
        why="Every provider has its own prices.",
        ge=0,
    )
    cached_input: float = setting(
        0.0,
        "Price of input tokens that the server reports as cached. At 0 they count as free.",
        unit="USD per million tokens",
        why="Every provider has its own prices.",
        ge=0,
    )
    output: float = setting(
        0.0,
        "Price of output tokens, with those of the reasoning.",
        unit="USD per million tokens",
        why="Every provider has its own prices.",
        ge=0,
    )
    batch: Share = setting(
        0.5,
        "What a batch API charges of these prices.",
        unit="share",
        why="Many providers charge half for batches.",
    )


class ModelSettings(Section):
    """A model, under a name that roles refer to."""

    kind: Literal["openai", "simulated"] = setting(
        "openai",
        "`openai` is any server with the chat completions protocol. "
        "`simulated` is embedded and needs no server, key or network.",
        why="Real data needs a real model.",
    )
    base_url: Addresses = setting(
        ["http://127.0.0.1:8000/v1"],
        "The server's address, or a list of addresses that serve the same model.",
        why="A local vLLM listens there.",
        only="openai",
        example="http://127.0.0.1:8000/v1",
    )
    model: str = setting(
        "",
        "The model's name at its server. A simulated model needs none.",
        why="Servers share no name for a model.",
        example="deepseek-chat",
    )
    api_key_env: str = setting(
        "",
        "The name of the environment variable that holds the key, never the key itself.",
        why="Local servers need no key.",
        only="openai",
        example="MY_API_KEY",
    )
    concurrency: Positive = setting(
        256,
        "Most requests in flight at once. Below it, the limit adapts to the server.",
        unit="requests",
        why="Its connections fit into the usual 1,024 open files.",
    )
    timeout_s: float = setting(
        600.0,
        "Longest time for one attempt.",
        unit="s",
        why="A long answer of a busy server takes minutes.",
        only="openai",
        gt=0,
    )
    connect_timeout_s: float = setting(
        30.0,
        "Longest time to connect.",
        unit="s",
        why="A dead address shows long before `timeout_s`.",
        only="openai",
        gt=0,
    )
    read_timeout_s: float = setting(
        0.0,
        "Longest time without a byte of the reply. 0: only `timeout_s` holds.",
        unit="s",
        why="Replies are not streamed, so a sound server is silent while it works.",
        only="openai",
        ge=0,
    )
    requests_per_minute: float = setting(
        0.0,
        "The rate that the provider allows. 0: no limit.",
        unit="requests per minute",
        why="Local servers have none, and a 429 slows the run down anyway.",
        only="openai",
        ge=0,
    )
    tokens_per_minute: float = setting(
        0.0,
        "The rate that the provider allows for input and output together. 0: no limit.",
        unit="tokens per minute",
        why="Local servers have none, and a 429 slows the run down anyway.",
        only="openai",
        ge=0,
    )
    hedge: float = setting(
        0.0,
        "A request slower than this share of recent ones is sent a second time. 0: never.",
        unit="share",
        why="Both requests are paid for.",
        only="openai",
        ge=0,
        lt=1,
    )
    headers: dict[str, str] = setting(
        {},
        "Further headers. They are stored in run.json, so none may be secret.",
        why="Most servers need no more than the key.",
        only="openai",
    )
    headers_env: dict[str, str] = setting(
        {},
        "Further headers, each with the environment variable that holds its value.",
        why="Most servers need no more than the key.",
        only="openai",
    )
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = setting(
        "max_tokens",
        "The name under which the server takes the length limit of an answer.",
        why="Most compatible servers know this name.",
        only="openai",
    )
    attempts: Positive = setting(
        8,
        "Failures of a request before it waits for the end of the run. "
        "They count while the endpoint serves other requests.",
        unit="failures",
        why="With growing waits they outlast a fault of half a minute.",
        only="openai",
    )
    price: Price = Field(default_factory=Price)
    extra_body: dict[str, Any] = setting(
        {},
        "Further fields of each request.",
        why="Sampling settings have names of their own.",
        only="openai",
    )
    wrong: Share = setting(
        0.45,
        "Wrong first answers.",
        unit="share",
        why="The starter then shows right and wrong answers in similar numbers.",
        only="simulated",
    )
    wrong_again: Share = setting(
        0.7,
        "Wrong answers in later turns.",
        unit="share",
        why="Some revisions then help, and most do not, as with real models.",
        only="simulated",
    )
    seed: int = setting(
        0,
        "Another number gives other mistakes.",
        why="Any fixed number makes two runs equal.",
        only="simulated",
    )
    recorded: str = setting(
        "",
        "A file of replies to transform questions. Empty: those for the starter's files.",
        why="The starter must run as it is.",
        only="simulated",
    )

    @field_validator("base_url")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        for address in value:
            if not address.startswith(("http://", "https://")):
                raise ValueError(f"{address!r} does not begin with http:// or https://")
        return value

    @field_validator("extra_body")
    @classmethod
    def _ours(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in ("messages", "model", "stream", "n"):
            if name in value:
                raise ValueError(
                    f"{name!r} is not for extra_body: one answer, whole, to the messages at hand"
                )
        return value

    @model_validator(mode="after")
    def _named(self) -> "ModelSettings":
        if self.kind == "openai" and not self.model:
            raise ValueError("model is missing: the model's name at its server")
        return self
