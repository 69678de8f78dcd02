"""What a running process has used: CPU seconds, and seconds in which it waited for a core.

Blocked time is wall time less both, so that no verdict depends on what else the machine does.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time

CPU_OF_ALL_THREADS = 2
"""CPUCLOCK_SCHED. Source: include/linux/posix-timers_types.h; clock_getcpuclockid(3) makes the same
number."""
TICK_S = 1e-9
RUSAGE_INFO_V0, RUSAGE_BYTES = 0, 96


def cpu_s(pid: int) -> float:
    """CPU seconds of all threads of a child, gone ones included. Raises: OSError once it is
    reaped."""
    if sys.platform == "darwin":
        return darwin_cpu_s(pid)
    return time.clock_gettime((~pid << 3) | CPU_OF_ALL_THREADS)


def darwin_cpu_s(pid: int) -> float:
    """Source: libproc.h, sys/resource.h (rusage_info_v0: 16 bytes of id, then user and system
    time)."""
    libc = ctypes.CDLL(None, use_errno=True)
    found = (ctypes.c_uint64 * (RUSAGE_BYTES // 8))()
    if libc.proc_pid_rusage(pid, RUSAGE_INFO_V0, ctypes.byref(found)):
        raise OSError(ctypes.get_errno(), "proc_pid_rusage")
    base = (ctypes.c_uint32 * 2)()
    libc.mach_timebase_info(ctypes.byref(base))
    return (found[2] + found[3]) * base[0] / base[1] * TICK_S


def queued_s(processes: int | None, pid: int) -> float:
    """Seconds that the threads of `pid` have waited for a core; 0.0 where `processes`, a descriptor
    of /proc, is None."""
    if processes is None:
        return 0.0
    total = 0
    try:
        for thread in listed(processes, f"{pid}/task"):
            total += int(contents(processes, f"{pid}/task/{thread}/schedstat").split()[1])
    except (OSError, IndexError, ValueError):
        pass  # the process or one of its threads has just gone
    return total * TICK_S


def open_statm() -> int | None:
    """This process's memory, to be read with `mapped_bytes` even when /proc is out of sight; None
    where there is none."""
    try:
        return os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return None


def mapped_bytes(statm: int) -> int:
    """The address space of the process that opened `statm`."""
    return int(os.pread(statm, 256, 0).split()[0]) * os.sysconf("SC_PAGESIZE")


def children(processes: int | None) -> list[int]:
    """Process ids of this process's children."""
    if processes is None:
        return []
    try:
        return [
            int(pid)
            for pid in contents(processes, f"{os.getpid()}/task/{os.getpid()}/children").split()
        ]
    except OSError:
        return []


def listed(folder: int, path: str) -> list[str]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def contents(folder: int, path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY, dir_fd=folder)
    try:
        return os.read(fd, 1 << 16)
    finally:
        os.close(fd)
