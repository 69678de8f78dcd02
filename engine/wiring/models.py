"""The models of a run, made once by name, and the upstream pools that they share."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from engine.config.models import ModelSettings
from engine.config.settings import Config
from engine.effects.effects import Effects
from engine.effects.model import JournalledModel
from engine.effects.spending import Spending
from engine.errors import BadInput
from sandbox import PrioritySemaphore, Sandbox
from stages.errors import Misconfigured
from stages.inference.client import OpenAIModel, Timeouts
from stages.inference.environment import Environment
from stages.inference.hedging import Hedge
from stages.inference.pool import UpstreamPool
from stages.inference.port import ChatRequest, Model
from stages.inference.simulated import SimulatedModel
from stages.records import Answer


@dataclass(frozen=True, slots=True)
class UnavailableModel:
    """Stands for a model that cannot be asked, in a run that may well never ask it.

    why: the message if it does.
    """

    name: str
    why: str

    def body(self, request: ChatRequest) -> dict[str, Any]:
        return request.body()

    async def complete(
        self,
        request: ChatRequest,  # noqa: ARG002  # the port's signature
    ) -> Answer:
        raise Misconfigured(self.why)


@dataclass(slots=True, kw_only=True)
class Models:
    """The models by name. changed: called whenever one of them could take another request.

    pools: by (addresses, key), shared by the models on them. simulated: the semaphores of simulated
    models.
    """

    config: Config
    sandbox: Sandbox
    effects: Effects
    spending: Spending
    session: aiohttp.ClientSession
    environment: Environment
    changed: Callable[[], None]
    pools: dict[tuple[str, str], UpstreamPool] = field(default_factory=dict)
    simulated: list[PrioritySemaphore] = field(default_factory=list)
    _made: dict[str, Model] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """Whether some model could take a request at once."""
        return any(limiter.idle for limiter in self._limiters())

    @property
    def ceiling(self) -> int:
        """Requests in flight at most, over all models."""
        return sum(limiter.capacity for limiter in self._limiters())

    @property
    def in_flight(self) -> int:
        return sum(limiter.held for limiter in self._limiters())

    def get(self, name: str, *, later: bool) -> Model:
        """The model of this name, as its calls are recorded.

        later: it may well never be asked, so what it lacks is an error at the first call only.
        Raises: BadInput, stages.errors.Misconfigured.
        """
        settings = self.config.models.get(name)
        if settings is None:
            why = f"there is no section [models.{name}]"
            if later:
                return UnavailableModel(name, why)
            raise BadInput(why)
        if later and (unset := _unset(settings, f"models.{name}")):
            return UnavailableModel(settings.model, unset)
        if name not in self._made:
            made = self._simulated if settings.kind == "simulated" else self._openai
            self._made[name] = JournalledModel(
                section=name,
                model=made(name, settings),
                effects=self.effects,
                spending=self.spending,
            )
        return self._made[name]

    def _limiters(self) -> Iterable[PrioritySemaphore | UpstreamPool]:
        return (*self.simulated, *self.pools.values())

    def _simulated(self, _name: str, settings: ModelSettings) -> SimulatedModel:
        semaphore = PrioritySemaphore(settings.concurrency, changed=self.changed)
        self.simulated.append(semaphore)
        return SimulatedModel(
            name=settings.model or "simulated",
            sandbox=self.sandbox,
            semaphore=semaphore,
            wrong=settings.wrong,
            wrong_again=settings.wrong_again,
            seed=settings.seed,
            recorded=self.config.base / settings.recorded if settings.recorded else None,
        )

    def _openai(self, name: str, settings: ModelSettings) -> OpenAIModel:
        setting = f"models.{name}"
        if unset := _unset(settings, setting):
            raise BadInput(unset)
        secret = {header: os.environ[there] for header, there in settings.headers_env.items()}
        return OpenAIModel(
            name=settings.model,
            pool=self._pool(settings),
            session=self.session,
            setting=setting,
            timeouts=Timeouts(
                total_s=settings.timeout_s,
                connect_s=settings.connect_timeout_s,
                read_s=settings.read_timeout_s,
            ),
            attempts=settings.attempts,
            extra_body=settings.extra_body,
            headers={**settings.headers, **secret},
            most_tokens=settings.max_tokens_field,
            hedge=Hedge(settings.hedge, self.environment) if settings.hedge else None,
        )

    def _pool(self, settings: ModelSettings) -> UpstreamPool:
        """The pool of a model. Models on one (base_url, key) share it.

        It has the highest concurrency, and the lowest rates, of all models on the base_url.
        """
        key = os.environ.get(settings.api_key_env, "") if settings.api_key_env else ""
        place = (" ".join(settings.base_url), key)
        if place not in self.pools:
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
            self.pools[place] = UpstreamPool(
                urls=tuple(settings.base_url),
                key=key,
                capacity=max(other.concurrency for other in sharing),
                give_up_s=self.config.limits.give_up_s,
                requests_per_minute=_least(other.requests_per_minute for other in sharing),
                tokens_per_minute=_least(other.tokens_per_minute for other in sharing),
                environment=self.environment,
                changed=self.changed,
                secrets=frozenset(secrets - {""}),
            )
        return self.pools[place]


def _unset(settings: ModelSettings, setting: str) -> str:
    """Which variable that the model needs is not set, in words. "" if none."""
    for place, variable in (("api_key_env", settings.api_key_env), *settings.headers_env.items()):
        if variable and not os.environ.get(variable):
            return f"[{setting}] {place}: the environment variable {variable} is not set"
    return ""


def _least(rates: Iterable[float]) -> float:
    """The lowest of the rates that are set. 0 if none is."""
    return min((rate for rate in rates if rate), default=0.0)
