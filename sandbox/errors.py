"""What can go wrong with the sandbox itself.

    SandboxError            a job could not be run at all: no processes, no room
    ├── JobRefused          only this job cannot be run: it is too large, or breaks its zygote
    ├── GuestUnusable       the guest interpreter is missing, not executable, or does not answer
    └── IsolationMissing    this machine cannot have the walls that were asked for

What goes wrong in a job is no error here but its `Run.status`.
"""


class SandboxError(Exception):
    """Raised when the sandbox, not the job, failed."""


class JobRefused(SandboxError):
    """Raised when the sandbox runs other jobs but not this one. The message says how it fails."""


class GuestUnusable(SandboxError):
    """Raised when the guest interpreter cannot be used. The message names the file and why."""


class IsolationMissing(SandboxError):
    """Raised when a level of isolation cannot be had. The message says what it needs."""
