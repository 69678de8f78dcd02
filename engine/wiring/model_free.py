"""The stages that ask no model, on a given sandbox: what a run uses, and what audits it."""

from pathlib import Path

from engine.config.settings import Config
from sandbox import Runner
from stages.execution.profile import PROFILES
from stages.execution.review import Review
from stages.execution.stage import Execution
from stages.likeness.contamination import Benchmarks
from stages.likeness.likeness import Likeness
from stages.prediction.panel import Panel
from stages.prediction.stage import Prediction
from stages.prediction.wording import Wording
from stages.prompts import templates as prompts
from stages.repair.repair import Repairs
from stages.verification.feedback import Feedback
from stages.verification.stage import Verification


class ModelFreeStages:
    """Makes the stages that ask no model, by a run's settings, for a run or for its audit."""

    def __init__(self, config: Config, runs: Runner, benchmarks: Benchmarks | None = None) -> None:
        """Raises: stages.errors.Misconfigured, for a prompt file that cannot be used."""
        self.config = config
        self.runs = runs
        self.profile = PROFILES[config.run.profile]
        self.feedback = Feedback(self.prompt("feedback", config.revision.prompt))
        self.benchmarks = benchmarks or Benchmarks()

    def execution(self, repairs: Repairs) -> Execution:
        settings = self.config.execution
        return Execution(
            sandbox=self.runs,
            profile=self.profile,
            repairs=repairs,
            likeness=self._likeness(),
            pool=settings.pool,
            draws=settings.draws,
            pairs=settings.pairs,
        )

    def review(self) -> Review:
        return Review(self.runs, self.profile, self._likeness())

    def prediction(self, *, whole: bool = False) -> Prediction:
        """The stage that poses questions.

        whole: with all samples of a question at once, whatever the run file says of rounds.
        """
        settings, prompt = self.config.prediction, self.config.inference.prompt
        folder = self.folder(prompt)
        wording = Wording(
            question=self.prompt("question", prompt),
            parts=prompts.load("parts", folder),
            ask_input=prompts.load("ask_input", folder),
            ask_output=prompts.load("ask_output", folder),
            normalise=self.profile.normalise,
        )
        steps = (settings.steps[0], settings.steps[1]) if settings.steps else None
        panel = Panel(self.runs, self.config.verification.equality)
        return Prediction(
            wording=wording,
            panel=panel,
            pairs=settings.pairs,
            directions=tuple(settings.directions),
            samples=settings.samples,
            round=0 if whole else settings.round,
            variants=settings.variants.shares(),
            steps=steps,
            skip=frozenset(settings.skip),
        )

    def verification(self) -> Verification:
        settings = self.config.verification
        return Verification(
            sandbox=self.runs,
            feedback=self.feedback,
            equality=settings.equality,
            reading=settings.reading,
            domain=settings.domain,
        )

    def prompt(self, name: str, given: str) -> prompts.Template:
        return prompts.load(name, self.config.base / given if given else None)

    def folder(self, given: str) -> Path | None:
        """The folder of prompt files, where a role names a folder and not a single file."""
        return self.config.base / given if given and (self.config.base / given).is_dir() else None

    def _likeness(self) -> Likeness:
        return Likeness(self.runs, self.config.execution.clusters, self.benchmarks)
