"""A Landlock ruleset: which files a job may read, and the one folder in which it may write.

The ruleset is made by the zygote and put on by each job. Landlock forbids mounting to whoever is
under it, so the zygote itself never is. Source: landlock(7), include/uapi/linux/landlock.h.
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
    """All rights on files that this version knows (ioctl on devices, version 5, is seccomp's)."""
    return BASE | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)


def ruleset(readable: list[str], scratch: str) -> int:
    """A file descriptor of the rules: `readable` trees and files for reading, `scratch` for all but
    devices."""
    version = kernel.landlock_version()
    files = handled(version)
    tcp = 3 if version >= 4 else 0  # bind and connect, allowed nowhere
    scopes = 3 if version >= 6 else 0  # abstract sockets and signals of others
    attributes = struct.pack("<QQQ", files, tcp, scopes)[
        : 8 if version < 4 else 16 if version < 6 else 24
    ]
    fd = kernel.call("landlock_create_ruleset", attributes, len(attributes), 0)
    for path in readable:
        allow(fd, path, READ_FILE | READ_DIR | EXECUTE)
    for path in DEVICES:
        allow(fd, path, READ_FILE | WRITE_FILE | (files & TRUNCATE))
    allow(fd, scratch, files & ~(MAKE_CHAR | MAKE_BLOCK | EXECUTE))
    return fd


def allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # it is not there, so nothing is to be allowed
    try:
        if not os.path.isdir(path):
            rights &= READ_FILE | WRITE_FILE | EXECUTE | TRUNCATE
        kernel.call("landlock_add_rule", ruleset, 1, struct.pack("<Qi", rights, fd), 0)
    finally:
        os.close(fd)


def restrict(ruleset: int) -> None:
    kernel.call("landlock_restrict_self", ruleset, 0)
