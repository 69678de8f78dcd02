"""The settings of a run file: their meanings, units, defaults, bounds and the reasons for them.

Each section of a run file is a pydantic model here, so that all mistakes in a file are reported
together. `engine.config.reference` writes the commented run file, docs/settings.md and the JSON
Schema from these models. `engine.config.loading` reads run files.
"""

from pathlib import Path
from typing import Literal

from pydantic import (
    Field,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from engine.config.models import ModelSettings
from engine.config.reach import Reach
from engine.config.roles import (
    InferenceSettings,
    PredictionSettings,
    RevisionSettings,
    TransformSettings,
    VerificationSettings,
)
from engine.config.section import Count, Paths, Positive, Section, setting
from stages.execution.profile import ProfileName

Format = Literal[
    "raw", "questions", "unified", "parsed", "messages", "generations", "verified", "revision"
]


Until = Literal[
    "questions", "unified", "parsed", "messages", "generations", "verified", "revision", "samples"
]


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


class ContaminationSettings(Section):
    """Which programs are tagged because a benchmark holds them."""

    benchmarks: Paths = setting(
        [],
        "Files of benchmarks, as JSON lines. Programs that are in one are tagged `contaminated`.",
        why="Only you know what you will measure with.",
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
