"""The walls around a zygote, put up once, and those around each of its jobs, put up at every fork.

Around the zygote: namespaces of its own, a root that shows little, one bounded folder that can be
written, a seccomp filter. Around each job: a pid namespace, rlimits, Landlock, no capabilities, a
second filter. The level chooses which of them stand. A wall that is asked for and cannot be had
raises OSError.

The order is `root.leave_host`, `enter_root`, the imports, `restrict_zygote`, and `restrict_job` at
every fork. The imports come after the new root, so that they find what a job would find. They come
before the filters and limits, which some libraries would not survive while they load.
"""

from __future__ import annotations

import math
import os
import resource
import sys

from .. import usage
from . import filters, kernel, landlock, syscalls
from .root import Plan, assemble, open_proc, open_to_others, switch_user
from .scratch import SCRATCH_BYTES, SCRATCH_FILES, empty, holds_more, mount_scratch, remove

FILE_BYTES = 8 << 20
DESCRIPTORS = 64
THREADS = 256
SCRATCH_LOOK_S = 0.1
ROUND_BYTES = 16 << 20


class Walls:
    """What the zygote holds: the jobs' folder, and what a job needs at its fork, made before it."""

    def __init__(self, plan: Plan, *, as_root: bool) -> None:
        self.plan = plan
        self.as_root = as_root
        self.look_s = math.inf if plan.namespaces else SCRATCH_LOOK_S
        """Seconds between two looks at what a job has written."""
        # Opened now: the new root has no /proc, and Landlock would refuse it.
        self.statm = usage.open_statm()
        self.mapped_bytes: int | None = None
        """What jobs have mapped before they begin, rounded up to be the same in every zygote."""
        self.processes: int | None = None
        """A descriptor of /proc, if there is one."""
        self.own_pids = -1
        self.rules = -1
        self.job_filter = b""
        self.waiting_pids: set[int] = set()
        """Children of the zygote that are no job's."""

    def enter_root(self) -> None:
        """As process 1 of the new namespaces, moves into the new root. Raises: OSError.

        Without namespaces the root stays as it is.
        """
        if not self.plan.namespaces:
            self.processes = open_proc(self.plan)
            return
        if not self.as_root:
            assemble(self.plan)
        self.own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY)
        # Before the old root goes: the kernel mounts a /proc only where one can be seen already.
        self.processes = open_proc(self.plan)
        # Mounts that a new user namespace has inherited are locked, and a locked one cannot become
        # the root. A bind of the base on itself is this namespace's own.
        kernel.mount(self.plan.base, self.plan.base, flags=kernel.BIND | kernel.REC)
        kernel.enter_root(self.plan.base)
        mount_scratch(self.plan.scratch)
        kernel.LIBC.sethostname(b"sandbox", 7)

    def restrict_zygote(self) -> None:
        """Puts up the last walls of the zygote itself. From here on it only starts jobs.

        It stays single-threaded. Raises: OSError.
        """
        if self.plan.landlock:
            self.rules = landlock.ruleset(self.plan.view, self.plan.scratch)
        if self.statm is not None:
            self.mapped_bytes = -(-usage.mapped_bytes(self.statm) // ROUND_BYTES) * ROUND_BYTES
        # Where seccomp is the only wall around files, root's own are kept by another user.
        if (
            self.changes == "nothing"
            and self.as_root
            and all(open_to_others(path) for path in self.plan.view)
        ):
            os.chown(self.plan.scratch, self.plan.uid, self.plan.uid)
            switch_user(self.plan.uid)
        if syscalls.machine():
            # After the change of user, which resets it. Jobs are of the zygote's user, and could
            # else read or trace it.
            kernel.control(kernel.PR_SET_DUMPABLE, 0)
            if not self.plan.seccomp:  # then jobs can fork, and what they leave comes to us
                kernel.control(kernel.PR_SET_CHILD_SUBREAPER, 1)
            # Who is not root gets Landlock and seccomp only after giving up what an exec may gain.
            kernel.control(kernel.PR_SET_NO_NEW_PRIVS, 1)
        # The filter comes last, since it refuses much of the above.
        if self.plan.seccomp:
            machine, alone = syscalls.machine(), self.plan.namespaces
            self.job_filter = filters.job_filter(machine, alone=alone, changes=self.changes)
            kernel.add_filter(filters.zygote_filter(machine, alone=alone))

    @property
    def changes(self) -> str:
        """What a job may change of files by system call alone, as `filters.job_filter` takes it.

        Landlock does not know of modes and times.
        """
        if self.plan.own_root or not self.plan.seccomp:
            return "all"
        return "contents" if self.plan.landlock else "nothing"

    def before_fork(self) -> None:
        """Gives the next child a pid namespace of its own. Raises: OSError."""
        if self.own_pids >= 0:
            # Back home first: the kernel refuses a second unshare, and a fork into a namespace
            # whose process 1 has gone.
            kernel.join_namespace(self.own_pids, kernel.NEWPID)
            kernel.unshare(kernel.NEWPID)

    def restrict_job(self, cpu_ceiling_s: int, memory_bytes: int) -> None:
        """In the job's process, before its code: takes away all that it will not get back.

        memory_bytes: what it may map on top of what it has. Raises: OSError.
        """
        # A session is a process group too, by which the zygote kills what the job may start.
        os.setsid()
        os.chdir(self.plan.scratch)
        self._limit(cpu_ceiling_s, memory_bytes)
        if self.plan.landlock:
            landlock.restrict(self.rules)
        if syscalls.machine():
            if not self.plan.namespaces:  # with them, it dies with process 1, the zygote
                kernel.control(kernel.PR_SET_PDEATHSIG, 9)
            kernel.drop_capabilities()
        # Last again: the filter ends who asks for another, and refuses prctl for most.
        if self.plan.seccomp:
            kernel.add_filter(filters.for_process(self.job_filter, os.getpid()))

    def _limit(self, cpu_ceiling_s: int, memory_bytes: int) -> None:
        limits = {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_FSIZE: FILE_BYTES,
            resource.RLIMIT_NOFILE: DESCRIPTORS,
        }
        # Of the address space, since it is counted at once and ends in a MemoryError. What the
        # zygote has mapped is the job's too, so the limit is relative to it.
        if self.mapped_bytes is not None:
            limits[resource.RLIMIT_AS] = self.mapped_bytes + memory_bytes
        # Counted by user. Without namespaces that is the pool's own, and its processes would count.
        if self.plan.namespaces:
            limits[resource.RLIMIT_NPROC] = THREADS
        for which, value in limits.items():
            _, most = resource.getrlimit(which)
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.setrlimit(which, (value, value))
        # Not on Linux: this limit coarsens a process's CPU clock to ticks, and the zygote reads its
        # deadlines from that clock. Nor is it needed there, where a job dies with its zygote.
        if sys.platform != "linux":
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_ceiling_s, cpu_ceiling_s + 1))

    def overfull(self) -> bool:
        """A job's folder holds more than it may, where no file system of its own bounds it."""
        return not self.plan.namespaces and holds_more(
            self.plan.scratch, SCRATCH_FILES, SCRATCH_BYTES
        )

    def clean(self) -> None:
        """Leaves nothing of a job in its folder. Raises: OSError."""
        if not self.plan.namespaces:
            empty(self.plan.scratch)
        elif os.listdir(self.plan.scratch):
            # A fresh file system costs two calls, however much a job has left and how deep.
            kernel.unmount(self.plan.scratch)
            mount_scratch(self.plan.scratch)
            if self.plan.landlock:  # the old rules name the folder that has gone
                os.close(self.rules)
                self.rules = landlock.ruleset(self.plan.view, self.plan.scratch)


def remove_scratch(plan: Plan) -> None:
    """Removes the jobs' folder where it was made for one zygote, outside any walls."""
    if not plan.own_root:
        remove(plan.scratch)
