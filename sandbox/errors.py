"""What can go wrong with the sandbox itself; what goes wrong in a job is its `Run.status`.

SandboxError                a job could not be run at all (no processes, no room, too large a job)
├── JobRefused              this job cannot be run, others can: it is too large, or breaks what runs
it ├── GuestUnusable           the guest interpreter is missing, not executable or does not answer
└── IsolationMissing        the walls that were asked for cannot be had on this machine
"""


class SandboxError(Exception):
    """Raised when the sandbox, not the job, failed."""


class JobRefused(SandboxError):
    """Raised when the sandbox works, but not with this job; the message says how it fails."""


class GuestUnusable(SandboxError):
    """Raised when the guest interpreter cannot be started; the message names the file and the
    remedy."""


class IsolationMissing(SandboxError):
    """Raised when a level of isolation cannot be had; the message says what is missing and how to
    get it."""
