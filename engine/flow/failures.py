"""The three failures of a stage, told apart: the row's own, ours or theirs, and a bug.

A row's own failure is a reject. One of ours or theirs goes on to the flow, which holds the record
back or ends the run. A bug costs its record; past a bound it ends the run.
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
    """bugs: how many unexpected exceptions a run bears."""

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
        except Exception as exc:  # the one place: a bug costs its record, and past a bound the run
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
    """The failure of a stage, in the words of the run."""
    if isinstance(exc, EngineError):
        return exc
    if isinstance(exc, Misconfigured):
        return BadInput(str(exc))
    return MachineFailed(str(exc))
