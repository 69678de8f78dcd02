"""System call numbers by what may be done with them, on the two machines that have filters.

A call that is in none of the tables is refused with EPERM, and one of HOSTILE ends the process. A
row is a name, its number on x86_64 and its number on aarch64. "-" stands for a call that a machine
does not have. Source: Linux 6.18, arch/x86/entry/syscalls/syscall_64.tbl and
include/uapi/asm-generic/unistd.h.
"""

from __future__ import annotations

import os
import sys

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""What a filter reads as the machine. Source: include/uapi/linux/audit.h."""

SHARED = """
read 0 63 | write 1 64 | close 3 57 | fstat 5 80 | newfstatat 262 79 | stat 4 - | lstat 6 -
poll 7 - | ppoll 271 73 | lseek 8 62 | mmap 9 222 | mprotect 10 226 | munmap 11 215 | brk 12 214
rt_sigaction 13 134 | rt_sigprocmask 14 135 | rt_sigreturn 15 139 | pread64 17 67 | pwrite64 18 68
readv 19 65 | writev 20 66 | preadv 295 69 | pwritev 296 70 | preadv2 327 286 | pwritev2 328 287
access 21 - | faccessat 269 48 | faccessat2 439 439 | pipe 22 - | pipe2 293 59 | select 23 -
pselect6 270 72 | sched_yield 24 124 | mremap 25 216 | msync 26 227 | mincore 27 232
madvise 28 233 | dup 32 23 | dup2 33 - | dup3 292 24 | pause 34 - | nanosleep 35 101
clock_nanosleep 230 115 | getitimer 36 102 | alarm 37 - | setitimer 38 103 | getpid 39 172
sendfile 40 71 | copy_file_range 326 285 | recvfrom 45 207 | shutdown 48 210 | getsockname 51 204
getpeername 52 205 | getsockopt 55 209 | exit 60 93 | wait4 61 260 | waitid 247 95 | uname 63 160
flock 73 32 | fsync 74 82 | fdatasync 75 83 | truncate 76 45 | ftruncate 77 46 | getdents 78 -
getdents64 217 61 | getcwd 79 17 | chdir 80 49 | fchdir 81 50 | rename 82 - | renameat 264 38
renameat2 316 276 | mkdir 83 - | mkdirat 258 34 | rmdir 84 - | creat 85 - | link 86 -
linkat 265 37 | unlink 87 - | unlinkat 263 35 | symlink 88 - | symlinkat 266 36 | readlink 89 -
readlinkat 267 78 | chmod 90 - | fchmod 91 52 | fchmodat 268 53 | umask 95 166 | gettimeofday 96 169
getrlimit 97 163 | getrusage 98 165 | sysinfo 99 179 | times 100 153 | getuid 102 174
geteuid 107 175 | getgid 104 176 | getegid 108 177 | getppid 110 173 | getpgrp 111 -
getpgid 121 155 | getsid 124 156 | setsid 112 157 | getgroups 115 158 | getresuid 118 148
getresgid 120 150 | rt_sigpending 127 136 | rt_sigtimedwait 128 137 | rt_sigsuspend 130 133
sigaltstack 131 132 | utime 132 - | utimes 235 - | utimensat 280 88 | futimesat 261 -
statfs 137 43 | fstatfs 138 44 | sched_getparam 143 121 | sched_getscheduler 145 120
sched_get_priority_max 146 125 | sched_get_priority_min 147 126 | sched_rr_get_interval 148 127
sched_getaffinity 204 123 | arch_prctl 158 - | setrlimit 160 164 | gettid 186 178 | futex 202 98
set_robust_list 273 99 | get_robust_list 274 100 | set_tid_address 218 96 | restart_syscall 219 128
epoll_create 213 - | epoll_create1 291 20 | epoll_ctl 233 21 | epoll_wait 232 - | epoll_pwait 281 22
epoll_pwait2 441 441 | exit_group 231 94 | openat 257 56 | open 2 - | eventfd 284 -
eventfd2 290 19 | timerfd_create 283 85 | timerfd_settime 286 86 | timerfd_gettime 287 87
clock_gettime 228 113 | clock_getres 229 114 | time 201 - | getrandom 318 278 | statx 332 291
rseq 334 293 | membarrier 324 283 | close_range 436 436 | getcpu 309 168 | fallocate 285 47
fadvise64 221 223 | getxattr 191 8 | lgetxattr 192 9 | fgetxattr 193 10 | listxattr 194 11
llistxattr 195 12 | flistxattr 196 13
"""
"""What any computation may do."""

CONDITIONAL = """
ioctl 16 29 | socketpair 53 199 | sendto 44 206 | prlimit64 302 261 | tgkill 234 131 | clone 56 220
clone3 435 435 | fcntl 72 25 | prctl 157 167
"""
"""What depends on its arguments, as `filters` says."""

OWN = """
unshare 272 97 | setns 308 268 | mount 165 40 | umount2 166 39 | capset 126 91 | seccomp 317 277
landlock_create_ruleset 444 444 | landlock_add_rule 445 445 | landlock_restrict_self 446 446
kill 62 129
"""
"""What the zygote does between jobs or a job before its code, and that code never."""

ONCE = """
pivot_root 155 41 | mount_setattr 442 442
"""
"""What is done before the filter is on."""

HOSTILE = """
ptrace 101 117 | process_vm_readv 310 270 | process_vm_writev 311 271 | bpf 321 280
io_uring_setup 425 425 | io_uring_enter 426 426 | io_uring_register 427 427 | userfaultfd 323 282
keyctl 250 219 | add_key 248 217 | request_key 249 218 | perf_event_open 298 241
open_by_handle_at 304 265 | kexec_load 246 104 | kexec_file_load 320 294 | init_module 175 105
finit_module 313 273 | delete_module 176 106 | reboot 169 142 | swapon 167 224 | swapoff 168 225
chroot 161 51 | fsopen 430 430 | fsmount 432 432 | fspick 433 433 | open_tree 428 428
move_mount 429 429
"""
"""What nobody does by mistake."""


def numbers(table: str, machine: str) -> dict[str, int]:
    """Name -> number on `machine` ("x86_64" or "aarch64"), without calls that it does not have."""
    column = 1 + list(AUDIT_ARCH).index(machine)
    rows = [
        entry.split() for line in table.strip().splitlines() for entry in line.split("|") if entry
    ]
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


def machine() -> str:
    """This machine's name among AUDIT_ARCH, or "" where there is no table for it."""
    name = os.uname().machine
    return name if sys.platform == "linux" and name in AUDIT_ARCH else ""
