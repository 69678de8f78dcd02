"""Linux calls that Python has no function for: namespaces, mounts, Landlock, capabilities, seccomp.

Each raises OSError with the kernel's reason. Numbers of system calls are those of `syscalls`. Where
it has no table for the machine, what needs a number raises OSError(ENOSYS).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from . import syscalls

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
"""CLONE_* of sched.h"""
RDONLY, NOSUID, NODEV, NOEXEC, BIND, REC, PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
"""MS_* of sys/mount.h"""
DETACH = 2
"""MNT_DETACH"""
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
NUMBERS = (
    syscalls.numbers(syscalls.OWN + syscalls.ONCE, syscalls.machine()) if syscalls.machine() else {}
)


def checked(result: int, what: str) -> int:
    """The result of a call named `what`. Raises: OSError when it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def call(name: str, *arguments: object) -> int:
    """A raw system call of `syscalls.OWN` or `ONCE`. Raises: OSError.

    Integers are passed as 64 bits, None as a null pointer.
    """
    if name not in NUMBERS:
        raise OSError(errno.ENOSYS, f"{name}: no such system call on this machine")
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return checked(LIBC.syscall(ctypes.c_long(NUMBERS[name]), *wide), name)


def unshare(flags: int) -> None:
    checked(LIBC.unshare(ctypes.c_int(flags)), "unshare")


def join_namespace(fd: int, kind: int) -> None:
    checked(LIBC.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")


def control(option: int, value: int) -> None:
    """prctl(2) with one number."""
    zero = ctypes.c_ulong(0)
    checked(LIBC.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero), "prctl")


def mount(
    source: str, target: str, *, flags: int, kind: str | None = None, options: str = ""
) -> None:
    """mount(2). kind: a type of file system, None for a bind or a change of flags."""
    result = LIBC.mount(
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    checked(result, f"mount {target}")


def unmount(target: str) -> None:
    """Takes the mount away at once, whatever still uses it."""
    checked(LIBC.umount2(target.encode(), ctypes.c_int(DETACH)), f"umount {target}")


def read_only(target: str, *, recursive: bool, flags: int = RDONLY | NOSUID | NODEV) -> None:
    """mount_setattr(2): sets `flags` on the mount at `target`, and on those below if `recursive`.

    The older mount(2) with MS_REMOUNT changes one mount at a time, and misses those below.
    """
    attributes = struct.pack("<QQQQ", flags, 0, 0, 0)
    depth = AT_RECURSIVE if recursive else 0
    arguments = (AT_FDCWD, target.encode(), depth, attributes, len(attributes))
    call("mount_setattr", *arguments)


def enter_root(folder: str) -> None:
    """Makes the mount at `folder` the root and drops the old one."""
    os.chdir(folder)
    # Both on one folder: the old root lands on top of the new one, and is unmounted from there. So
    # no folder is needed for it. Source: pivot_root(2), NOTES.
    call("pivot_root", b".", b".")
    unmount(".")
    os.chdir("/")


def drop_capabilities() -> None:
    """capset(2) of this thread to nothing. Source: include/uapi/linux/capability.h, version 3."""
    call("capset", struct.pack("<II", 0x20080522, 0), bytes(24))


def add_filter(program: bytes) -> None:
    """seccomp(2) SECCOMP_SET_MODE_FILTER. It needs PR_SET_NO_NEW_PRIVS."""
    kept = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(kept))
    call("seccomp", 1, 0, head)


def landlock_version() -> int:
    """The kernel's Landlock ABI. Raises: OSError where there is none, or it is switched off."""
    return call("landlock_create_ruleset", None, 0, 1)
