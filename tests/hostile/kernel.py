"""Code that reaches for the network, or asks the kernel for what no program here needs."""

from functools import partial

from tests.hostile.case import Case, case
from tests.hostile.processes import GATE
from tests.hostile.syscalls import KERNEL

_network = partial(case, "network")
_kernel = partial(case, "kernel")

_NO = "denied"
_WRAPPED = "denied error"  # a library says it in an error of its own

NETWORK: tuple[Case, ...] = (
    _network(
        "connection to the host",
        _NO,
        """
        import socket

        def f(port):
            end = socket.create_connection(("127.0.0.1", port))
            end.sendall(b"hostile")
            return "ESCAPED"
        """,
        facts="port",
    ),
    _network(
        "connection over IPv6",
        _NO,
        """
        import socket

        def f(port):
            with socket.socket(socket.AF_INET6) as end:
                end.connect(("::ffff:127.0.0.1", port))
            return "ESCAPED"
        """,
        facts="port",
    ),
    _network(
        "datagram to the host",
        _NO,
        """
        import socket

        def f(udp_port):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"hostile", ("127.0.0.1", udp_port))
            return "ESCAPED"
        """,
        facts="udp_port",
    ),
    _network(
        "address at which clouds serve keys",
        _NO,
        """
        import socket

        def f():
            with socket.socket() as end:
                end.settimeout(0.2)
                end.connect(("169.254.169.254", 80))
            return "ESCAPED"
        """,
    ),
    _network(
        "address at which clouds serve keys by a library",
        _WRAPPED,
        """
        import urllib.request

        def f():
            return "ESCAPED" + str(
                urllib.request.urlopen("http://169.254.169.254/latest", timeout=0.2).read()
            )
        """,
    ),
    _network(
        "page of the host",
        _WRAPPED,
        """
        import http.client

        def f(port):
            end = http.client.HTTPConnection("127.0.0.1", port, timeout=0.2)
            end.request("GET", "/")
            return "ESCAPED"
        """,
        facts="port",
    ),
    _network(
        "name looked up",
        _WRAPPED,
        """
        import socket

        def f():
            return "ESCAPED" + str(socket.getaddrinfo("example.com", 80))
        """,
    ),
    _network(
        "connection of the event loop",
        _WRAPPED,
        """
        import asyncio

        async def connect(port):
            await asyncio.open_connection("127.0.0.1", port)
            return "ESCAPED"

        def f(port):
            return asyncio.run(connect(port))
        """,
        facts="port",
    ),
    _network(
        "server",
        _NO,
        """
        import socket

        def f():
            return "ESCAPED" + str(socket.create_server(("127.0.0.1", 0)))
        """,
    ),
    _network(
        "raw packets",
        _NO,
        """
        import socket

        def f():
            return "ESCAPED" + str(
                socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            )
        """,
    ),
    _network(
        "packets of the link",
        _NO,
        """
        import socket

        def f():
            return "ESCAPED" + str(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300))
        """,
    ),
    _network(
        "socket of the kernel",
        _NO,
        """
        import socket

        def f():
            return "ESCAPED" + str(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))
        """,
    ),
    _network(
        "socket to the hypervisor",
        _NO,
        """
        import socket

        def f():
            return "ESCAPED" + str(socket.socket(40, socket.SOCK_STREAM))
        """,
    ),
    _network(
        "socket to the kernel's cryptography",
        _NO,
        """
        import socket

        def f():
            return "ESCAPED" + str(socket.socket(38, socket.SOCK_SEQPACKET))
        """,
    ),
    _network(
        "every family of sockets",
        "ok denied",
        """
        import socket

        def f():
            found = []
            for family in range(64):
                for kind in (1, 2, 3, 5):
                    try:
                        socket.socket(family, kind).close()
                        found.append(f"ESCAPED {family} {kind}")
                    except OSError:
                        pass
            return found
        """,
        value=[],
    ),
    _network(
        "connection to a socket of the host by path",
        _NO,
        """
        import socket

        def f(unix):
            with socket.socket(socket.AF_UNIX) as end:
                end.connect(unix)
            return "ESCAPED"
        """,
        facts="unix",
    ),
    _network(
        "connection to a socket of the host without a path",
        _NO,
        """
        import socket

        def f(abstract):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.sendto(b"hostile", "\\0" + abstract)
            return "ESCAPED"
        """,
        facts="abstract",
    ),
    _network(
        "server in the own folder",
        _NO,
        """
        import socket

        def f():
            with socket.socket(socket.AF_UNIX) as end:
                end.bind("door")
            return "ESCAPED"
        """,
    ),
    _network(
        "one end of a pair turned to a socket without a path",
        _WRAPPED,  # the pair may be had, the address is then unknown or refused
        """
        import socket

        def f(abstract):
            end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                end.sendto(b"hostile", "\\0" + abstract)
                return "ESCAPED by message"
            except OSError:
                end.connect("\\0" + abstract)
                end.send(b"hostile")
            return "ESCAPED by connection"
        """,
        facts="abstract",
    ),
    _network(
        "one end of a pair turned to a socket by path",
        _WRAPPED,
        """
        import socket

        def f(datagram):
            end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            end.connect(datagram)
            end.send(b"hostile")
            return "ESCAPED"
        """,
        facts="datagram",
    ),
    _network(
        "one end of a pair given a name",
        _WRAPPED,
        """
        import socket

        def f():
            end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            end.bind("\\0hostile-door")
            return "ESCAPED"
        """,
    ),
    _network(
        "pair of another family",
        _WRAPPED,
        """
        import socket

        def f():
            return "ESCAPED" + str(socket.socketpair(socket.AF_INET, socket.SOCK_STREAM))
        """,
    ),
    _network(
        "inherited sockets turned to the host",
        "ok crash denied",  # crash, if it is the way of the answer that is turned away
        """
        import socket

        def f(unix, abstract, port):
            found = []
            for each in range(256):
                try:
                    end = socket.socket(fileno=each)
                except OSError:
                    continue
                for address in (unix, "\\0" + abstract, ("127.0.0.1", port)):
                    for way in (
                        lambda: end.connect(address),
                        lambda: end.sendto(b"hostile", address),
                    ):
                        try:
                            way()
                            found.append(f"ESCAPED {each}")
                        except (OSError, TypeError):
                            pass
                end.detach()
            return found
        """,
        facts="unix abstract port",
        value=[],
    ),
    _network(
        "socket by number",
        _NO,
        """
        def f():
            return must_refuse("socket", 2, 1, 0)
        """,
        head=KERNEL,
    ),
    _network(
        "connection by number from a pair",
        _WRAPPED,
        """
        def f(port):
            ends = (ctypes.c_int * 2)()
            call("socketpair", 1, 1, 0, ends)
            address = b"\\x02\\x00" + port.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
            call("connect", ends[0], address, 16)
            return "ESCAPED"
        """,
        head=KERNEL,
        facts="port",
    ),
    _network(
        "socket by a 32-bit call",
        "denied crash error",
        """
        def f():
            page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40)
            at = ctypes.addressof(ctypes.c_char.from_buffer(page))
            if at >> 32:
                raise OSError(errno.ENOSYS, "no page so low")
            page.write(struct.pack("<3I", 2, 1, 0))
            return "ESCAPED" + str(gate(102, 1, at))
        """,
        head=GATE,
    ),
    _network(
        "ring of requests",
        _NO,
        """
        def f():
            return must_refuse("io_uring_setup", 4, ctypes.create_string_buffer(120))
        """,
        head=KERNEL,
    ),
    _network(
        "socket with bits that the kernel drops",
        _NO,
        """
        def f():
            return must_refuse("socket", 2 | (1 << 32), 1, 0)
        """,
        head=KERNEL,
    ),
)


def _refused(name: str, arguments: str = "", also: str = "", title: str = "") -> Case:
    """A call that no allowlist has: refused, unknown, or the end of the run.

    It must not be reached, even if it then fails.
    """
    extra = f", also=({also},)" if also else ""
    call = f"must_refuse({', '.join(filter(None, [repr(name), arguments]))}{extra})"
    return _kernel(title or name, "denied error", f"def f():\n    return {call}\n", head=KERNEL)


_ROOM = "ctypes.create_string_buffer(4096)"

_CALLS = (
    _refused("ptrace", "0, 0, 0, 0", title="ptrace of itself"),
    _refused("ptrace", "16, os.getppid(), 0, 0", title="ptrace of the parent"),
    _refused("ptrace", "0x4206, 1, 0, 0", title="ptrace of the first process"),
    _refused("bpf", f"0, {_ROOM}, 120"),
    _refused("bpf", f"5, {_ROOM}, 120", title="bpf program"),
    _refused("perf_event_open", f"{_ROOM}, 0, -1, -1, 0"),
    _refused("userfaultfd", "1"),
    _refused("keyctl", "0, -3, 1"),
    _refused("add_key", "b'user', b'hostile', b'x', 1, -3"),
    _refused("request_key", "b'user', b'hostile', None, -3"),
    _refused("mount", "b'none', b'.', b'tmpfs', 0, None"),
    _refused("mount", "b'none', b'/', None, 0x44000, None", title="mount made private"),
    _refused("mount", "b'none', b'/', None, 0x20, None", title="mount made writable"),
    _refused("umount2", "b'.', 2"),
    _refused("pivot_root", "b'.', b'.'"),
    _refused("chroot", "b'.'"),
    _refused("unshare", "0x10000000", title="unshare of the user"),
    _refused("unshare", "0x20000 | 0x40000000", title="unshare of mounts and net"),
    _refused("setns", "0, 0"),
    _refused("open_tree", "-100, b'/', 1"),
    _refused("move_mount", "-100, b'.', -100, b'.', 0"),
    _refused("fsopen", "b'tmpfs', 0"),
    _refused("fspick", "-100, b'/', 0"),
    _refused("mount_setattr", f"-100, b'/', 0, {_ROOM}, 32"),
    _refused("init_module", f"{_ROOM}, 4096, b''"),
    _refused("finit_module", "0, b'', 0"),
    _refused("delete_module", "b'hostile_no_such_module', 0"),
    _refused("kexec_load", "0, 1000, 0, 0"),
    _refused("kexec_file_load", "-1, -1, 0, None, 0"),
    _refused("reboot", "0, 0, 0, None", title="reboot with wrong magic"),
    _refused("swapon", "b'/hostile-no-such-file', 0"),
    _refused("swapoff", "b'/hostile-no-such-file'"),
    _refused("acct", "b'/hostile-no-such-file'"),
    _refused("quotactl", f"0x80000100, None, 0, {_ROOM}"),
    _refused("vhangup"),
    _refused("iopl", "3"),
    _refused("ioperm", "0x80, 1, 1"),
    _refused("modify_ldt", f"1, {_ROOM}, 16"),
    _refused("name_to_handle_at", f"-100, b'/', {_ROOM}, ctypes.byref(ctypes.c_int()), 0"),
    _refused("open_by_handle_at", f"-100, {_ROOM}, 0"),
    _refused("kcmp", "os.getpid(), os.getppid(), 0, 0, 0"),
    _refused("process_vm_writev", "os.getppid(), None, 0, None, 0, 0"),
    _refused("io_uring_enter", "0, 0, 0, 0, None, 0"),
    _refused("io_uring_register", "0, 0, None, 0"),
    _refused("fanotify_init", "0, 0"),
    _refused("shmget", "0, 4096, 0o1666"),
    _refused("semget", "0, 1, 0o1666"),
    _refused("msgget", "0, 0o1666"),
    _refused("mq_open", "b'hostile', 0o102, 0o600, None"),
    _refused("remap_file_pages", "0, 0, 0, 0, 0"),
    _refused("migrate_pages", "os.getppid(), 0, None, None"),
    _refused("move_pages", "os.getppid(), 0, None, None, None, 0"),
    _refused("memfd_secret", "0"),
    _refused("setgroups", "0, None"),
    _refused("mlockall", "3", also="errno.ENOMEM"),
    _refused(
        "personality", "0x0040000 | 0x0400000", title="personality with pages that are read and run"
    ),
    _refused(
        "sched_setscheduler", "0, 1, ctypes.byref(ctypes.c_int(99))", title="real-time priority"
    ),
    _refused("sched_setattr", f"0, {_ROOM}, 0", also="errno.EINVAL", title="deadline scheduling"),
)

_HARMLESS = "ok denied error"  # what the call gives, if anything, stays in the run

KERNEL_CASES: tuple[Case, ...] = (
    *_CALLS,
    _kernel(
        "name of the host set",
        _WRAPPED,
        """
        def f():
            return must_refuse("sethostname", b"hostile", 7)
        """,
        head=KERNEL,
    ),
    _kernel(
        "domain of the host set",
        _WRAPPED,
        """
        def f():
            return must_refuse("setdomainname", b"hostile", 7)
        """,
        head=KERNEL,
    ),
    _kernel(
        "clock set to what it says",
        _WRAPPED,
        """
        import time

        def f():
            now = time.time()
            return must_refuse(
                "settimeofday", (ctypes.c_long * 2)(int(now), int(now % 1 * 1e6)), None
            )
        """,
        head=KERNEL,
    ),
    _kernel(
        "clock set to what it says by its newer call",
        _WRAPPED,
        """
        import time

        def f():
            now = time.time_ns()
            return must_refuse("clock_settime", 0, (ctypes.c_long * 2)(now // 10**9, now % 10**9))
        """,
        head=KERNEL,
    ),
    _kernel(
        "clock slewed by nothing",
        _WRAPPED,
        """
        def f():
            wanted = (ctypes.c_long * 64)(0x8001)
            return must_refuse("adjtimex", wanted)
        """,
        head=KERNEL,
    ),
    _kernel(
        "number of the 32-bit kind",
        "denied crash error",
        """
        def f():
            return "ESCAPED" + str(gate(26, 0, 0))
        """,
        head=GATE,
    ),
    _kernel(
        "own number by a 32-bit call",
        "denied crash error",
        """
        def f():
            return "ESCAPED" + str(gate(20))
        """,
        head=GATE,
    ),
    _kernel(
        "number of the x32 kind",
        "denied error",
        """
        def f():
            if os.uname().machine != "x86_64":
                raise OSError(errno.ENOSYS, "no such kind on this machine")
            return "ESCAPED" + str(raw(39 | 0x40000000))
        """,
        head=KERNEL,
    ),
    _kernel(
        "numbers that do not exist",
        "denied error",
        """
        def f():
            for each in (467 + 50, 511, 1000, 4096, (1 << 30) + 520, -1, 1 << 20):
                try:
                    return "ESCAPED" + str(raw(each))
                except OSError as refusal:
                    last = refusal
                    if refusal.errno not in (errno.ENOSYS, errno.EPERM):
                        return "REACHED " + str(each)
            raise last
        """,
        head=KERNEL,
    ),
    _kernel(
        "capabilities held",
        _HARMLESS,
        """
        def f():
            head = (ctypes.c_uint32 * 2)(0x20080522, 0)
            sets = (ctypes.c_uint32 * 6)()
            call("capget", head, sets)
            return "ESCAPED " + str(list(sets)) if any(sets) else "none"
        """,
        head=KERNEL,
        value="none",
    ),
    _kernel(
        "capabilities raised",
        "denied error",
        """
        def f():
            head = (ctypes.c_uint32 * 2)(0x20080522, 0)
            sets = (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
            return must_refuse("capset", head, sets)
        """,
        head=KERNEL,
    ),
    _kernel(
        "capability bequeathed",
        "denied error",
        """
        def f():
            return must_refuse("prctl", 47, 2, 21, 0, 0)
        """,
        head=KERNEL,
    ),
    _kernel(
        "new privileges allowed again",
        "denied error",
        """
        def f():
            return must_refuse("prctl", 38, 0, 0, 0, 0, also=(errno.EINVAL,))
        """,
        head=KERNEL,
    ),
    _kernel(
        "new privileges ruled out",
        _HARMLESS,
        """
        def f():
            return "none" if call("prctl", 39, 0, 0, 0, 0) == 1 else "ESCAPED"
        """,
        head=KERNEL,
        value="none",
    ),
    _kernel(
        "filter of calls replaced",
        "denied error",  # a filter more can only forbid more
        """
        def f():
            allow = ctypes.create_string_buffer(b"\\x06\\x00\\x00\\x00\\x00\\x00\\xff\\x7f", 8)
            program = (ctypes.c_uint64 * 2)(1, ctypes.addressof(allow))
            call("seccomp", 1, 0, program)
            return must_refuse("socket", 2, 1, 0)
        """,
        head=KERNEL,
    ),
    _kernel(
        "filter of calls that asks itself",
        "denied error",
        """
        def f():
            allow = ctypes.create_string_buffer(b"\\x06\\x00\\x00\\x00\\x00\\x00\\xff\\x7f", 8)
            program = (ctypes.c_uint64 * 2)(1, ctypes.addressof(allow))
            return "ESCAPED" + str(call("seccomp", 1, 8, program))
        """,
        head=KERNEL,
    ),
    _kernel(
        "process made dumpable, adopting and outliving",
        _HARMLESS,
        """
        def f():
            for way, value in ((4, 1), (36, 1), (1, 0), (15, b"[kworker/0:0]"), (0x59616D61, -1)):
                try:
                    call("prctl", way, value, 0, 0, 0)
                except OSError:
                    pass
            return "none"
        """,
        head=KERNEL,
        value="none",
    ),
    _kernel(
        "map of itself changed",
        "denied error",
        """
        def f():
            return must_refuse("prctl", 35, 8, 0x400000, 0, 0)
        """,
        head=KERNEL,
    ),
    _kernel(
        "another user",
        _HARMLESS,  # it may be this user in its namespace already
        """
        def f():
            for wanted in (0, 1, 1000, 65534):
                if wanted not in (os.getuid(), os.geteuid()):
                    try:
                        call("setuid", wanted)
                        return "ESCAPED" + str(wanted)
                    except OSError:
                        pass
            return "none"
        """,
        head=KERNEL,
        value="none",
    ),
    _kernel(
        "three users at once",
        _HARMLESS,
        """
        import os

        def f():
            own = os.getuid()
            try:
                os.setresuid(own + 1, own + 2, 0 if own else 7)
                return "ESCAPED"
            except OSError:
                return "none"
        """,
        value="none",
    ),
    _kernel(
        "hard limits raised",
        "ok",
        """
        import resource

        def f():
            found = []
            for name in (
                "AS", "CPU", "DATA", "FSIZE", "NOFILE", "NPROC", "CORE", "MEMLOCK", "STACK"
            ):
                which = getattr(resource, "RLIMIT_" + name)
                hard = resource.getrlimit(which)[1]
                if hard != resource.RLIM_INFINITY:
                    try:
                        resource.setrlimit(which, (hard + 1, hard + 1))
                        found.append("ESCAPED " + name)
                    except (OSError, ValueError):
                        pass
            return found
        """,
        value=[],
    ),
    _kernel(
        "limits that must be there",
        "ok",
        """
        import resource

        def f():
            wanted = {"NOFILE": 64, "FSIZE": 8 << 20}
            found = {
                each: resource.getrlimit(getattr(resource, "RLIMIT_" + each))[1]
                for each in wanted
            }
            return [each for each in wanted if not 0 <= found[each] <= wanted[each]]
        """,
        value=[],
    ),
    _kernel(
        "keys typed into the terminal",
        "ok denied",
        """
        import fcntl

        def f():
            found = []
            for each in range(64):
                for request in (0x5412, 0x5412 | (1 << 32), 0x541C, 0x540E):
                    try:
                        libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p]
                        if libc.ioctl(each, request, b"x") == 0:
                            found.append(f"ESCAPED {each} {request:x}")
                    except OSError:
                        pass
            return found
        """,
        head=KERNEL,
        value=[],
    ),
    _kernel(
        "page of a library changed through a pipe",
        _HARMLESS,
        """
        import this

        def f():
            before = open(this.__file__, "rb").read(100)
            file = os.open(this.__file__, os.O_RDONLY)
            end, other = os.pipe()
            for _ in range(16):
                os.write(other, bytes(4096))
            for _ in range(16):
                os.read(end, 4096)
            at = ctypes.c_long(1)
            call("splice", file, ctypes.byref(at), other, None, 1, 0)
            os.write(other, b"HOSTILE")
            return "none" if open(this.__file__, "rb").read(100) == before else "ESCAPED"
        """,
        head=KERNEL,
        value="none",
        after="""
        def f():
            import this
            return "clean" if "HOSTILE" not in open(this.__file__).read() else "changed"
        """,
    ),
    _kernel(
        "pages given to a pipe",
        _HARMLESS,
        """
        def f():
            room = ctypes.create_string_buffer(4096)
            parts = (ctypes.c_void_p * 2)(ctypes.addressof(room), 4096)
            end, other = os.pipe()
            one, two = os.pipe()
            call("vmsplice", other, parts, 1, 8)
            call("tee", end, two, 4096, 0)
            return "none"
        """,
        head=KERNEL,
        value="none",
    ),
    _kernel(
        "timers without number",
        "ok denied error timeout",
        """
        def f():
            for _ in range(20_000):
                each = ctypes.c_int()
                call("timer_create", 1, None, ctypes.byref(each))
            return "none"
        """,
        head=KERNEL,
        value="none",
    ),
    _kernel(
        "events without number",
        "error denied ok",
        """
        def f():
            held = 0
            for way in (
                os.eventfd,
                lambda _: call("inotify_init1", 0),
                lambda _: os.pidfd_open(os.getpid()),
            ):
                for _ in range(200):
                    try:
                        way(0)
                        held += 1
                    except OSError:
                        break
            return "none" if held <= 64 else "ESCAPED" + str(held)
        """,
        head=KERNEL,
        value="none",
    ),
    _kernel(
        "capacity of a pipe",
        _HARMLESS,
        """
        import fcntl

        def f():
            held = 0
            for _ in range(28):
                end, other = os.pipe()
                os.set_blocking(other, False)
                try:
                    fcntl.fcntl(end, 1031, 1 << 20)
                except OSError:
                    pass
                try:
                    while True:
                        held += os.write(other, bytes(1 << 16))
                except BlockingIOError:
                    pass
            return "none" if held <= 64 << 20 else "ESCAPED"
        """,
        head=KERNEL,
        value="none",
    ),
    _kernel(
        "priority of input and output",
        _HARMLESS,
        """
        def f(pid):
            for way, who in ((1, pid), (3, 0), (2, 0)):
                try:
                    call("ioprio_set", way, who, 1 << 13)
                    if way == 1:
                        return "ESCAPED"
                except OSError:
                    pass
            return "none"
        """,
        head=KERNEL,
        facts="pid",
        value="none",
    ),
    _kernel(
        "nicer than nice",
        "ok denied error",
        """
        import os

        def f():
            before = os.getpriority(os.PRIO_PROCESS, 0)
            try:
                os.setpriority(os.PRIO_PROCESS, 0, before - 5)
            except OSError:
                return "none"
            return "none" if os.getpriority(os.PRIO_PROCESS, 0) >= before else "ESCAPED"
        """,
        value="none",
    ),
    _kernel(
        "memory locked",
        "ok denied error",
        """
        import mmap

        def f():
            block = mmap.mmap(-1, 64 << 20)
            at = ctypes.addressof(ctypes.c_char.from_buffer(block))
            libc.mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
            return "ESCAPED" if libc.mlock(at, 64 << 20) == 0 else "none"
        """,
        head=KERNEL,
        value="none",
    ),
    _kernel(
        "page at address zero",
        "denied error memory crash",
        """
        def f():
            libc.mmap.restype = ctypes.c_void_p
            libc.mmap.argtypes = (
                [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
            )
            if libc.mmap(None, 4096, 7, 0x32, -1, 0) in (ctypes.c_void_p(-1).value,):
                raise OSError(ctypes.get_errno(), "mmap")
            return "ESCAPED"
        """,
        head=KERNEL,
    ),
)
