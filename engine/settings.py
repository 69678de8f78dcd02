"""The run file's settings: every key, its meaning, unit, default and bounds. `load_config` is in
engine.config.

Sections are named as in the run file. A model of pydantic for each, so that all mistakes are told
at once.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from stages.equality import Equality
from stages.prediction import SKIPPED, Skip
from stages.profile import ProfileName
from stages.records import Direction, Variant

Format = Literal[
    "raw", "questions", "unified", "parsed", "messages", "generations", "verified", "revision"
]
Until = Literal[
    "questions", "unified", "parsed", "messages", "generations", "verified", "revision", "samples"
]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """A section of the run file: unknown keys are mistakes, values are not converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _listed(value: Any) -> Any:
    """One path, or a list of them."""
    return ([value] if value else []) if isinstance(value, str) else value


class RunSettings(Section):
    profile: ProfileName = Field(
        "clean", description="clean: what good data needs; paper: the published method"
    )


class SourceSettings(Section):
    path: list[str] = Field([], description="file, glob, folder or a list of them")
    format: Format = Field("raw", description="the boundary at which rows enter")
    code_field: str = Field(
        "content", min_length=1, description="raw only: the field that holds the code"
    )
    parsed: list[str] = Field(
        [], description="for messages and below: the programs that the rows are about"
    )

    _listed = field_validator("path", "parsed", mode="before")(_listed)


class OutputSettings(Section):
    dir: str = Field(
        "out", description="the run folder; empty keeps the journal in memory and writes no files"
    )
    until: Until = Field("samples", description="the boundary at which rows leave")


class Price(Section):
    """USD per million tokens."""

    input: float = Field(0.0, ge=0)
    cached_input: float = Field(0.0, ge=0)
    output: float = Field(0.0, ge=0)
    batch: Share = Field(0.5, description="share of these that a batch API takes")


class ModelSettings(Section):
    kind: Literal["openai", "simulated"] = Field(
        "openai", description="openai: any compatible server; simulated: embedded"
    )
    base_url: list[str] = Field(
        default_factory=lambda: ["http://127.0.0.1:8000/v1"],
        min_length=1,
        description="one or a list",
    )
    model: str = Field(
        "",
        description="the model's name at its server; a simulated one is named simulated by default",
    )
    api_key_env: str = Field(
        "", description="the name of the environment variable with the key, never the key"
    )
    concurrency: Positive = Field(256, description="requests at once, at most")
    timeout_s: float = Field(600.0, gt=0, description="seconds for one request in all")
    connect_timeout_s: float = Field(30.0, gt=0, description="seconds to connect")
    read_timeout_s: float = Field(
        0.0, ge=0, description="seconds without a byte of the reply; 0: timeout_s alone"
    )
    requests_per_minute: float = Field(
        0.0, ge=0, description="what the provider allows; 0: no limit"
    )
    tokens_per_minute: float = Field(
        0.0, ge=0, description="input and output together; 0: no limit"
    )
    hedge: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="a request slower than this share of the last ones is sent again elsewhere, and both are paid for; 0: never",
    )
    headers: dict[str, str] = Field(
        default_factory=dict, description="further headers; no secrets, they are stored"
    )
    headers_env: dict[str, str] = Field(
        default_factory=dict,
        description="further headers, by the name of the environment variable with the value",
    )
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="the name under which the server wants the limit of an answer"
    )
    attempts: Positive = Field(
        8, description="failures of one request, while others are served, before it gives up"
    )
    price: Price = Field(default_factory=Price)
    extra_body: dict[str, Any] = Field(
        default_factory=dict, description="further fields of every request"
    )
    wrong: Share = Field(0.45, description="simulated only: share of wrong first answers")
    wrong_again: Share = Field(
        0.7, description="simulated only: share of wrong answers in later turns"
    )
    seed: int = Field(0, description="simulated only: seeds its mistakes")
    recorded: str = Field(
        "", description="simulated only: its replies to transform questions; empty: the starter's"
    )

    _listed = field_validator("base_url", mode="before")(_listed)

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
    model: str = Field("main", description="the name of a [models.*] section")
    prompt: str = Field(
        "", description="a prompt file in place of the role's own, or a folder of prompt files"
    )
    temperature: float = Field(0.7, ge=0)
    max_tokens: Positive = 4096
    top_p: float | None = Field(None, gt=0, le=1)
    stop: list[str] = Field([], description="texts at which an answer ends")
    system: str = Field("", description="a system prompt")


class TransformSettings(RoleSettings):
    max_tokens: Positive = 8192
    repairs: Count = Field(2, description="repair turns of a faulty program")


class ExecutionSettings(Section):
    pool: Positive = Field(50, description="distinct inputs drawn")
    draws: Positive = Field(1000, description="calls of the generator, at most")
    pairs: Positive = Field(10, description="pairs kept of the pool")
    clusters: bool = Field(
        True,
        description="tag what each program is like: its behaviour on probes, bands of its text",
    )


class Variants(Section):
    """Shares of the ways to pose a question."""

    query_code: float = Field(0.0, ge=0)
    query: float = Field(0.0, ge=0)
    code: float = Field(0.0, ge=0)

    def shares(self) -> dict[Variant, float]:
        return {"query_code": self.query_code, "query": self.query, "code": self.code}


class PredictionSettings(Section):
    pairs: Positive = Field(3, description="distinct questions per direction")
    directions: list[Direction] = Field(["input", "output"], min_length=1)
    samples: Positive = Field(1, description="answers per question")
    round: Count = Field(
        0, description="samples of a question that are asked at once; 0: all of them"
    )
    band: list[Share] = Field(
        [],
        description="pass rates of first answers, least and most; once a question is surely outside, no more is asked",
    )
    variants: Variants = Field(default_factory=lambda: Variants(query_code=1.0))
    steps: list[Count] = Field(
        default_factory=lambda: [4, 10000],
        description="line events of a run, least and most; [] asks whatever it takes",
    )
    skip: list[Skip] = Field(
        list(SKIPPED),
        description="tags with which a question is not asked; guess: the panel wins it",
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
    benchmarks: list[str] = Field(
        [], description="files of benchmarks; programs that are in one are tagged"
    )

    _listed = field_validator("benchmarks", mode="before")(_listed)


class InferenceSettings(RoleSettings):
    pass


class VerificationSettings(Section):
    equality: Equality = "close"
    reading: Literal["strict", "tolerant", "lenient"] = "tolerant"
    domain: Literal["tag", "require"] = "tag"


class RevisionSettings(Section):
    """Model and sampling default to inference's."""

    turns: Positive = Field(2, description="answers in all; 1: no revision")
    samples: Literal["first", "all"] = "first"
    model: str = ""
    prompt: str = Field(
        "", description="a file in place of the feedback sentences, or a folder of prompt files"
    )
    temperature: float | None = Field(None, ge=0)
    max_tokens: Positive | None = None
    top_p: float | None = Field(None, gt=0, le=1)
    stop: list[str] | None = None
    system: str | None = None


class SandboxSettings(Section):
    workers: Count = Field(0, description="runs at once; 0: one per core")
    isolation: Literal[
        "auto", "namespaces", "bubblewrap", "landlock", "seccomp", "seatbelt", "rlimits"
    ] = Field("auto", description="the strongest this machine can do, or one by name")
    python: str = Field("", description="the guest's interpreter; empty: this one")
    cpu_s: float = Field(5.0, gt=0, description="CPU seconds of one call")
    wall_s: float = Field(10.0, gt=0, description="blocked seconds of one call")
    memory_mb: Positive = Field(512, description="MiB of one call")


class LimitSettings(Section):
    budget_usd: float = Field(0.0, ge=0, description="USD; 0: none")
    budget_tokens: Count = 0
    max_files: Count = Field(0, description="source rows taken; 0: all")
    max_rows: Count = Field(0, description="rows of the output; 0: all")
    live_bytes: Positive = Field(
        1_000_000_000, description="bytes of source rows in the flow at once"
    )
    bugs: Count = Field(20, description="unexpected exceptions before the run stops")
    grace_s: float = Field(
        30.0, ge=0, description="seconds that live work gets after a first signal"
    )
    give_up_s: float = Field(
        600.0, gt=0, description="seconds without any success before the run stops"
    )


class Config(Section):
    """A whole run file. base: the folder that relative paths start from."""

    run: RunSettings = Field(default_factory=RunSettings)
    source: SourceSettings = Field(default_factory=SourceSettings)
    output: OutputSettings = Field(default_factory=OutputSettings)
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    transform: TransformSettings = Field(default_factory=TransformSettings)
    execution: ExecutionSettings = Field(default_factory=ExecutionSettings)
    prediction: PredictionSettings = Field(default_factory=PredictionSettings)
    contamination: ContaminationSettings = Field(default_factory=ContaminationSettings)
    inference: InferenceSettings = Field(default_factory=InferenceSettings)
    verification: VerificationSettings = Field(default_factory=VerificationSettings)
    revision: RevisionSettings = Field(default_factory=RevisionSettings)
    sandbox: SandboxSettings = Field(default_factory=SandboxSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    base: Path = Field(default=Path(), exclude=True)

    @model_validator(mode="after")
    def _consistent(self) -> "Config":
        seeded = [name for name, model in self.models.items() if "seed" in model.extra_body]
        if seeded and self.prediction.samples > 1:
            raise ValueError(
                f"models.{seeded[0]}.extra_body: 'seed' makes all prediction.samples the same answer"
            )
        return self

    @property
    def folder(self) -> Path | None:
        return self.base / self.output.dir if self.output.dir else None

    @property
    def reach(self) -> "Reach":
        return Reach(self.source.format, self.output.until, self.revision.turns)


ORDER: tuple[str, ...] = (
    "raw",
    "questions",
    "unified",
    "parsed",
    "messages",
    "generations",
    "verified",
    "revision",
    "samples",
)


class Reach:
    """Which stages lie between where rows enter and where they leave, and so which models may be
    called."""

    def __init__(self, format_: str, until: str, turns: int) -> None:
        enter, leave = ORDER.index(format_), ORDER.index(until)
        answers = ORDER.index("generations")
        again = format_ == "revision"
        self.possible = leave > enter or (again and until in ("generations", "verified"))
        self.transform = enter < ORDER.index("unified") <= leave
        self.inference = leave >= answers and (enter < answers or again)
        self.revision = turns > 1 and (
            until == "samples" or (until == "verified" and self.inference)
        )
        # entered at unified, a faulty program is mended only by a run that asks models anyway
        self.repairs = (self.transform and leave >= ORDER.index("parsed")) or (
            format_ == "unified" and self.inference
        )
        self.programs = enter >= ORDER.index("messages")
