"""Builds the graph of a run from its settings: the stages between where rows enter and leave."""

from dataclasses import dataclass
from typing import Any

from engine.config.roles import RevisionSettings, RoleSettings
from engine.config.settings import Config
from engine.flow.graph import Node
from engine.wiring.model_free import ModelFreeStages
from engine.wiring.models import Models
from sandbox import Sandbox
from stages.guest import guest_packages
from stages.inference import Inference, Role, Sampling
from stages.prompts import templates as prompts
from stages.records import (
    Answered,
    Draft,
    Judged,
    Kind,
    Program,
    Question,
    SourceFile,
    TransformQuestion,
    Unified,
    identity,
)
from stages.records.urgency import Urgency, urgency_of
from stages.repair.repair import Repairs
from stages.revision import Revision
from stages.transform.drafting import Drafting
from stages.transform.stage import Compose, Transform

TARGETS: dict[type, str] = {
    SourceFile: "compose",
    TransformQuestion: "transform",
    Unified: "drafting",
    Draft: "execution",
    Program: "prediction",
    Question: "inference",
    Answered: "verification",
    Judged: "revision",
}
"""The node that each record goes to."""
ENTRIES = {
    "raw": "compose",
    "questions": "transform",
    "unified": "drafting",
    "parsed": "review",
    "messages": "inference",
    "revision": "inference",
    "generations": "verification",
    "verified": "revision",
}
"""The node at which the records of each format enter."""
PURE_WORKERS = 4
"""Workers of a stage that waits for the journal only."""


class CodeGraph:
    """The flow's questions about records, answered for the records of `stages`."""

    def target(self, record: Any) -> str:
        return TARGETS[type(record)]

    def identity(self, record: Any) -> tuple[Kind, str]:
        return identity(record)

    def urgency(self, record: Any) -> Urgency:
        return urgency_of(record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Makes the nodes of one run. stages: those that ask no model."""

    config: Config
    sandbox: Sandbox
    stages: ModelFreeStages
    models: Models

    def nodes(self) -> list[Node]:
        """The graph in the order of the flow. Stages out of the run's reach are left out.

        Raises: BadInput, stages.errors.Misconfigured.
        """
        config, stages, reach = self.config, self.stages, self.config.reach
        runs = max(2, 2 * self.sandbox.workers)
        nodes = []
        if reach.transform or config.source.format == "raw":
            nodes.append(Node("compose", self._compose(), PURE_WORKERS))
        if reach.transform or self._mends:
            role = self._role("transform", config.transform, later=not reach.transform)
            workers = self._workers(config.transform.model)
            nodes.append(Node("transform", Transform(role), workers))
        repairs = self._repairs()
        nodes += [
            Node("drafting", Drafting(repairs), PURE_WORKERS),
            Node("execution", stages.execution(repairs), runs),
            Node("review", stages.review(), runs),
            Node("prediction", stages.prediction(whole=not reach.inference), runs),
        ]
        if reach.inference or reach.revision:
            workers = self._workers(config.inference.model)
            nodes.append(Node("inference", self._inference(), workers))
        nodes.append(Node("verification", stages.verification(), runs))
        nodes.append(Node("revision", self._revision(), PURE_WORKERS))
        return nodes

    @property
    def _mends(self) -> bool:
        """Whether faulty programs get repair turns: the run reaches them and has a model to ask."""
        return self.config.reach.repairs and self.config.transform.model in self.config.models

    def _compose(self) -> Compose:
        template = self.stages.prompt("transform", self.config.transform.prompt)
        return Compose(template, guest_packages(self.sandbox.guest.modules))

    def _repairs(self) -> Repairs:
        profile, folder = self.stages.profile, self.stages.folder(self.config.transform.prompt)
        return Repairs(
            turns=self.config.transform.repairs if self._mends else 0,
            template=prompts.load("repair", folder),
            explanations=prompts.load("faults", folder).parts(),
            modules=", ".join(guest_packages(self.sandbox.guest.modules)) or "(none)",
            limit=f"{profile.input_size.bytes} bytes of JSON for an input and "
            f"{profile.output_size.bytes} for an output",
        )

    def _inference(self) -> Inference:
        # Rows that enter after the first answers ask for revisions only.
        later = not self.config.reach.inference
        first = self._role("inference", self.config.inference, later=later)
        again = _revising(self.config.inference, self.config.revision)
        return Inference(first, self._role("revision", again, later=later))

    def _revision(self) -> Revision:
        config, band = self.config, self.config.prediction.band
        revises = config.reach.revision or config.output.until == "revision"
        return Revision(
            feedback=self.stages.feedback,
            turns=config.revision.turns if revises else 1,
            samples=config.revision.samples,
            round=config.prediction.round,
            band=(band[0], band[1]) if band else None,
        )

    def _role(self, name: str, settings: RoleSettings, *, later: bool) -> Role:
        """A role of the run. later: its model may never be called, so its key may be missing."""
        return Role(
            model=self.models.get(settings.model, later=later),
            sampling=Sampling(
                temperature=settings.temperature,
                max_tokens=settings.max_tokens,
                top_p=settings.top_p,
                stop=tuple(settings.stop),
            ),
            system=settings.system,
            name=name,
        )

    def _workers(self, model: str) -> int:
        """Somewhat more than requests in flight, so that one is ready when another is answered."""
        ceiling = self.config.models[model].concurrency if model in self.config.models else 1
        return ceiling + ceiling // 4 + 1


def _revising(first: RoleSettings, later: RevisionSettings) -> RoleSettings:
    """The settings of revision: those of inference, where it has none of its own."""
    names = ("temperature", "max_tokens", "top_p", "stop", "system")
    given = {name: getattr(later, name) for name in names}
    changes = {name: value for name, value in given.items() if value is not None}
    return first.model_copy(update={**changes, "model": later.model or first.model})
