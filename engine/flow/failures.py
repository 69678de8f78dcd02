"""The three failures of a stage, kept apart: of the row, of what is around it, and a bug.

A row's own failure is a reject. Failures of endpoints, settings and the machine go on to the flow.
It holds the record back, or ends the run. A bug rejects its record. More bugs than limits.bugs end
the run.
"""

import logging
import traceback
from typing import Any

from engine.errors import BadInput, EngineError, MachineFailed, TooManyBugs
from engine.flow.context import Withheld
from engine.flow.graph import Node
from sandbox import JobRefused, SandboxError
from stages.errors import Misconfigured, Rejected, Unavailable
from stages.records import Kind, Reject

logger = logging.getLogger(__name__)
TRACEBACK_CHARACTERS = 4000
"""What a reject of reason `bug` keeps of its traceback: the end, where the exception stands."""


class Failures:
    """Runs stages, and sorts what they raise.

    bugs: how many unexpected exceptions end in rejects. One more ends the run.
    """

    def __init__(self, bugs: int) -> None:
        self._left = bugs

    async def outcomes(self, node: Node, record: Any, about: tuple[Kind, str]) -> tuple[Any, ...]:
        """What the stage makes of the record. about: the record's kind and id.

        Raises: Unavailable, Misconfigured, SandboxError, EngineError, Withheld.
        """
        kind, id_ = about
        try:
            return await node.stage(record)
        except Rejected as exc:
            return (Reject(id=id_, kind=kind, reason=exc.reason, detail=exc.detail),)
        except JobRefused as exc:
            return (Reject(id=id_, kind=kind, reason="sandbox", detail=str(exc)),)
        except (Unavailable, Misconfigured, SandboxError, EngineError, Withheld):
            raise
        except Exception as exc:  # the one place: a bug rejects its record, many bugs end the run
            self._left -= 1
            detail = "".join(traceback.format_exception(exc))[-TRACEBACK_CHARACTERS:]
            logger.error(  # noqa: TRY400  # the detail has the traceback
                "%s: a bug rejects %s %s: %s", node.name, kind, id_, detail
            )
            if self._left < 0:
                raise TooManyBugs(
                    f"{node.name}: more unexpected exceptions than limits.bugs; the last: {exc!r}"
                ) from exc
            return (Reject(id=id_, kind=kind, reason="bug", detail=detail),)


def as_engine_error(exc: Exception) -> EngineError:
    """The failure of a stage, as the error that ends the run."""
    if isinstance(exc, EngineError):
        return exc
    if isinstance(exc, Misconfigured):
        return BadInput(str(exc))
    return MachineFailed(str(exc))
