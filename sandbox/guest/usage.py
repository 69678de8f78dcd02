"""What a running process has used: CPU seconds, and seconds in which it waited for a core.

Blocked time is wall time less both, so that no verdict depends on what else the machine does.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time

CPU_OF_ALL_THREADS = 2
"""CPUCLOCK_SCHED. clock_getcpuclockid(3) makes the same number of it.
Source: include/linux/posix-timers_types.h."""
TICK_S = 1e-9
RUSAGE_INFO_V0, RUSAGE_BYTES = 0, 96


def cpu_s(pid: int) -> float:
    """CPU seconds of all threads of a child, ended ones included.

    Raises: OSError once the child is reaped.
    """
    if sys.platform == "darwin":
        return darwin_cpu_s(pid)
    # The process's own clock: one call, to the nanosecond, without /proc. In /proc/<pid>/stat it is
    # counted in ticks of some ms, and wait4(2) has it of ended processes only.
    return time.clock_gettime((~pid << 3) | CPU_OF_ALL_THREADS)


def darwin_cpu_s(pid: int) -> float:
    """CPU seconds of a child by proc_pid_rusage. Raises: OSError.

    Source: libproc.h, sys/resource.h (rusage_info_v0: 16 bytes of id, then user and system time).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    found = (ctypes.c_uint64 * (RUSAGE_BYTES // 8))()
    if libc.proc_pid_rusage(pid, RUSAGE_INFO_V0, ctypes.byref(found)):
        raise OSError(ctypes.get_errno(), "proc_pid_rusage")
    base = (ctypes.c_uint32 * 2)()
    libc.mach_timebase_info(ctypes.byref(base))
    return (found[2] + found[3]) * base[0] / base[1] * TICK_S


def queued_s(processes: int | None, pid: int) -> float:
    """Seconds that the threads of `pid` have waited for a core.

    0.0 where `processes`, a descriptor of /proc, is None.
    """
    if processes is None:
        return 0.0
    total = 0
    try:
        # Thread by thread: the process's own schedstat is that of its first thread.
        for thread in list_folder(processes, f"{pid}/task"):
            total += int(read_file(processes, f"{pid}/task/{thread}/schedstat").split()[1])
    except (OSError, IndexError, ValueError):
        pass  # the process or one of its threads has just gone
    return total * TICK_S


def open_statm() -> int | None:
    """A descriptor of this process's memory for `mapped_bytes`, which works without /proc in sight.

    None where there is no /proc.
    """
    try:
        return os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return None


def mapped_bytes(statm: int) -> int:
    """The address space of the process that opened `statm`."""
    return int(os.pread(statm, 256, 0).split()[0]) * os.sysconf("SC_PAGESIZE")


def children(processes: int | None) -> list[int]:
    """Process ids of this process's children. None are found where `processes` is None."""
    if processes is None:
        return []
    own = os.getpid()
    try:
        return [int(pid) for pid in read_file(processes, f"{own}/task/{own}/children").split()]
    except OSError:
        return []


def list_folder(folder: int, path: str) -> list[str]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def read_file(folder: int, path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY, dir_fd=folder)
    try:
        return os.read(fd, 1 << 16)
    finally:
        os.close(fd)
