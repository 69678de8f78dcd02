"""All cases, kind by kind."""

from tests.hostile.benign import BENIGN
from tests.hostile.busy import MEMORY, TIME
from tests.hostile.case import HOSTILE, KINDS, STATUSES, Case
from tests.hostile.files import DISK, SECRETS
from tests.hostile.kernel import KERNEL_CASES, NETWORK
from tests.hostile.processes import EXIT, PROCESS
from tests.hostile.speech import OUTPUT, TAMPER

CASES: tuple[Case, ...] = (
    *TIME,
    *MEMORY,
    *DISK,
    *OUTPUT,
    *PROCESS,
    *EXIT,
    *TAMPER,
    *SECRETS,
    *NETWORK,
    *KERNEL_CASES,
    *BENIGN,
)

__all__ = ["CASES", "HOSTILE", "KINDS", "STATUSES", "Case"]
