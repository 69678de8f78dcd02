"""The settings of a run file: their meanings, units, defaults, bounds and the reasons for them.

Each section of a run file is a pydantic model here, so that all mistakes in a file are reported
together. `engine.config.reference` writes the commented run file, docs/settings.md and the JSON
Schema from these models. `engine.config.loading` reads run files.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, TypeVar, Unpack

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from engine.config.reach import Reach
from stages.execution.profile import ProfileName
from stages.prediction.stage import SKIPPED, Skip
from stages.records import Direction, Variant
from stages.values.equality import Equality

Format = Literal[
    "raw", "questions", "unified", "parsed", "messages", "generations", "verified", "revision"
]
Until = Literal[
    "questions", "unified", "parsed", "messages", "generations", "verified", "revision", "samples"
]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]

Value = TypeVar("Value")


class Bounds(TypedDict, total=False):
    """What pydantic checks of a value, beyond its type."""

    ge: float
    gt: float
    le: float
    lt: float
    min_length: int


def setting(
    default: Value,
    meaning: str,
    *,
    why: str,
    unit: str = "",
    only: Literal["", "openai", "simulated"] = "",
    example: JsonValue = None,
    **bounds: Unpack[Bounds],
) -> Value:
    """A field of a section, with all that its documentation is written from.

    Args:
        meaning: What it does, in whole sentences. Bounds and choices are added from the type.
        why: The reason for the default, one sentence.
        unit: Of a number, such as "s" or "tokens". Empty for what has none.
        only: The kind of model that uses it, where the other kind ignores it.
        example: What a commented-out line shows, where the default says nothing.
    """
    extra: dict[str, JsonValue] = {"why": why, "unit": unit, "only": only, "example": example}
    extra = {name: value for name, value in extra.items() if value is not None}
    return Field(default, description=meaning, json_schema_extra=extra, **bounds)


def _listed(value: Any) -> Any:
    """One text stands for a list of one, and the empty text for an empty list."""
    return ([value] if value else []) if isinstance(value, str) else value


Paths = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
"""Files and folders: one, or a list of them."""
_Address = Annotated[str, Field(pattern="^https?://")]
Addresses = Annotated[
    list[str],
    Field(min_length=1),
    BeforeValidator(
        _listed,
        # The pattern is for editors alone. ModelSettings checks it with a clearer message.
        json_schema_input_type=_Address | Annotated[list[_Address], Field(min_length=1)],
    ),
]
"""Addresses of a server: one, or a list of them."""


class Section(BaseModel):
    """A section of the run file. Unknown keys are mistakes, and values are not converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RunSettings(Section):
    """What holds for the whole run."""

    profile: ProfileName = setting(
        "clean",
        "`clean` drops what does not reproduce or teaches nothing. "
        "`paper` is the published method, with its own equality, steps and skip unless they are "
        "given.",
        why="The published method keeps pairs that nobody can predict.",
    )


class SourceSettings(Section):
    """Where rows enter the run."""

    path: Paths = setting(
        [],
        "A file, a glob, a folder or a list of them. "
        "Rows may be in .jsonl, .jsonl.gz, .jsonl.zst, .parquet or source files.",
        why="A program that embeds the engine hands in rows and needs no file.",
    )
    format: Format = setting(
        "raw", "The boundary at which rows enter.", why="A whole run starts from source code."
    )
    code_field: str = setting(
        "content",
        "Raw rows only: the field that holds the code.",
        why="The published raw files use this name.",
        min_length=1,
    )
    parsed: Paths = setting(
        [],
        "From `messages` on: the .jsonl files of the programs that rows are about.",
        why="Rows that enter earlier bring or make their programs.",
    )


class OutputSettings(Section):
    """Where rows leave the run."""

    dir: str = setting(
        "out",
        "The run folder. An empty text keeps the journal in memory and writes no files.",
        why="The rows then stand beside the run file.",
    )
    until: Until = setting(
        "samples", "The boundary at which rows leave.", why="Samples are the finished rows."
    )


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


class RoleSettings(Section):
    """What a model is asked for, and how."""

    model: str = setting(
        "main",
        "The name of a [models.*] section.",
        why="Most runs have one model.",
    )
    prompt: str = setting(
        "",
        "A prompt file in place of the built-in text, or a folder of prompt files.",
        why="The built-in prompts ask for the form that the engine reads.",
    )
    temperature: float = setting(
        0.7, "Sampling temperature.", why="The published answers were sampled at it.", ge=0
    )
    max_tokens: Positive = setting(
        4096,
        "Longest answer. A longer one is cut.",
        unit="tokens",
        why="The published answers had this limit.",
    )
    top_p: float | None = setting(
        None,
        "Probability mass that is sampled from. Unset: the server decides.",
        unit="share",
        why="The temperature alone already sets the variety.",
        example=0.95,
        gt=0,
        le=1,
    )
    stop: list[str] = setting(
        [], "Texts at which an answer ends.", why="A chat model ends its answers by itself."
    )
    system: str = setting(
        "", "A system prompt.", why="The questions hold all instructions themselves."
    )


class TransformSettings(RoleSettings):
    """The role that rewrites source files as programs, and repairs faulty programs."""

    max_tokens: Positive = setting(
        8192,
        "Longest reply. A longer one is cut, and a smaller program is asked for.",
        unit="tokens",
        why="A reply can hold up to three programs.",
    )
    repairs: Count = setting(
        2,
        "Most repair turns of a faulty program.",
        unit="turns",
        why="A faulty program then costs three requests at most.",
    )


class ExecutionSettings(Section):
    """How a program is run to get its pairs of input and output."""

    pool: Positive = setting(
        50,
        "Distinct inputs to draw.",
        unit="inputs",
        why="It is enough to choose varied pairs and to see a constant output.",
    )
    draws: Positive = setting(
        1000,
        "Most calls of the generator for one pool.",
        unit="calls",
        why="The published method stops there.",
    )
    pairs: Positive = setting(
        10,
        "Most pairs that are kept of the pool.",
        unit="pairs",
        why="The published method keeps as many.",
    )
    clusters: bool = setting(
        True,
        "Whether programs are tagged by their behaviour on probes and by their text.",
        why="Near copies can then be found without running anything again.",
    )


class Variants(Section):
    """Weights of the ways to pose a question. Where any is given, those left out are 0."""

    query_code: float = setting(
        0.0,
        "Statement and code.",
        unit="weight",
        why="The published comparison found this form best.",
        ge=0,
    )
    query: float = setting(
        0.0,
        "Statement without code.",
        unit="weight",
        why="The published comparison found it weaker.",
        ge=0,
    )
    code: float = setting(
        0.0,
        "Code without statement.",
        unit="weight",
        why="The published comparison found it weaker.",
        ge=0,
    )

    def shares(self) -> dict[Variant, float]:
        return {"query_code": self.query_code, "query": self.query, "code": self.code}


class PredictionSettings(Section):
    """Which questions are posed about a program."""

    pairs: Positive = setting(
        3,
        "Distinct questions of a program in each direction.",
        unit="questions",
        why="The published data asks about three pairs.",
    )
    directions: list[Direction] = setting(
        ["input", "output"],
        "What is predicted, each at most once.",
        why="The published data has both.",
        min_length=1,
    )
    samples: Positive = setting(
        1,
        "Answers to each question.",
        unit="answers",
        why="Each further answer costs as much again.",
    )
    round: Count = setting(
        0,
        "Answers to a question that are asked for at once. 0: all.",
        unit="answers",
        why="Without a `band` there is nothing to wait for.",
    )
    band: list[Share] = setting(
        [],
        "Lowest and highest pass rate that is wanted. "
        "Once a question is surely outside, its other answers are not asked for.",
        unit="share",
        why="How hard questions should be depends on their use.",
    )
    variants: Variants = Field(default_factory=lambda: Variants(query_code=1.0))
    steps: list[Count] = setting(
        [4, 10000],
        "Fewest and most executed lines of a run. "
        "Outside, a pair is tagged `trivial` or `long`. []: no bounds.",
        unit="line events",
        why="Shorter runs need no reasoning, and nobody follows longer ones by hand.",
    )
    skip: list[Skip] = setting(
        list(SKIPPED),
        "Tags whose questions are not asked.",
        why="Such questions teach little, or cannot be worked out by hand.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> "PredictionSettings":
        if not any(self.variants.shares().values()):
            raise ValueError("variants: at least one share must be above 0")
        if len(set(self.directions)) != len(self.directions):
            raise ValueError("directions: each once")
        if self.band and (len(self.band) != 2 or self.band[0] > self.band[1]):
            raise ValueError("band: two shares, the lower first, or none")
        if self.band and not 0 < self.round < self.samples:
            raise ValueError("band: needs a round of fewer than samples, after which to stop")
        if self.steps and (len(self.steps) != 2 or self.steps[0] > self.steps[1]):
            raise ValueError("steps: two numbers, the lower first, or none")
        return self


class ContaminationSettings(Section):
    """Which programs are tagged because a benchmark holds them."""

    benchmarks: Paths = setting(
        [],
        "Files of benchmarks, as JSON lines. Programs that are in one are tagged `contaminated`.",
        why="Only you know what you will measure with.",
    )


class InferenceSettings(RoleSettings):
    """The role that answers questions."""


class VerificationSettings(Section):
    """How answers are judged."""

    equality: Equality = setting(
        "close",
        "When numbers are equal, if one is a float. "
        "`close`: within 1e-6, a relative 1e-4, or as in `paper`. "
        "`paper`: within a relative 1e-3, with the same integer part. `strict`: as JSON values.",
        why="The rule of the paper refuses some numbers that are only rounded.",
    )
    reading: Literal["strict", "tolerant", "lenient"] = setting(
        "tolerant",
        "How much of an answer's form is mended. `strict`: nothing. `tolerant`: its syntax. "
        "`lenient`: also the field's case and a bare value.",
        why="A slip of syntax says nothing about the reasoning.",
    )
    domain: Literal["tag", "require"] = setting(
        "tag",
        "What a predicted input outside the stated domain gets. "
        "`tag`: a tag. `require`: also the verdict `wrong`.",
        why="The published method takes any input that gives the output.",
    )


ALIKE = "The turns of one conversation should not differ otherwise."


class RevisionSettings(Section):
    """The role that answers again after feedback. Model and sampling default to those of
    [inference], setting by setting."""

    turns: Positive = setting(
        2,
        "Most answers in one conversation. 1: no revision.",
        unit="turns",
        why="The published results gain from one revision and not from two.",
    )
    samples: Literal["first", "all"] = setting(
        "first",
        "Which of several answers to a question are revised.",
        why="Further answers are for pass rates, which count first turns.",
    )
    model: str = setting(
        "",
        "The name of a [models.*] section. Empty: as [inference].",
        why="A revision is the same model's second try.",
    )
    prompt: str = setting(
        "",
        "A file in place of the feedback sentences, or a folder of prompt files.",
        why="The built-in sentences never show a true output.",
    )
    temperature: float | None = setting(
        None,
        "Sampling temperature. Unset: as [inference].",
        why=ALIKE,
        example=0.7,
        ge=0,
    )
    max_tokens: Positive | None = setting(
        None,
        "Longest answer. Unset: as [inference].",
        unit="tokens",
        why=ALIKE,
        example=4096,
    )
    top_p: float | None = setting(
        None,
        "Probability mass that is sampled from. Unset: as [inference].",
        unit="share",
        why=ALIKE,
        example=0.95,
        gt=0,
        le=1,
    )
    stop: list[str] | None = setting(
        None,
        "Texts at which an answer ends. Unset: as [inference].",
        why=ALIKE,
        example=[],
    )
    system: str | None = setting(
        None,
        "A system prompt. Unset: as [inference].",
        why=ALIKE,
        example="",
    )


class SandboxSettings(Section):
    """Where and within which limits programs run."""

    workers: Count = setting(
        0, "Runs at once. 0: one for each core.", unit="runs", why="A run keeps one core busy."
    )
    isolation: Literal[
        "auto", "namespaces", "bubblewrap", "landlock", "seccomp", "seatbelt", "rlimits"
    ] = setting(
        "auto",
        "A level of isolation, used or refused. `auto` takes the strongest that passes its test.",
        why="Machines differ in the levels that they allow.",
    )
    python: str = setting(
        "",
        "The interpreter that programs run in, with its packages. Empty: that of the engine.",
        why="No other is sure to be there.",
    )
    cpu_s: float = setting(
        5.0,
        "Most CPU time of one call.",
        unit="s",
        why="The published limit, counted so that a busy machine changes no verdict.",
        gt=0,
    )
    wall_s: float = setting(
        10.0,
        "Most time that one call may be blocked, neither computing nor waiting for a core.",
        unit="s",
        why="Only code that sleeps or waits comes near it.",
        gt=0,
    )
    memory_mb: Positive = setting(
        512,
        "Most memory of one call, beyond that of the interpreter.",
        unit="MiB",
        why="Values are small, and several runs must fit a small machine.",
    )


class LimitSettings(Section):
    """When a run stops by itself."""

    budget_usd: float = setting(
        0.0,
        "Most that the run folder may spend, which needs prices. 0: no limit.",
        unit="USD",
        why="Only you know what a run may cost.",
        ge=0,
    )
    budget_tokens: Count = setting(
        0,
        "Most tokens that the run folder may use, input and output together. 0: no limit.",
        unit="tokens",
        why="Only you know what a run may use.",
    )
    max_files: Count = setting(
        0,
        "Most source rows to take. 0: all.",
        unit="source rows",
        why="A run takes its whole source.",
    )
    max_rows: Count = setting(
        0,
        "Most rows in the output file. 0: all.",
        unit="rows",
        why="A run takes its whole source.",
    )
    live_bytes: Positive = setting(
        1_000_000_000,
        "Most bytes of source rows that are under way at once.",
        unit="bytes",
        why="It bounds memory with huge rows, and ordinary rows never reach it.",
    )
    bugs: Count = setting(
        20,
        "Unexpected exceptions that reject their row before the run stops.",
        unit="exceptions",
        why="A few odd rows stop nothing, and a broken program stops soon.",
    )
    grace_s: float = setting(
        30.0,
        "Time for work under way after a first signal.",
        unit="s",
        why="Most answers in flight arrive within it.",
        ge=0,
    )
    give_up_s: float = setting(
        600.0,
        "Time without any answer of an endpoint before the run stops.",
        unit="s",
        why="A restarted server is back by then.",
        gt=0,
    )


class Config(Section):
    """A whole run file. Every setting may be left out.

    base: The folder that relative paths start from. It is no setting.
    """

    run: RunSettings = Field(default_factory=RunSettings)
    source: SourceSettings = Field(default_factory=SourceSettings)
    output: OutputSettings = Field(default_factory=OutputSettings)
    models: dict[str, ModelSettings] = Field(
        default_factory=dict, description="Models, by the names that roles refer to."
    )
    transform: TransformSettings = Field(default_factory=TransformSettings)
    execution: ExecutionSettings = Field(default_factory=ExecutionSettings)
    prediction: PredictionSettings = Field(default_factory=PredictionSettings)
    contamination: ContaminationSettings = Field(default_factory=ContaminationSettings)
    inference: InferenceSettings = Field(default_factory=InferenceSettings)
    verification: VerificationSettings = Field(default_factory=VerificationSettings)
    revision: RevisionSettings = Field(default_factory=RevisionSettings)
    sandbox: SandboxSettings = Field(default_factory=SandboxSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    base: SkipJsonSchema[Path] = Field(default=Path(), exclude=True)

    @model_validator(mode="after")
    def _consistent(self) -> "Config":
        seeded = [name for name, model in self.models.items() if "seed" in model.extra_body]
        if seeded and self.prediction.samples > 1:
            raise ValueError(
                f"models.{seeded[0]}.extra_body: "
                "'seed' makes all prediction.samples the same answer"
            )
        return self

    @property
    def folder(self) -> Path | None:
        """The run folder, or None for a run in memory."""
        return self.base / self.output.dir if self.output.dir else None

    @property
    def reach(self) -> "Reach":
        """Which stages lie between where rows enter and where they leave."""
        return Reach(self.source.format, self.output.until, self.revision.turns)
