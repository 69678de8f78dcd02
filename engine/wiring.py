"""Builds the graph of a run from its settings: stages with their collaborators, and only the models
that it needs."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from engine.errors import BadInput
from engine.flow import Node
from engine.ports import Effects, JournalledModel, JournalledSandbox
from engine.settings import Config, ModelSettings, RevisionSettings, RoleSettings
from engine.spending import Spending
from sandbox import Permits, Runner, Sandbox
from stages import prompts
from stages.contamination import Benchmarks
from stages.drafting import Drafting
from stages.errors import Misconfigured
from stages.execution import Execution, Review
from stages.feedback import Feedback
from stages.identity import Kind, identity, urgency
from stages.imports import guest_packages
from stages.inference import Inference, Role, Sampling
from stages.inference.client import OpenAIModel, Timeouts
from stages.inference.endpoint import Endpoint
from stages.inference.hedging import Hedge
from stages.inference.port import ChatRequest, Model
from stages.inference.simulated import SimulatedModel
from stages.inference.world import World
from stages.likeness import Likeness
from stages.panel import Panel
from stages.prediction import Prediction, Wording
from stages.profile import PROFILES
from stages.records import (
    Answer,
    Answered,
    Draft,
    Judged,
    Program,
    Question,
    SourceFile,
    TransformQuestion,
    Unified,
)
from stages.repair import Repairs
from stages.revision import Revision
from stages.transform import Compose, Transform
from stages.verification import Verification

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
PURE_WORKERS = 4


class CodeGraph:
    """The flow's questions about records, answered for the records of `stages`."""

    def target(self, record: Any) -> str:
        return TARGETS[type(record)]

    def identity(self, record: Any) -> tuple[Kind, str]:
        return identity(record)

    def urgency(self, record: Any) -> int:
        return urgency(record)


@dataclass(frozen=True, slots=True)
class Absent:
    """Stands for a model that cannot be asked, in a run that may well never ask it; `why` is for
    when it does."""

    name: str
    why: str

    def body(self, request: ChatRequest) -> dict[str, Any]:
        return request.body()

    async def complete(self, request: ChatRequest) -> Answer:  # noqa: ARG002  # the port's signature
        raise Misconfigured(self.why)


def _unset(settings: ModelSettings, setting: str) -> str:
    """Which variable that the model needs is not set, in words; "" if none."""
    for place, variable in (("api_key_env", settings.api_key_env), *settings.headers_env.items()):
        if variable and not os.environ.get(variable):
            return f"[{setting}] {place}: the environment variable {variable} is not set"
    return ""


class Offline:
    """The stages that ask no model, by a run's settings, on a given sandbox: what a run uses, and
    what audits it."""

    def __init__(self, config: Config, runs: Runner) -> None:
        self.config = config
        self.runs = runs
        self.profile = PROFILES[config.run.profile]
        self.feedback = Feedback(self.prompt("feedback", config.revision.prompt))
        self.benchmarks = Benchmarks()

    def execution(self, repairs: Repairs) -> Execution:
        settings = self.config.execution
        return Execution(
            self.runs,
            self.profile,
            repairs,
            self._likeness(),
            settings.pool,
            settings.draws,
            settings.pairs,
        )

    def review(self) -> Review:
        return Review(self.runs, self.profile, self._likeness())

    def prediction(self, *, whole: bool = False) -> Prediction:
        """whole: all samples of a question at once, whatever the run file says of rounds."""
        settings, prompt = self.config.prediction, self.config.inference.prompt
        folder = self.folder(prompt)
        wording = Wording(
            self.prompt("question", prompt),
            prompts.load("parts", folder),
            prompts.load("ask_input", folder),
            prompts.load("ask_output", folder),
            self.profile.normalise,
        )
        steps = (settings.steps[0], settings.steps[1]) if settings.steps else None
        panel = Panel(self.runs, self.config.verification.equality)
        return Prediction(
            wording,
            panel,
            settings.pairs,
            tuple(settings.directions),
            settings.samples,
            0 if whole else settings.round,
            settings.variants.shares(),
            steps,
            frozenset(settings.skip),
        )

    def verification(self) -> Verification:
        settings = self.config.verification
        return Verification(
            self.runs, self.feedback, settings.equality, settings.reading, settings.domain
        )

    def prompt(self, name: str, given: str) -> prompts.Template:
        return prompts.load(name, self.config.base / given if given else None)

    def folder(self, given: str) -> Path | None:
        """The folder of prompt files, where a role names a folder and not a single file."""
        return self.config.base / given if given and (self.config.base / given).is_dir() else None

    def _likeness(self) -> Likeness:
        return Likeness(self.runs, self.config.execution.clusters, self.benchmarks)


class Wiring:
    """The collaborators of one run, made once: models by name, permits by endpoint, prompts,
    stages."""

    def __init__(
        self,
        config: Config,
        sandbox: Sandbox,
        effects: Effects,
        session: aiohttp.ClientSession,
        world: World,
        changed: Any,
        spending: Spending,
    ) -> None:
        self.config = config
        self.reach = config.reach
        self.sandbox = sandbox
        self.offline = Offline(config, JournalledSandbox(sandbox, effects))
        self.feedback = self.offline.feedback
        self.endpoints: dict[tuple[str, str], Endpoint] = {}
        self.permits: list[Permits | Endpoint] = [sandbox.permits]
        self._effects = effects
        self._session = session
        self._world = world
        self._changed = changed
        self._spending = spending
        self._models: dict[str, Model] = {}

    def nodes(self) -> list[Node]:
        """The graph in the order of the flow. Stages out of the run's reach are left out."""
        reach, offline, runs = self.reach, self.offline, max(2, 2 * self.sandbox.workers)
        nodes = []
        if reach.transform or self.config.source.format == "raw":
            nodes.append(Node("compose", self._compose(), PURE_WORKERS))
        if reach.transform or self._mends:
            role = self._role("transform", self.config.transform, later=not reach.transform)
            nodes.append(
                Node("transform", Transform(role), self._workers(self.config.transform.model))
            )
        repairs = self._repairs()
        nodes += [
            Node("drafting", Drafting(repairs), PURE_WORKERS),
            Node("execution", offline.execution(repairs), runs),
            Node("review", offline.review(), runs),
            Node("prediction", offline.prediction(whole=not reach.inference), runs),
        ]
        if reach.inference or reach.revision:
            nodes.append(
                Node("inference", self._inference(), self._workers(self.config.inference.model))
            )
        nodes.append(Node("verification", offline.verification(), runs))
        nodes.append(Node("revision", self._revision(), PURE_WORKERS))
        return nodes

    def demand(self) -> bool:
        """Whether some resource has nothing to do and nobody waits for it."""
        return any(permits.idle for permits in self.permits)

    def window_size(self) -> int:
        ceilings = sum(permits.capacity for permits in self.permits[1:])
        return 2 * ceilings + 4 * self.sandbox.workers

    @property
    def _mends(self) -> bool:
        """Whether faulty programs get repair turns: the run reaches that far, and there is a model
        to ask."""
        return self.reach.repairs and self.config.transform.model in self.config.models

    def _compose(self) -> Compose:
        modules = self.sandbox.guest.modules
        return Compose(
            self.offline.prompt("transform", self.config.transform.prompt), guest_packages(modules)
        )

    def _repairs(self) -> Repairs:
        packages = ", ".join(guest_packages(self.sandbox.guest.modules)) or "(none)"
        turns = self.config.transform.repairs if self._mends else 0
        size, output = self.offline.profile.input_size, self.offline.profile.output_size
        limit = f"{size.bytes} bytes of JSON for an input and {output.bytes} for an output"
        folder = self.offline.folder(self.config.transform.prompt)
        return Repairs(
            turns,
            prompts.load("repair", folder),
            prompts.load("faults", folder).parts(),
            packages,
            limit,
        )

    def _inference(self) -> Inference:
        later = (
            not self.reach.inference
        )  # only revisions may be asked, of what enters behind the first answers
        first = self._role("inference", self.config.inference, later=later)
        again = _later(self.config.inference, self.config.revision)
        return Inference(first, self._role("revision", again, later=later))

    def _revision(self) -> Revision:
        turns = (
            self.config.revision.turns
            if self.reach.revision or self.config.output.until == "revision"
            else 1
        )
        prediction = self.config.prediction
        band = (prediction.band[0], prediction.band[1]) if prediction.band else None
        return Revision(self.feedback, turns, self.config.revision.samples, prediction.round, band)

    def _role(self, name: str, settings: RoleSettings, *, later: bool = False) -> Role:
        """later: its model may well never be asked, so its key is asked for at the first call."""
        sampling = Sampling(
            settings.temperature, settings.max_tokens, settings.top_p, tuple(settings.stop)
        )
        return Role(self._model(settings.model, later=later), sampling, settings.system, name)

    def _workers(self, model: str) -> int:
        """Somewhat more than requests may be in flight, so that one is ready when another is
        answered."""
        ceiling = self.config.models[model].concurrency if model in self.config.models else 1
        return ceiling + ceiling // 4 + 1

    def _model(self, name: str, *, later: bool) -> Model:
        settings = self.config.models.get(name)
        if settings is None:
            why = f"there is no section [models.{name}]"
            if later:
                return Absent(name, why)
            raise BadInput(why)
        if later and (unset := _unset(settings, f"models.{name}")):
            return Absent(settings.model, unset)
        if name not in self._models:
            self._models[name] = JournalledModel(
                name, self._made(name, settings), self._effects, self._spending
            )
        return self._models[name]

    def _made(self, name: str, settings: ModelSettings) -> Model:
        setting = f"models.{name}"
        if settings.kind == "simulated":
            permits = Permits(settings.concurrency, changed=self._changed)
            self.permits.append(permits)
            recorded = self.config.base / settings.recorded if settings.recorded else None
            return SimulatedModel(
                settings.model or "simulated",
                self.sandbox,
                permits,
                settings.wrong,
                settings.wrong_again,
                settings.seed,
                recorded,
            )
        if unset := _unset(settings, setting):
            raise BadInput(unset)
        key = os.environ.get(settings.api_key_env, "") if settings.api_key_env else ""
        headers = {
            **settings.headers,
            **{name: os.environ[there] for name, there in settings.headers_env.items()},
        }
        timeouts = Timeouts(settings.timeout_s, settings.connect_timeout_s, settings.read_timeout_s)
        hedge = Hedge(settings.hedge, self._world) if settings.hedge else None
        return OpenAIModel(
            settings.model,
            self._endpoint(settings, key),
            self._session,
            setting,
            timeouts,
            settings.attempts,
            settings.extra_body,
            headers,
            settings.max_tokens_field,
            hedge,
        )

    def _endpoint(self, settings: ModelSettings, key: str) -> Endpoint:
        """The endpoint of a model; models on one (base_url, key) share it, under the highest of
        their ceilings."""
        place = (" ".join(settings.base_url), key)
        if place not in self.endpoints:
            sharing = [
                other
                for other in self.config.models.values()
                if other.base_url == settings.base_url
            ]
            secrets = {
                os.environ.get(there, "")
                for other in sharing
                for there in other.headers_env.values()
            }
            endpoint = Endpoint(
                tuple(settings.base_url),
                key,
                max(other.concurrency for other in sharing),
                self.config.limits.give_up_s,
                _least(other.requests_per_minute for other in sharing),
                _least(other.tokens_per_minute for other in sharing),
                self._world,
                self._changed,
                secrets=frozenset(secrets - {""}),
            )
            self.permits.append(endpoint)
            self.endpoints[place] = endpoint
        return self.endpoints[place]


def _least(rates: Iterable[float]) -> float:
    """The lowest of the rates that are set; 0 if none is."""
    return min((rate for rate in rates if rate), default=0.0)


def _later(first: RoleSettings, later: RevisionSettings) -> RoleSettings:
    """Revision's role: inference's, where it says nothing else."""
    given = {
        name: getattr(later, name)
        for name in ("temperature", "max_tokens", "top_p", "stop", "system")
    }
    changes = {name: value for name, value in given.items() if value is not None}
    return first.model_copy(update={**changes, "model": later.model or first.model})
