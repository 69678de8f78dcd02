"""The walls around a zygote, built once, and those around each of its jobs, built at every fork.

Around the zygote: namespaces of its own (user, pid, mount, net, ipc, uts, cgroup) and a root that
shows, read-only, the interpreter, its packages, the system's libraries, five devices, and one
bounded folder in memory that can be written. Around each job: a pid namespace, rlimits, Landlock,
no capabilities, a second seccomp filter. Which of them stand is the level's choice; a wall that is
asked for and cannot be had raises OSError.
"""

from __future__ import annotations

import math
import os
import resource
import sys
from dataclasses import dataclass
from typing import Any

from . import filters, kernel, landlock, syscalls, usage

SCRATCH_BYTES = 16 << 20
SCRATCH_FILES = 2000
FILE_BYTES = 8 << 20
DESCRIPTORS = 64
THREADS = 256
CROWD_S = 0.1
ROUND_BYTES = 16 << 20
NAMESPACES = (
    kernel.NEWUSER
    | kernel.NEWNS
    | kernel.NEWPID
    | kernel.NEWNET
    | kernel.NEWIPC
    | kernel.NEWUTS
    | kernel.NEWCGROUP
)


@dataclass(frozen=True)
class Plan:
    """What to build, as the pool asks for it.

    own_root: the jobs' root shows the view only, read-only, whoever built it. view: absolute paths
    shown read-only. scratch: the folder that jobs may write in, inside the walls. base: where the
    new root is put together (only with namespaces). uid: the host's user that jobs run as, if we
    are root.
    """

    namespaces: bool
    landlock: bool
    seccomp: bool
    own_root: bool
    view: list[str]
    scratch: str
    base: str
    uid: int

    @classmethod
    def of(cls, config: dict[str, Any]) -> Plan:
        return cls(**{name: config[name] for name in cls.__dataclass_fields__})


def leave_host(plan: Plan) -> None:
    """Enters the new namespaces; the next fork is process 1 of the new pid namespace."""
    if os.geteuid() != 0:
        user, group = os.geteuid(), os.getegid()
        kernel.unshare(NAMESPACES)
        written("/proc/self/setgroups", "deny")
        written("/proc/self/uid_map", f"0 {user} 1")
        written("/proc/self/gid_map", f"0 {group} 1")
        return
    kernel.unshare(kernel.NEWNS)
    put_together(plan)  # as root: as the jobs' own user, a home's packages might not be seen
    mapped = os.pipe()
    mapper = fork_mapper(mapped, plan.uid)
    kernel.unshare(NAMESPACES)
    os.close(mapped[1])
    _, status = os.waitpid(mapper, 0)
    if status:
        raise PermissionError("uid_map: the user for jobs could not be mapped")
    become(0)


def fork_mapper(mapped: tuple[int, int], uid: int) -> int:
    """A child that stays in the old user namespace and, once `mapped` closes, maps its parent to
    `uid`, or to itself."""
    parent = os.getpid()
    child = os.fork()
    if child:
        os.close(mapped[0])
        return child
    os.close(mapped[1])
    os.read(mapped[0], 1)
    for user in (uid, 0):
        try:
            written(f"/proc/{parent}/gid_map", f"0 {user} 1")
            written(f"/proc/{parent}/uid_map", f"0 {user} 1")
            os._exit(0)
        except OSError:
            continue
    os._exit(1)


def written(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def put_together(plan: Plan) -> None:
    """Mounts the new root at `plan.base`, seen by this mount namespace only."""
    kernel.mount("none", "/", None, kernel.REC | kernel.PRIVATE)
    kernel.mount("sandbox", plan.base, "tmpfs", kernel.NOSUID | kernel.NODEV, "size=1m,mode=755")
    for path in plan.view:
        show(path, plan.base + path)
    for path in landlock.DEVICES:
        os.makedirs(plan.base + "/dev", exist_ok=True)
        show(path, plan.base + path, flags=kernel.NOSUID)
    for folder in ("/proc", plan.scratch):
        os.makedirs(plan.base + folder, exist_ok=True)
    kernel.read_only(plan.base, recursive=False)


def show(path: str, target: str, flags: int = kernel.RDONLY | kernel.NOSUID | kernel.NODEV) -> None:
    """Binds `path` to `target`; a link stays a link, what is not there is left out."""
    if not os.path.lexists(path):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    kernel.mount(path, target, None, kernel.BIND | kernel.REC)
    kernel.read_only(target, recursive=True, flags=flags)


def listing(plan: Plan) -> int | None:
    """A descriptor of a /proc that shows this process's pid namespace, or None where none can be
    mounted."""
    if not plan.namespaces:
        return os.open("/proc", os.O_PATH | os.O_DIRECTORY) if os.path.isdir("/proc/self") else None
    place = plan.base + "/proc"
    try:
        kernel.mount("proc", place, "proc", kernel.NOSUID | kernel.NODEV | kernel.NOEXEC)
    except OSError:
        return None  # a container that hides parts of its own /proc
    fd = os.open(place, os.O_PATH | os.O_DIRECTORY)
    kernel.unmount(place)
    return fd


class Walls:
    """What the zygote holds: the folder for jobs, and all that a job needs at its fork, made before
    it."""

    def __init__(self, plan: Plan, *, as_root: bool) -> None:
        self.plan = plan
        self.as_root = as_root
        self.patience_s = math.inf if plan.namespaces else CROWD_S
        """How often a job wants a look at what it has written."""
        self.statm = usage.open_statm()
        self.mapped_bytes: int | None = None
        """What jobs have mapped before they begin, rounded up so that it is the same in every
        zygote."""
        self.processes: int | None = None
        self.own_pids = -1
        self.rules = -1
        self.job_filter = b""
        self.kept: set[int] = set()
        """Children of the zygote that are no job's."""

    def settle(self) -> None:
        """As process 1 of the new namespaces: moves into the new root. Without namespaces: does
        nothing to the root."""
        if not self.plan.namespaces:
            self.processes = listing(self.plan)
            return
        if not self.as_root:
            put_together(self.plan)
        self.own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY)
        self.processes = listing(self.plan)
        kernel.mount(
            self.plan.base, self.plan.base, None, kernel.BIND | kernel.REC
        )  # an unlocked top to move into
        kernel.enter_root(self.plan.base)
        self._new_scratch()
        kernel.LIBC.sethostname(b"sandbox", 7)

    def close(self) -> None:
        """The last walls of the zygote itself; from here on it is single-threaded and starts jobs
        only."""
        if self.plan.landlock:
            self.rules = landlock.ruleset(self.plan.view, self.plan.scratch)
        if self.statm is not None:
            self.mapped_bytes = -(-usage.mapped_bytes(self.statm) // ROUND_BYTES) * ROUND_BYTES
        if (
            self.changes == "nothing"
            and self.as_root
            and all(open_to_others(path) for path in self.plan.view)
        ):
            os.chown(self.plan.scratch, self.plan.uid, self.plan.uid)
            become(self.plan.uid)
        if syscalls.machine():
            kernel.control(kernel.PR_SET_DUMPABLE, 0)
            if not self.plan.seccomp:
                kernel.control(kernel.PR_SET_CHILD_SUBREAPER, 1)
            kernel.control(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if self.plan.seccomp:
            machine, alone = syscalls.machine(), self.plan.namespaces
            self.job_filter = filters.job_filter(machine, alone=alone, changes=self.changes)
            kernel.add_filter(filters.zygote_filter(machine, alone=alone))

    @property
    def changes(self) -> str:
        """What a job may change of files by system call alone: Landlock does not know of modes and
        times."""
        if self.plan.own_root or not self.plan.seccomp:
            return "all"
        return "contents" if self.plan.landlock else "nothing"

    def before_fork(self) -> None:
        """Gives the next child a pid namespace of its own."""
        if self.own_pids >= 0:
            kernel.join_namespace(
                self.own_pids, kernel.NEWPID
            )  # a second unshare without this is refused
            kernel.unshare(kernel.NEWPID)

    def confine(self, cpu_ceiling_s: int, memory_bytes: int) -> None:
        """In the job's process, before its code: everything that it will not get back."""
        os.setsid()
        os.chdir(self.plan.scratch)
        self._limit(cpu_ceiling_s, memory_bytes)
        if self.plan.landlock:
            landlock.restrict(self.rules)
        if syscalls.machine():
            if not self.plan.namespaces:
                kernel.control(kernel.PR_SET_PDEATHSIG, 9)
            kernel.drop_capabilities()
        if self.plan.seccomp:
            kernel.add_filter(filters.for_process(self.job_filter, os.getpid()))

    def _limit(self, cpu_ceiling_s: int, memory_bytes: int) -> None:
        limits = {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_FSIZE: FILE_BYTES,
            resource.RLIMIT_NOFILE: DESCRIPTORS,
        }
        if self.mapped_bytes is not None:
            limits[resource.RLIMIT_AS] = self.mapped_bytes + memory_bytes
        if self.plan.namespaces:
            limits[resource.RLIMIT_NPROC] = THREADS
        for which, value in limits.items():
            _, most = resource.getrlimit(which)
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.setrlimit(which, (value, value))
        if (
            sys.platform != "linux"
        ):  # there the job dies with its zygote, and this limit would coarsen its CPU clock
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_ceiling_s, cpu_ceiling_s + 1))

    def crowded(self) -> bool:
        """A job's folder holds more than it may (where no file system of its own bounds it)."""
        return not self.plan.namespaces and holds_more(
            self.plan.scratch, SCRATCH_FILES, SCRATCH_BYTES
        )

    def clean(self) -> None:
        """Leaves nothing of a job in its folder."""
        if self.plan.namespaces:
            if not os.listdir(self.plan.scratch):
                return
            kernel.unmount(self.plan.scratch)
            self._new_scratch()
            if self.plan.landlock:
                os.close(self.rules)
                self.rules = landlock.ruleset(self.plan.view, self.plan.scratch)
        else:
            emptied(self.plan.scratch)

    def _new_scratch(self) -> None:
        options = f"size={SCRATCH_BYTES},nr_inodes={SCRATCH_FILES},mode=700"
        kernel.mount(
            "scratch",
            self.plan.scratch,
            "tmpfs",
            kernel.NOSUID | kernel.NODEV | kernel.NOEXEC,
            options,
        )


def become(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def open_to_others(path: str) -> bool:
    """Every user can get to `path`: an interpreter in root's home could not be read by another."""
    parents = [path[:end] for end, letter in enumerate(path) if letter == "/" and end]
    return all(os.stat(parent).st_mode & 1 for parent in parents)


def holds_more(folder: str, files: int, held_bytes: int) -> bool:
    """Whether more than so many files, or bytes in them, lie below `folder`; what cannot be read
    counts as a file."""
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    files -= 1
                    held_bytes -= entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    if files < 0 or held_bytes < 0:
                        return True
        except OSError:
            continue  # it has just gone, or the job has shut it
    return False


def removed(plan: Plan) -> None:
    """The folder that was made for the jobs of one zygote, outside any walls, goes with it."""
    if plan.own_root:
        return
    try:
        emptied(plan.scratch)
        os.rmdir(plan.scratch)
    except OSError:
        pass  # it has gone, or the pool will remove it


def emptied(folder: str) -> None:
    """Removes what is in `folder`, however deep and whatever its modes: what lies below is first
    moved up."""
    moved = 0
    os.chmod(folder, 0o700)
    while True:
        names = os.listdir(folder)
        if not names:
            return
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isdir(path):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for below in os.listdir(path):
                moved += 1
                inner = os.path.join(path, below)
                if os.path.isdir(inner) and not os.path.islink(inner):
                    os.chmod(inner, 0o700)  # a folder that may not be written cannot be moved
                os.rename(inner, os.path.join(folder, f".moved-{moved}"))
            os.rmdir(path)
