"""A Landlock ruleset: which files a job may read, and the one folder in which it may write.

The zygote makes the ruleset and each job puts it on. Landlock forbids mounting to whoever is under
it, and the zygote mounts a fresh folder between jobs. So the zygote itself is never under it.
Source: landlock(7), include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import os
import struct

from . import kernel

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
MAKE_CHAR, MAKE_BLOCK = 1 << 6, 1 << 11
REFER, TRUNCATE = 1 << 13, 1 << 14
BASE = (1 << 13) - 1
"""All rights on files of version 1"""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def handled(version: int) -> int:
    """All rights on files that this version knows.

    That of ioctl on devices, of version 5, is left out, since seccomp decides on ioctl.
    """
    return BASE | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)


def ruleset(readable: list[str], scratch: str) -> int:
    """A descriptor of rules that allow reading below `readable`, and all but devices in `scratch`.

    Raises: OSError where the kernel has no Landlock.
    """
    version = kernel.landlock_version()
    files = handled(version)
    tcp = 3 if version >= 4 else 0  # bind and connect, allowed nowhere
    scopes = 3 if version >= 6 else 0  # abstract sockets and signals of others
    # Versions 4 and 6 added a field each, and a kernel is given no more of them than it knows.
    length = 8 if version < 4 else 16 if version < 6 else 24
    attributes = struct.pack("<QQQ", files, tcp, scopes)[:length]
    fd = kernel.call("landlock_create_ruleset", attributes, len(attributes), 0)
    for path in readable:
        allow(fd, path, READ_FILE | READ_DIR | EXECUTE)
    for path in DEVICES:
        allow(fd, path, READ_FILE | WRITE_FILE | (files & TRUNCATE))
    allow(fd, scratch, files & ~(MAKE_CHAR | MAKE_BLOCK | EXECUTE))
    return fd


def allow(ruleset: int, path: str, rights: int) -> None:
    """Adds a rule for `path` and all below it. A path that is not there needs none."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):  # a rule for a file may not name rights on folders
            rights &= READ_FILE | WRITE_FILE | EXECUTE | TRUNCATE
        kernel.call("landlock_add_rule", ruleset, 1, struct.pack("<Qi", rights, fd), 0)
    finally:
        os.close(fd)


def restrict(ruleset: int) -> None:
    """Puts the rules on this thread and all that it starts, for good. Raises: OSError."""
    kernel.call("landlock_restrict_self", ruleset, 0)
