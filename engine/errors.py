"""What ends a run or keeps it from starting, each with the exit status of the command.

EngineError
├── BadInput          2  the command, the run file, the input, a key or the folder is wrong
│   └── FolderInUse   2  another run holds the folder
├── OutOfService      1  an endpoint is gone or a budget used up: the same command continues
├── Stopped           1  the run was asked to stop: the same command continues
├── Full              1  the output has limits.max_rows rows: a higher limit continues
├── MachineFailed     3  disk, permissions, processes
└── TooManyBugs       3  more unexpected exceptions than limits.bugs
"""


class EngineError(Exception):
    """Base of all that ends a run."""

    exit_status = 3


class BadInput(EngineError):
    """Raised when something the user gave is wrong. The message names it and says what to do."""

    exit_status = 2


class FolderInUse(BadInput):
    """Raised when the run folder is held by another run."""


class OutOfService(EngineError):
    """Raised when an endpoint was silent for limits.give_up_s seconds, or a budget is used up."""

    exit_status = 1


class Stopped(EngineError):
    """Raised to those who wait for a sample of an engine that was stopped."""

    exit_status = 1


class Full(EngineError):
    """Raised when a row would be one more than limits.max_rows."""

    exit_status = 1

    def __init__(self, most: int) -> None:
        super().__init__(
            f"limits.max_rows: {most} rows are written; raise it and give the same command to go on"
        )


class MachineFailed(EngineError):
    """Raised when the disk, the permissions or the processes of this machine failed the run."""


class TooManyBugs(EngineError):
    """Raised when more records ended in unexpected exceptions than limits.bugs."""
