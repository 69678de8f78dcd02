"""The settings of what models are asked for, and of what becomes of their answers."""

from typing import Literal

from pydantic import (
    Field,
    model_validator,
)

from engine.config.section import Count, Positive, Section, Share, setting
from stages.prediction.stage import SKIPPED, Skip
from stages.records import Direction, Variant
from stages.values.equality import Equality


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
