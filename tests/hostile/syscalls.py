"""System call numbers by machine, and a prelude that makes calls past the C library."""

# From 424 on both machines count alike.
_SHARED = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_open": 434,
    "clone3": 435,
    "openat2": 437,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
    "memfd_secret": 447,
}

_X86_64 = {
    "socket": 41,
    "connect": 42,
    "sendto": 44,
    "bind": 49,
    "socketpair": 53,
    "clone": 56,
    "fork": 57,
    "vfork": 58,
    "execve": 59,
    "exit": 60,
    "kill": 62,
    "shmget": 29,
    "semget": 64,
    "msgget": 68,
    "ptrace": 101,
    "syslog": 103,
    "setuid": 105,
    "setpgid": 109,
    "setsid": 112,
    "setgroups": 116,
    "setresuid": 117,
    "capget": 125,
    "capset": 126,
    "rt_sigqueueinfo": 129,
    "personality": 135,
    "sched_setscheduler": 144,
    "mlockall": 151,
    "vhangup": 153,
    "modify_ldt": 154,
    "pivot_root": 155,
    "prctl": 157,
    "adjtimex": 159,
    "chroot": 161,
    "acct": 163,
    "settimeofday": 164,
    "mount": 165,
    "umount2": 166,
    "swapon": 167,
    "swapoff": 168,
    "reboot": 169,
    "sethostname": 170,
    "setdomainname": 171,
    "iopl": 172,
    "ioperm": 173,
    "init_module": 175,
    "delete_module": 176,
    "quotactl": 179,
    "tkill": 200,
    "io_setup": 206,
    "remap_file_pages": 216,
    "timer_create": 222,
    "clock_settime": 227,
    "tgkill": 234,
    "mq_open": 240,
    "kexec_load": 246,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "ioprio_set": 251,
    "migrate_pages": 256,
    "unshare": 272,
    "splice": 275,
    "tee": 276,
    "vmsplice": 278,
    "move_pages": 279,
    "signalfd4": 289,
    "inotify_init1": 294,
    "rt_tgsigqueueinfo": 297,
    "perf_event_open": 298,
    "fanotify_init": 300,
    "prlimit64": 302,
    "name_to_handle_at": 303,
    "open_by_handle_at": 304,
    "clock_adjtime": 305,
    "setns": 308,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "kcmp": 312,
    "finit_module": 313,
    "sched_setattr": 314,
    "seccomp": 317,
    "memfd_create": 319,
    "kexec_file_load": 320,
    "bpf": 321,
    "execveat": 322,
    "userfaultfd": 323,
}

_AARCH64 = {
    "io_setup": 0,
    "inotify_init1": 26,
    "ioprio_set": 30,
    "umount2": 39,
    "mount": 40,
    "pivot_root": 41,
    "chroot": 51,
    "vhangup": 58,
    "quotactl": 60,
    "signalfd4": 74,
    "vmsplice": 75,
    "splice": 76,
    "tee": 77,
    "acct": 89,
    "capget": 90,
    "capset": 91,
    "personality": 92,
    "exit": 93,
    "unshare": 97,
    "kexec_load": 104,
    "init_module": 105,
    "delete_module": 106,
    "timer_create": 107,
    "clock_settime": 112,
    "syslog": 116,
    "ptrace": 117,
    "sched_setscheduler": 119,
    "kill": 129,
    "tkill": 130,
    "tgkill": 131,
    "rt_sigqueueinfo": 138,
    "reboot": 142,
    "setuid": 146,
    "setresuid": 147,
    "setpgid": 154,
    "setsid": 157,
    "setgroups": 159,
    "sethostname": 161,
    "setdomainname": 162,
    "prctl": 167,
    "settimeofday": 170,
    "adjtimex": 171,
    "mq_open": 180,
    "msgget": 186,
    "semget": 190,
    "shmget": 194,
    "socket": 198,
    "socketpair": 199,
    "bind": 200,
    "connect": 203,
    "sendto": 206,
    "add_key": 217,
    "request_key": 218,
    "keyctl": 219,
    "clone": 220,
    "execve": 221,
    "swapon": 224,
    "swapoff": 225,
    "mlockall": 230,
    "remap_file_pages": 234,
    "migrate_pages": 238,
    "move_pages": 239,
    "rt_tgsigqueueinfo": 240,
    "perf_event_open": 241,
    "prlimit64": 261,
    "fanotify_init": 262,
    "name_to_handle_at": 264,
    "open_by_handle_at": 265,
    "clock_adjtime": 266,
    "setns": 268,
    "process_vm_readv": 270,
    "process_vm_writev": 271,
    "kcmp": 272,
    "finit_module": 273,
    "sched_setattr": 274,
    "seccomp": 277,
    "memfd_create": 279,
    "bpf": 280,
    "execveat": 281,
    "userfaultfd": 282,
    "kexec_file_load": 294,
}

NUMBERS = {"x86_64": _X86_64 | _SHARED, "aarch64": _AARCH64 | _SHARED}

# `call` raises what the kernel answered, so that EPERM leaves the function as PermissionError.
# `must_refuse` also reports a call that was let through and failed for a reason of its own.
_PRELUDE = r"""
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def number(name):
    found = NUMBERS.get(os.uname().machine, {}).get(name)
    if found is None:
        raise OSError(errno.ENOSYS, "no such call on this machine: " + name)
    return found


def raw(nr, *arguments):
    ctypes.set_errno(0)
    plain = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    answer = libc.syscall(ctypes.c_long(nr), *plain)
    if answer == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer


def call(name, *arguments):
    return raw(number(name), *arguments)


def must_refuse(name, *arguments, also=()):
    try:
        answer = call(name, *arguments)
    except OSError as refusal:
        if refusal.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS, *also):
            raise
        return "REACHED " + errno.errorcode.get(refusal.errno, "?")
    return "ESCAPED " + str(answer)


"""

KERNEL = f"NUMBERS = {NUMBERS!r}\n{_PRELUDE}"
