"""Two seccomp filters: a large one that the zygote puts on once, a small one that every job adds.

The first allows by name what Python, numpy and the zygote need. The second takes away what only the
zygote needs. Unknown calls give EPERM, so that libraries degrade. Calls that nobody makes by
mistake end the process (SIGSYS), so that no `except` hides them.

A filter is classic BPF: a binary search over ranges of numbers, with a few tests of arguments at
its leaves. Source: seccomp(2), include/uapi/linux/seccomp.h, include/uapi/linux/filter.h.
"""

from __future__ import annotations

import struct

from . import syscalls

ALLOW = 0x7FFF0000
KILL = 0x80000000
REFUSE = 0x00050001
"""SECCOMP_RET_ERRNO | EPERM"""
ABSENT = 0x00050026
"""SECCOMP_RET_ERRNO | ENOSYS: glibc then uses the older call, whose flags a filter can read."""

LOAD, EQUAL, AT_LEAST, ANY_BIT, JUMP, RETURN = 0x20, 0x15, 0x35, 0x45, 0x05, 0x06
X32 = 0x40000000
CLONE_THREAD = 0x00010000
AF_UNIX = 1
TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO = 0x5401, 0x5413, 0x541B, 0x5421
FIONCLEX, FIOCLEX = 0x5450, 0x5451
PR_SET_PDEATHSIG, PR_SET_NAME, PR_GET_NAME = 1, 15, 16
ANY_PROCESS = 0x5A5A5A5A
"""Stands for the job's own process id, as no process can have."""
WRITING = 0o1 | 0o2 | 0o100 | 0o1000
"""O_WRONLY, O_RDWR, O_CREAT, O_TRUNC"""
F_SETOWN, F_SETSIG, F_SETOWN_EX = 8, 10, 15
"""fcntl(2): whom a descriptor signals"""
CHANGING = (
    "creat",
    "truncate",
    "rename",
    "renameat",
    "renameat2",
    "mkdir",
    "mkdirat",
    "rmdir",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "symlink",
    "symlinkat",
)
METADATA = ("chmod", "fchmod", "fchmodat", "utime", "utimes", "utimensat", "futimesat")

Instruction = tuple[int, int, int, int]


def zygote_filter(machine: str, *, alone: bool) -> bytes:
    """The allowlist, on from the end of preloading and inherited by every job.

    alone: see `job_filter`.
    """
    rules = {
        number: [answer(ALLOW)]
        for number in numbers(syscalls.SHARED, machine) + numbers(syscalls.OWN, machine)
    }
    rules.update({number: [answer(KILL)] for number in numbers(syscalls.HOSTILE, machine)})
    named = syscalls.numbers(syscalls.CONDITIONAL, machine)
    rules[named["ioctl"]] = one_of(1, (TCGETS, FIONBIO, FIONREAD, TIOCGWINSZ, FIONCLEX, FIOCLEX))
    rules[named["fcntl"]] = not_one_of(1, (F_SETOWN, F_SETSIG, F_SETOWN_EX))
    rules[named["socketpair"]] = one_of(0, (AF_UNIX,))
    rules[named["sendto"]] = zero(4)  # with no address: on a pair only
    rules[named["prlimit64"]] = one_of(0, (0,))  # of itself: none lowers the zygote's
    # A process asks to die with its parent only where no pid namespace sees to that.
    death = () if alone else (PR_SET_PDEATHSIG,)
    rules[named["prctl"]] = one_of(0, (PR_SET_NAME, PR_GET_NAME, *death))
    # Its flags lie in memory, where no filter can look. Without it, glibc uses clone.
    rules[named["clone3"]] = [answer(ABSENT)]
    for name in ("tgkill", "clone"):
        rules[named[name]] = [answer(ALLOW)]  # the job's filter looks at these
    return program(machine, rules, REFUSE)


def job_filter(machine: str, *, alone: bool, changes: str) -> bytes:
    """What a job may not do on top: start processes, signal others, take its walls down.

    It is short, since the kernel works through it at every fork. `for_process` completes it.

    alone: the job is the only process of its pid namespace, so that there is nobody to signal.

    changes: "all" where its root shows nothing else that can be changed. "contents" where modes
    and times of any file would be open to it. "nothing" where no other wall says which files it
    may write.
    """
    named = syscalls.numbers(syscalls.CONDITIONAL + syscalls.OWN, machine)
    rules = {
        named[name]: [answer(KILL)] for name in ("unshare", "setns", "mount", "umount2", "seccomp")
    }
    rules[named["kill"]] = [answer(REFUSE)]
    rules[named["clone"]] = any_of(0, CLONE_THREAD)
    if not alone:
        rules[named["tgkill"]] = one_of(0, (ANY_PROCESS,))
        rules[named["prctl"]] = one_of(0, (PR_SET_NAME, PR_GET_NAME))
    if changes != "all":
        shared = syscalls.numbers(syscalls.SHARED, machine)
        rules.update({shared[name]: [answer(REFUSE)] for name in METADATA if name in shared})
    if changes == "nothing":
        rules.update(refused_changes(machine))
    out = [(LOAD, 0, 0, 0)]
    for number, rule in rules.items():
        out += [(EQUAL, 0, len(rule), number), *rule]
    return packed([*out, answer(ALLOW)])


def for_process(program: bytes, pid: int) -> bytes:
    """A job's filter for the process `pid`.

    Filling in a number is all that is left to do at a fork. To build the filter takes longer.
    """
    return program.replace(struct.pack("<I", ANY_PROCESS), struct.pack("<I", pid))


def refused_changes(machine: str) -> dict[int, list[Instruction]]:
    """Rules under which files can be opened for reading only, and folders not be changed."""
    named = syscalls.numbers(syscalls.SHARED, machine)
    rules = {named[name]: [answer(REFUSE)] for name in CHANGING if name in named}
    rules[named["openat"]] = none_of(2, WRITING)
    if "open" in named:
        rules[named["open"]] = none_of(1, WRITING)
    return rules


def numbers(table: str, machine: str) -> list[int]:
    return list(syscalls.numbers(table, machine).values())


def answer(action: int) -> Instruction:
    return (RETURN, 0, 0, action)


def load(argument: int, *, high: bool = False) -> Instruction:
    """Loads one half of an argument. A filter's registers have 32 bits, arguments 64."""
    return (LOAD, 0, 0, 16 + 8 * argument + 4 * high)  # both machines are little-endian


def one_of(argument: int, values: tuple[int, ...]) -> list[Instruction]:
    """Allows if the low half of `argument` is one of `values`: the kernel takes an int there."""
    tests = [(EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
    return [load(argument), *tests, answer(REFUSE), answer(ALLOW)]


def not_one_of(argument: int, values: tuple[int, ...]) -> list[Instruction]:
    """Allows if the low half of `argument` is none of `values`."""
    tests = [(EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
    return [load(argument), *tests, answer(ALLOW), answer(REFUSE)]


def any_of(argument: int, mask: int) -> list[Instruction]:
    """Allows if a bit of `mask` is set in the low half of `argument`."""
    return [load(argument), (ANY_BIT, 1, 0, mask), answer(REFUSE), answer(ALLOW)]


def none_of(argument: int, mask: int) -> list[Instruction]:
    """Allows if no bit of `mask` is set in the low half of `argument`."""
    return [load(argument), (ANY_BIT, 1, 0, mask), answer(ALLOW), answer(REFUSE)]


def zero(argument: int) -> list[Instruction]:
    """Allows if all 64 bits of `argument` are zero."""
    return [
        load(argument),
        (EQUAL, 0, 2, 0),
        load(argument, high=True),
        (EQUAL, 1, 0, 0),
        answer(REFUSE),
        answer(ALLOW),
    ]


def program(machine: str, rules: dict[int, list[Instruction]], default: int) -> bytes:
    """The filter that answers each system call number by its rule, every other with `default`."""
    segments: list[tuple[int, list[Instruction]]] = []
    for number in sorted({0, *rules, *(number + 1 for number in rules)}):
        rule = rules.get(number, [answer(default)])
        if not segments or segments[-1][1] != rule:
            segments.append((number, rule))
    # The machine comes first: a 64-bit process can make 32-bit calls, whose numbers mean others.
    head = [
        (LOAD, 0, 0, 4),
        (EQUAL, 1, 0, syscalls.AUDIT_ARCH[machine]),
        answer(KILL),
        (LOAD, 0, 0, 0),
    ]
    if machine == "x86_64":  # and x32, with numbers of its own under the same machine's name
        head += [(AT_LEAST, 0, 1, X32), answer(REFUSE)]
    return packed(head + search(segments))


def packed(instructions: list[Instruction]) -> bytes:
    return b"".join(struct.pack("<HBBI", *one) for one in instructions)


def search(segments: list[tuple[int, list[Instruction]]]) -> list[Instruction]:
    """Binary search over (first number, rule), ascending.

    A conditional jump reaches 255 instructions at most, so a longer half is jumped over by JUMP.
    """
    if len(segments) == 1:
        return segments[0][1]
    middle = len(segments) // 2
    below, above = search(segments[:middle]), search(segments[middle:])
    if len(below) <= 255:
        return [(AT_LEAST, len(below), 0, segments[middle][0]), *below, *above]
    return [(AT_LEAST, 0, 1, segments[middle][0]), (JUMP, 0, 0, len(below)), *below, *above]
