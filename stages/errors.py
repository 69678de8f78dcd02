"""The three kinds of failure a stage can have, and nothing else.

StageError ├── Rejected            the row's own fault: it ends here, with its reason in
rejects.jsonl │   └── GaveUp          it failed while others were served: asked once more at the
end, then a reject ├── Unavailable         theirs or ours, and past all retries: the run stops with
work left (exit 1) └── Misconfigured       a setting, a key or a file is wrong: the run stops at
once (exit 2)

Anything else that leaves a stage is a bug.
"""

from typing import Any


class StageError(Exception):
    """Base of what a stage raises on purpose."""


class Rejected(StageError):
    """Raised when the row at hand cannot go on. reason: one word of the funnel; detail: for a
    person."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.usage: Any = None
        """stages.records.Usage of an answer that was withheld, and is billed all the same."""


class GaveUp(Rejected):
    """Raised when a request failed again and again while its endpoint served others."""

    def __init__(self, detail: str) -> None:
        super().__init__("gave_up", detail)


class Unavailable(StageError):
    """Raised when an endpoint gave nothing for so long that waiting on is pointless, or a budget is
    used up."""


class Misconfigured(StageError):
    """Raised when a setting, key or file is wrong; the message names it."""
