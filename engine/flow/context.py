"""What the parts of a run share: the source row that is worked on, and the stop switch."""

import asyncio
import logging
from contextvars import ContextVar
from dataclasses import dataclass, field

from engine.errors import EngineError

logger = logging.getLogger(__name__)
SOURCE: ContextVar[str] = ContextVar("SOURCE", default="")
"""The id of the source row that is worked on. Empty outside of the flow."""


class Withheld(Exception):
    """Raised in place of a call that a run which only replays does not make.

    Its record is held back for a later process.
    """


@dataclass(slots=True)
class StopSwitch:
    """Whether a run takes in more source rows.

    why: what keeps them out (a budget, an endpoint gone), if it was not asked to stop. Then no
    further model call is made either. What is under way is paid for, and waited for.
    """

    why: EngineError | None = None
    _event: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def on(self) -> bool:
        return self._event.is_set()

    def stop(self) -> None:
        """Lets nothing more in."""
        self._event.set()

    def halt(self, why: EngineError) -> None:
        """Lets nothing more in, for a reason. The first reason stays."""
        if self.why is None:
            self.why = why
            logger.error("%s; what is under way is finished", why)
        self._event.set()
