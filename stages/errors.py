"""The three kinds of failure that a stage can have. Anything else that leaves a stage is a bug.

    StageError
    ├── Rejected            the row's own fault: it ends here, with its reason in rejects.jsonl
    │   └── GaveUp          it failed while others were served: asked once more, then rejected
    ├── Unavailable         an endpoint or a budget gives nothing more: the run stops (exit 1)
    └── Misconfigured       a setting, a key or a file is wrong: the run stops (exit 2)

A run that stops with exit 1 has lost no row, and continues where it stopped.
"""

from typing import Any


class StageError(Exception):
    """Base of what a stage raises on purpose."""


class Rejected(StageError):
    """Raised when the row at hand cannot go on.

    reason: one word, by which rejects are counted. detail: a text for a person.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.usage: Any = None
        """The stages.records.Usage of an answer that was withheld and is billed all the same."""


class GaveUp(Rejected):
    """Raised when a request failed many times while its endpoint served others."""

    def __init__(self, detail: str) -> None:
        super().__init__("gave_up", detail)


class Unavailable(StageError):
    """Raised when an endpoint has answered nothing for too long, or a budget is used up."""


class Misconfigured(StageError):
    """Raised when a setting, key or file is wrong. The message names it."""
