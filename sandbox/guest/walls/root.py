"""The namespaces that a zygote lives in, and the root that its jobs see.

The new root is a small file system in memory. It shows, read-only, the interpreter, its packages,
the system's libraries and five devices. The folder that jobs write in is mounted into it by
`walls`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from . import kernel, landlock

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

    own_root: the jobs' root shows the view only, read-only, whoever built it.
    view: absolute paths shown read-only.
    scratch: the folder that jobs may write in, inside the walls.
    base: where the new root is assembled (only with namespaces).
    uid: the host's user that jobs run as, if we are root.
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
    """Enters the new namespaces. The next fork is process 1 of the new pid namespace.

    Raises: OSError when the machine refuses one of them.
    """
    if os.geteuid() != 0:
        user, group = os.geteuid(), os.getegid()
        kernel.unshare(NAMESPACES)
        # Without this, only root may map a group: to drop one can open files that are closed to
        # its members. Source: user_namespaces(7).
        write_file("/proc/self/setgroups", "deny")
        write_file("/proc/self/uid_map", f"0 {user} 1")
        write_file("/proc/self/gid_map", f"0 {group} 1")
        return
    # Root gives jobs a user of their own on the host. Limits on processes do not hold for root, and
    # what only root may read stays closed to another. But that user might not get into a home where
    # the interpreter's packages lie. So the new root is assembled first.
    kernel.unshare(kernel.NEWNS)
    assemble(plan)
    mapped = os.pipe()
    mapper = fork_mapper(mapped, plan.uid)
    kernel.unshare(NAMESPACES)
    os.close(mapped[1])
    _, status = os.waitpid(mapper, 0)
    if status:
        raise PermissionError("uid_map: the user for jobs could not be mapped")
    switch_user(0)


def fork_mapper(mapped: tuple[int, int], uid: int) -> int:
    """Starts a child that maps its parent to `uid` once the pipe `mapped` closes. Returns its pid.

    From inside, a process may map nobody but itself. The child stays in the old user namespace,
    where it is root. If `uid` cannot be mapped, as in a container that has few users, root is.
    """
    parent = os.getpid()
    child = os.fork()
    if child:
        os.close(mapped[0])
        return child
    os.close(mapped[1])
    os.read(mapped[0], 1)
    for user in (uid, 0):
        try:
            write_file(f"/proc/{parent}/gid_map", f"0 {user} 1")
            write_file(f"/proc/{parent}/uid_map", f"0 {user} 1")
            os._exit(0)
        except OSError:
            continue
    os._exit(1)


def assemble(plan: Plan) -> None:
    """Mounts the new root at `plan.base`, seen by this mount namespace only. Raises: OSError."""
    # Private first: a mount made under a shared one would show on the host.
    kernel.mount("none", "/", flags=kernel.REC | kernel.PRIVATE)
    kernel.mount(
        "sandbox",
        plan.base,
        kind="tmpfs",
        flags=kernel.NOSUID | kernel.NODEV,
        options="size=1m,mode=755",
    )
    for path in plan.view:
        bind(path, plan.base + path)
    for path in landlock.DEVICES:
        os.makedirs(plan.base + "/dev", exist_ok=True)
        bind(path, plan.base + path, flags=kernel.NOSUID)
    for folder in ("/proc", plan.scratch):
        os.makedirs(plan.base + folder, exist_ok=True)
    # Read-only last, and alone: from here on no place to mount something on can be made.
    kernel.read_only(plan.base, recursive=False)


def bind(path: str, target: str, flags: int = kernel.RDONLY | kernel.NOSUID | kernel.NODEV) -> None:
    """Shows `path` at `target`. A link stays a link, and what is not there is left out."""
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
    kernel.mount(path, target, flags=kernel.BIND | kernel.REC)
    kernel.read_only(target, recursive=True, flags=flags)


def open_proc(plan: Plan) -> int | None:
    """A descriptor of a /proc that shows this process's pid namespace.

    None where there is none, or none can be mounted. Only the zygote can use it. Jobs see no /proc
    of ours, since it is unmounted at once and the descriptor is closed for them.
    """
    if not plan.namespaces:
        return os.open("/proc", os.O_PATH | os.O_DIRECTORY) if os.path.isdir("/proc/self") else None
    place = plan.base + "/proc"
    try:
        kernel.mount("proc", place, kind="proc", flags=kernel.NOSUID | kernel.NODEV | kernel.NOEXEC)
    except OSError:
        return None  # a container that hides parts of its own /proc
    fd = os.open(place, os.O_PATH | os.O_DIRECTORY)
    kernel.unmount(place)
    return fd


def switch_user(user: int) -> None:
    """Becomes `user` and the group of that number, with no other groups. Raises: OSError."""
    # Groups go first: without root's rights they could not be set any more.
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def open_to_others(path: str) -> bool:
    """Every user can get to `path`: an interpreter in root's home could not be read by another."""
    parents = [path[:end] for end, letter in enumerate(path) if letter == "/" and end]
    return all(os.stat(parent).st_mode & 1 for parent in parents)


def write_file(path: str, text: str) -> None:
    # In one write, and without a buffer: the kernel takes a map whole or not at all.
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
