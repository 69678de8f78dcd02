"""What ends a run or keeps it from starting. Each carries the exit status of the command.

EngineError ├── BadInput            2  the command, the run file, the input, a key or the folder is
wrong │   └── FolderInUse     2  another run holds the folder ├── OutOfService        1  an endpoint
is gone; the same command continues ├── Stopped             1  asked to stop; the same command
continues ├── Full                1  the output has the rows that limits.max_rows allows; a higher
one continues ├── MachineFailed       3  disk, permissions, processes └── TooManyBugs         3
unexpected exceptions past limits.bugs
"""


class EngineError(Exception):
    """Base of all that ends a run."""

    exit_status = 3


class BadInput(EngineError):
    """Raised when something the user gave is wrong; the message names it and says what to do."""

    exit_status = 2


class FolderInUse(BadInput):
    """Raised when the run folder is held by another run."""


class OutOfService(EngineError):
    """Raised when an endpoint answered nothing for limits.give_up_s."""

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
