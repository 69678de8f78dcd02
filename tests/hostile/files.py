"""Code that fills the disk, writes where it should not, or reads what is not its own."""

from functools import partial

from tests.hostile.case import MARKER, SECRET, Case, case
from tests.hostile.syscalls import KERNEL

_disk = partial(case, "disk")
_secrets = partial(case, "secrets")

_EMPTY = """
import os

def f():
    return "clean" if not os.listdir(".") else str(os.listdir("."))
"""

DISK: tuple[Case, ...] = (
    _disk(
        "one file that grows",
        "denied",
        """
        def f():
            with open("flood", "wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 20))
        """,
        after=_EMPTY,
    ),
    _disk(
        "many files that each may be",
        "denied",
        """
        def f():
            for each in range(60):
                with open(f"flood{each}", "wb", buffering=0) as file:
                    for _ in range(6):
                        file.write(bytes(1 << 20))
            return "ESCAPED"
        """,
        after=_EMPTY,
    ),
    _disk(
        "files that are deleted and held open",
        "denied",
        """
        import os

        def f():
            held = []
            for each in range(30):
                file = open("held", "wb", buffering=0)
                held.append(file)
                os.unlink("held")
                for _ in range(4):
                    file.write(bytes(1 << 20))
            return "ESCAPED"
        """,
    ),
    _disk(
        "empty files without number",
        "denied",
        """
        def f():
            for each in range(5000):
                open(f"{each:05}", "w").close()
            return "ESCAPED"
        """,
        after=_EMPTY,
    ),
    _disk(
        "names without number for one file",
        "denied error",  # a file has a largest number of names
        """
        import os

        def f():
            open("one", "w").close()
            for each in range(200_000):
                os.link("one", f"{each:0200}")
            return "ESCAPED"
        """,
        after=_EMPTY,
    ),
    _disk(
        "links without number",
        "denied",
        """
        import os

        def f():
            for each in range(5000):
                os.symlink("/" + "x" * 3000, str(each))
            return "ESCAPED"
        """,
        after=_EMPTY,
    ),
    _disk(
        "file with a hole of a terabyte",
        "denied",
        """
        import os

        def f():
            with open("hole", "wb") as file:
                os.truncate(file.fileno(), 1 << 40)
            return "ESCAPED"
        """,
    ),
    _disk(
        "byte behind a hole of a gigabyte",
        "denied",
        """
        import os

        def f():
            with open("hole", "wb") as file:
                os.pwrite(file.fileno(), b"x", 1 << 30)
            return "ESCAPED"
        """,
    ),
    _disk(
        "room reserved",
        "denied",
        """
        import os

        def f():
            with open("room", "wb") as file:
                os.posix_fallocate(file.fileno(), 0, 1 << 30)
            return "ESCAPED"
        """,
    ),
    _disk(
        "soft file size raised to the hard one",
        "denied",
        """
        import resource

        def f():
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            with open("flood", "wb", buffering=0) as file:
                for _ in range(12):
                    file.write(bytes(1 << 20))
            return "ESCAPED"
        """,
    ),
    _disk(
        "folders inside folders",
        "denied",
        """
        import os

        def f():
            for _ in range(20_000):
                os.mkdir("d")
                os.chdir("d")
            return "ESCAPED"
        """,
        after=_EMPTY,
    ),
    _disk(
        "long path left behind",
        "ok",
        """
        import os

        def f():
            for _ in range(300):
                os.mkdir("d" * 200)
                os.chdir("d" * 200)
            open("end", "w").close()
            return 300
        """,
        value=300,
        after=_EMPTY,
    ),
    _disk(
        "folders that nobody may enter left behind",
        "ok denied",  # changing modes may be refused
        """
        import os

        def f():
            os.makedirs("shut/in/deep")
            open("shut/in/deep/file", "w").close()
            for each in ("shut/in/deep/file", "shut/in/deep", "shut/in", "shut"):
                os.chmod(each, 0)
            os.chmod(".", 0)
            return "left"
        """,
        value="left",
        after=_EMPTY,
    ),
    _disk(
        "names that are no text left behind",
        "ok",
        """
        import os

        def f():
            for each in (
                b"\\xff\\xfe", b"new\\nline", b"-rf", b" ", b"*", "\\u202e".encode(), b"x" * 255
            ):
                open(each, "w").close()
            return len(os.listdir(b"."))
        """,
        value=7,
        after=_EMPTY,
    ),
    _disk(
        "loops of links left behind",
        "ok",
        """
        import os

        def f():
            os.symlink(".", "self")
            os.symlink("..", "up")
            os.symlink("/", "top")
            os.symlink("b", "a")
            os.symlink("a", "b")
            return len(os.listdir("."))
        """,
        value=5,
        after=_EMPTY,
    ),
    _disk(
        "pipe in the folder opened",
        "timeout denied",
        """
        import os

        def f():
            os.mkfifo("pipe")
            open("pipe").read()
        """,
        after=_EMPTY,
    ),
    _disk(
        "device made",
        "denied error",
        """
        import os, stat

        def f():
            os.mknod("disk", 0o666 | stat.S_IFBLK, os.makedev(8, 0))
            return "ESCAPED"
        """,
    ),
    _disk(
        "memory device made",
        "denied error",
        """
        import os, stat

        def f():
            os.mknod("mem", 0o666 | stat.S_IFCHR, os.makedev(1, 1))
            return "ESCAPED"
        """,
    ),
    _disk(
        "standard library written to",
        "denied",
        """
        import os

        def f():
            with open(os.__file__, "a") as file:
                file.write("# hostile\\n")
            return "ESCAPED"
        """,
    ),
    _disk(
        "standard library file made",
        "denied",
        f"""
        import os

        def f():
            open(os.path.join(os.path.dirname(os.__file__), "{MARKER}.py"), "w").close()
            return "ESCAPED"
        """,
    ),
    _disk(
        "installed packages written to",
        "denied error",  # error, where the folder is not there
        f"""
        import os, sysconfig

        def f():
            open(os.path.join(sysconfig.get_path("purelib"), "{MARKER}.pth"), "w").close()
            return "ESCAPED"
        """,
    ),
    _disk(
        "interpreter replaced",
        "denied error",
        """
        import os, sys

        def f():
            open("new", "w").close()
            os.replace("new", os.path.realpath(sys.executable))
            return "ESCAPED"
        """,
    ),
    _disk(
        "standard library file removed",
        "denied",
        """
        import os, this

        def f():
            os.remove(this.__file__)
            return "ESCAPED"
        """,
    ),
    _disk(
        "standard library file renamed",
        "denied",
        """
        import os, this

        def f():
            os.rename(this.__file__, this.__file__ + "x")
            return "ESCAPED"
        """,
    ),
    _disk(
        "standard library file cut",
        "denied",
        """
        import os, this

        def f():
            os.truncate(this.__file__, 0)
            return "ESCAPED"
        """,
    ),
    _disk(
        "standard library modes changed",
        "denied",
        """
        import os, this

        def f():
            os.chmod(this.__file__, 0o777)
            return "ESCAPED"
        """,
    ),
    _disk(
        "standard library times changed",
        "denied",
        """
        import os, this

        def f():
            os.utime(this.__file__, (0, 0))
            return "ESCAPED"
        """,
    ),
    _disk(
        "standard library linked into the own folder and written to",
        "denied error",  # another file system
        """
        import os, this

        def f():
            os.link(this.__file__, "mine.py")
            open("mine.py", "a").close()
            return "ESCAPED"
        """,
    ),
    _disk(
        "standard library written to through a link",
        "denied",
        """
        import os, this

        def f():
            os.symlink(this.__file__, "mine.py")
            with open("mine.py", "a") as file:
                file.write("# hostile")
            return "ESCAPED"
        """,
    ),
    _disk(
        "standard library mapped for writing",
        "denied",
        """
        import mmap, this

        def f():
            with open(this.__file__, "r+b") as file:
                block = mmap.mmap(file.fileno(), 0)
                block[0:1] = b"x"
            return "ESCAPED"
        """,
    ),
    _disk(
        "every other folder written to",
        "ok",
        f"""
        import os

        def f():
            own, found = os.stat("."), []
            for top in (
                "/", "/tmp", "/var/tmp", "/dev", "/dev/shm", "/run", "/etc", "/home", "/root",
                "/usr", "/opt", "/var", "/srv", "/mnt", "/lib", "/bin", "..", "../..",
            ):
                try:
                    there = os.stat(top)
                    if (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino):
                        continue
                    open(os.path.join(top, "{MARKER}"), "w").close()
                    found.append("ESCAPED to " + top)
                except OSError:
                    pass
            return found
        """,
        value=[],
    ),
    _disk(
        "files made through inherited descriptors",
        "ok",
        f"""
        import os

        def f():
            found = []
            for each in range(256):
                try:
                    os.open("{MARKER}", os.O_CREAT | os.O_WRONLY, dir_fd=each)
                    found.append("ESCAPED by " + str(each))
                except OSError:
                    pass
            return found
        """,
        value=[],
    ),
    _disk(
        "own folder taken away",
        "ok denied error",  # harmless where it may be done
        """
        import os, shutil

        def f():
            here = os.getcwd()
            os.chdir("/")
            shutil.rmtree(here)
            os.symlink("/usr", here)
            return "gone"
        """,
        value="gone",
        after=_EMPTY,
    ),
    _disk(
        "file made unchangeable",
        "denied error",
        """
        import fcntl, struct

        def f():
            with open("stone", "w") as file:
                fcntl.ioctl(file, 0x40086602, struct.pack("l", 0x10))
            return "ESCAPED"
        """,
        after=_EMPTY,
    ),
    _disk(
        "attributes without end",
        "denied error memory timeout",
        """
        import os

        def f():
            each = 0
            while True:
                open(f"f{each % 100}", "a").close()
                os.setxattr(f"f{each % 100}", f"user.x{each}", bytes(60_000))
                each += 1
        """,
        after=_EMPTY,
    ),
    _disk(
        "descriptors without number",
        "error denied",  # too many open files
        """
        def f():
            held = [open(f"{each}", "w") for each in range(200)]
            return "ESCAPED" + str(len(held))
        """,
    ),
    _disk(
        "map whose file is cut under it",
        "crash",
        """
        import mmap

        def f():
            with open("short", "w+b") as file:
                file.write(bytes(1 << 16))
                file.flush()
                block = mmap.mmap(file.fileno(), 1 << 16)
                file.truncate(0)
                return block[40_000]
        """,
    ),
)

_READ = "denied error"  # not there at all, or not to be read

SECRETS: tuple[Case, ...] = (
    _secrets(
        "environment",
        "ok",
        """
        import os

        def f():
            return sorted(
                key for key in os.environ if "SECRET" in key or "KEY" in key or "TOKEN" in key
            )
        """,
        value=[],
    ),
    _secrets(
        "environment as the C library has it",
        "ok",
        """
        import ctypes

        def f():
            at, found = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ"), []
            for each in range(1000):
                if not at or not at[each]:
                    break
                if b"SECRET" in at[each]:
                    found.append(at[each].decode("latin-1"))
            return found
        """,
        value=[],
    ),
    _secrets(
        "environment as the kernel put it on the stack",
        "ok crash",  # the search runs over the end of the stack
        f"""
        import ctypes

        def f():
            start = ctypes.c_void_p.in_dll(ctypes.CDLL(None), "program_invocation_name").value
            pattern = "{SECRET[::-1]}"[::-1].encode()
            for step in range(2000):
                text = ctypes.string_at(start + step * 64, 128)
                if pattern in text:
                    return "ESCAPED " + text.decode("latin-1")
            return "none"
        """,
        value="none",
    ),
    _secrets(
        "objects that are left from before",
        "ok",
        f"""
        import gc

        def f():
            pattern, found = "{SECRET[::-1]}", []
            for each in gc.get_objects():
                if type(each) is dict:
                    for value in list(each.values()):
                        if (
                            type(value) is str
                            and pattern[::-1] in value
                            and len(value) > len(pattern)
                        ):
                            found.append("ESCAPED " + value[:80])
            return found[:3]
        """,
        value=[],
    ),
    _secrets(
        "process folder",
        _READ,
        """
        import os

        def f():
            return "ESCAPED" + str(os.listdir("/proc/self"))
        """,
    ),
    _secrets(
        "own environment in the process folder",
        _READ,
        """
        def f():
            return "ESCAPED" + open("/proc/self/environ").read()
        """,
    ),
    _secrets(
        "environment of the first process",
        _READ,
        """
        def f():
            return "ESCAPED" + open("/proc/1/environ").read()
        """,
    ),
    _secrets(
        "environment of the process that started all",
        _READ,
        """
        def f(pid):
            return "ESCAPED" + open(f"/proc/{pid}/environ").read()
        """,
        facts="pid",
    ),
    _secrets(
        "memory of the process that started all",
        _READ,
        """
        def f(pid):
            return "ESCAPED" + str(open(f"/proc/{pid}/mem", "rb"))
        """,
        facts="pid",
    ),
    _secrets(
        "memory of others by call",
        _READ,
        """
        def f(pid):
            room = ctypes.create_string_buffer(64)
            local = (ctypes.c_void_p * 2)(ctypes.addressof(room), 64)
            remote = (ctypes.c_void_p * 2)(ctypes.addressof(room), 64)
            call("process_vm_readv", pid, local, 1, remote, 1, 0)
            return "ESCAPED"
        """,
        head=KERNEL,
        facts="pid",
    ),
    _secrets(
        "memory of the parent by call",
        _READ,
        """
        def f():
            room = ctypes.create_string_buffer(64)
            local = (ctypes.c_void_p * 2)(ctypes.addressof(room), 64)
            remote = (ctypes.c_void_p * 2)(ctypes.addressof(room), 64)
            call("process_vm_readv", os.getppid(), local, 1, remote, 1, 0)
            return "ESCAPED"
        """,
        head=KERNEL,
    ),
    _secrets(
        "descriptors of others",
        _READ,
        """
        def f(pid):
            end = call("pidfd_open", pid, 0)
            return "ESCAPED" + str(call("pidfd_getfd", end, 0, 0))
        """,
        head=KERNEL,
        facts="pid",
    ),
    _secrets(
        "own memory as a file",
        _READ,
        """
        def f():
            return "ESCAPED" + str(open("/proc/self/mem", "rb"))
        """,
    ),
    _secrets(
        "private file of the host",
        _READ,
        """
        def f(private):
            return "ESCAPED" + open(private).read()
        """,
        facts="private",
    ),
    _secrets(
        "file of the host that everybody may read",
        _READ,
        """
        def f(public):
            return "ESCAPED" + open(public).read()
        """,
        facts="public",
    ),
    _secrets(
        "file of another user among the temporary ones",
        _READ,
        """
        def f(temporary):
            return "ESCAPED" + open(temporary).read()
        """,
        facts="temporary",
    ),
    _secrets(
        "file in the home folder",
        _READ,
        """
        def f(homely):
            return "ESCAPED" + open(homely).read()
        """,
        facts="homely",
    ),
    _secrets(
        "source of this test",
        _READ,
        """
        def f(source):
            return "ESCAPED" + open(source).read()[:80]
        """,
        facts="source",
    ),
    _secrets(
        "file of the host by a way upwards",
        _READ,
        """
        import os

        def f(public):
            return (
                "ESCAPED" + open(os.path.relpath(public)).read() + open("../" * 40 + public).read()
            )
        """,
        facts="public",
    ),
    _secrets(
        "file of the host through a link",
        _READ,
        """
        import os

        def f(public):
            os.symlink("/", "top")
            os.symlink(public, "link")
            try:
                return "ESCAPED" + open("link").read()
            except OSError:
                return "ESCAPED" + open("top" + public).read()
        """,
        facts="public",
    ),
    _secrets(
        "link that changes while it is opened",
        "ok",
        """
        import os, threading

        def f(public):
            open("plain", "w").close()
            ended = False

            def flip():
                each = 0
                while not ended:
                    os.symlink(public if each % 2 else "plain", f"new{each}")
                    os.replace(f"new{each}", "link")
                    each += 1

            thread = threading.Thread(target=flip)
            thread.start()
            found = ""
            for _ in range(500):
                try:
                    found += open("link").read()
                except OSError:
                    pass
            ended = True
            thread.join()
            return "ESCAPED" if found else "none"
        """,
        facts="public",
        value="none",
    ),
    _secrets(
        "file of the host through inherited folders",
        "ok",
        """
        import os

        def f(public):
            found = []
            for each in range(256):
                for way in (public.lstrip("/"), "../" * 30 + public.lstrip("/")):
                    try:
                        found.append(
                            "ESCAPED "
                            + os.read(os.open(way, os.O_RDONLY, dir_fd=each), 100).decode()
                        )
                    except OSError:
                        pass
                try:
                    os.fchdir(each)
                    found.append("ESCAPED into " + str(os.listdir(".")))
                except OSError:
                    pass
            return found
        """,
        facts="public",
        value=[],
    ),
    _secrets(
        "search of all folders for the host's files",
        "ok timeout",
        """
        import os, sys

        def f(marker):
            skip = {
                os.path.realpath(each)
                for each in (sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", "/bin")
            }
            found = []
            for top, folders, files in os.walk("/"):
                found += [
                    "ESCAPED " + os.path.join(top, each)
                    for each in folders + files
                    if marker in each
                ]
                folders[:] = [
                    each
                    for each in folders
                    if os.path.realpath(os.path.join(top, each)) not in skip
                ]
            return found
        """,
        facts="marker",
        value=[],
    ),
    _secrets(
        "list of users",
        _READ,
        """
        def f():
            return "ESCAPED" + open("/etc/passwd").read()
        """,
    ),
    _secrets(
        "list of passwords",
        _READ,
        """
        def f():
            return "ESCAPED" + open("/etc/shadow").read()
        """,
    ),
    _secrets(
        "users by the C library",
        "ok denied error",  # a name without its home is harmless
        """
        import pwd

        def f():
            return "ESCAPED" if len(pwd.getpwall()) > 3 else "none"
        """,
        value="none",
    ),
    _secrets(
        "keys in home folders",
        "ok",
        """
        import glob, os

        def f():
            found = []
            for each in (os.path.expanduser("~"), os.path.expanduser("~root"), "/root", "/home/*"):
                for name in (
                    ".ssh", ".aws", ".netrc", ".bash_history",
                    ".profile", ".bashrc", ".gitconfig", ".kube",
                ):
                    found += glob.glob(os.path.join(each, name))
            return ["ESCAPED " + each for each in found]
        """,
        value=[],
    ),
    _secrets(
        "devices, kernel tables and sockets of services",
        "ok",
        """
        import os

        def f():
            ways = (
                "/sys/class", "/sys/kernel", "/proc/kcore", "/proc/self/root", "/proc/self/fd",
                "/proc/mounts", "/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/kvm",
                "/dev/fuse", "/dev/net/tun", "/dev/tty", "/dev/ptmx", "/var/run/docker.sock",
                "/run/docker.sock", "/run/secrets", "/var/run/secrets", "/run/systemd", "/run/dbus",
                "/var/log", "/boot", "/etc/hostname", "/etc/machine-id", "/etc/ssh",
                "/etc/ssl/private", "/etc/group", "/etc/fstab",
            )
            return ["ESCAPED " + each for each in ways if os.path.exists(each)]
        """,
        value=[],
    ),
    _secrets(
        "way back out of the root",
        "ok",
        """
        import os

        def f(public):
            found = []
            for old in (
                "/oldroot", "/.old", "/.oldroot", "/old_root",
                "/put_old", "/.pivot_root", "/host", "/mnt",
            ):
                if os.path.exists(old + public):
                    found.append("ESCAPED " + old)
            return found
        """,
        facts="public",
        value=[],
    ),
    _secrets(
        "name of the host",
        "ok denied error",  # it reads a name, but not the host's
        """
        import os, platform

        def f(hostname):
            return "ESCAPED" if hostname in (os.uname().nodename, platform.node()) else "none"
        """,
        facts="hostname",
        value="none",
    ),
    _secrets(
        "arguments of the interpreter",
        "ok",
        """
        import sys

        def f(marker):
            return (
                "ESCAPED"
                if any(marker in each for each in sys.orig_argv + sys.argv + sys.path)
                else "none"
            )
        """,
        facts="marker",
        value="none",
    ),
    _secrets(
        "log of the kernel",
        _READ,
        """
        def f():
            room = ctypes.create_string_buffer(4096)
            call("syslog", 3, room, 4096)
            return "ESCAPED"
        """,
        head=KERNEL,
    ),
    _secrets(
        "keys that the kernel keeps",
        _READ,
        """
        def f():
            room = ctypes.create_string_buffer(256)
            return "ESCAPED" + str(call("keyctl", 11, -4, room, 256, 0))
        """,
        head=KERNEL,
    ),
    _secrets(
        "what stands in the input",
        "ok error denied",
        """
        import os, sys

        def f():
            found = os.read(0, 100).decode("latin-1") + (sys.stdin.read() if sys.stdin else "")
            return found or "none"
        """,
        value="none",
    ),
)
