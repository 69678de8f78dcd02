"""The host as hostile code would like to change it: its secrets, sockets and state."""

import ctypes
import os
import resource
import secrets
import socket
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.case import MARKER, SECRET

# PR_SET_CHILD_SUBREAPER: a daemon that got away is still found among the descendants.
_ADOPT_ORPHANS = 36


@dataclass(frozen=True, kw_only=True)
class Host:
    """What a case may look for (`facts`), and what must be as it was when all cases have run."""

    secret: str
    facts: dict[str, object]
    files: tuple[Path, ...]
    sockets: tuple[socket.socket, ...]
    before: dict[str, object]
    descriptors: int
    processes: frozenset[str]

    def changes(self) -> list[str]:
        """What is not as it was. To be asked after the box is closed."""
        now = _state(self.files)
        found = [f"the host's {key} changed" for key in now if now[key] != self.before[key]]
        descriptors = _descriptors()
        if descriptors > self.descriptors:
            found.append(f"descriptors are left open: {descriptors}, before {self.descriptors}")
        found += [f"a process is left: {each}" for each in sorted(_descendants() - self.processes)]
        found += [f"a file is left: {each}" for each in _left_files()]
        found += [
            f"a socket of the host was reached: {each.getsockname()}"
            for each in self.sockets
            if _reached(each)
        ]
        return found


@contextmanager
def watched_host(tmp_path: Path) -> Iterator[Host]:
    """The host with secrets in its environment and files, and sockets that nobody should reach."""
    secret = SECRET + secrets.token_hex(16)
    marker = "hx-canary-" + secrets.token_hex(4)
    with ExitStack() as stack:
        stack.enter_context(_adopting_orphans())
        os.environ["HX_SECRET_TOKEN"] = secret
        stack.callback(os.environ.pop, "HX_SECRET_TOKEN", None)
        private = _canary(stack, tmp_path / f"{marker}-private", secret, 0o600)
        public = _canary(stack, tmp_path / f"{marker}-public", secret, 0o644)
        temporary = _canary(stack, Path("/var/tmp") / marker, secret, 0o644, or_else=public)
        homely = _canary(stack, Path.home() / f".{marker}", secret, 0o600, or_else=private)
        tcp, udp, unix, datagram, abstract = sockets = _sockets(stack, tmp_path, marker)
        facts: dict[str, object] = {
            "pid": os.getpid(),
            "ppid": os.getppid(),
            "pgid": os.getpgid(0),
            "port": tcp.getsockname()[1],
            "udp_port": udp.getsockname()[1],
            "unix": unix.getsockname(),
            "datagram": datagram.getsockname(),
            "abstract": abstract.getsockname().lstrip(b"\0").decode(),
            "private": str(private),
            "public": str(public),
            "temporary": str(temporary),
            "homely": str(homely),
            "source": str(Path(__file__)),
            "marker": marker,
            "hostname": socket.gethostname(),
        }
        files = tuple({private, public, temporary, homely})
        yield Host(
            secret=secret,
            facts=facts,
            files=files,
            sockets=sockets,
            before=_state(files),
            descriptors=_descriptors(),
            processes=_descendants(),
        )


def _canary(
    stack: ExitStack, path: Path, secret: str, mode: int, or_else: Path | None = None
) -> Path:
    try:
        path.write_text(secret)
    except OSError:
        if or_else is None:
            raise
        return or_else
    path.chmod(mode)
    stack.callback(path.unlink, missing_ok=True)
    return path


def _sockets(stack: ExitStack, folder: Path, marker: str) -> tuple[socket.socket, ...]:
    tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    udp.bind(("127.0.0.1", 0))
    unix = stack.enter_context(socket.socket(socket.AF_UNIX))
    unix.bind(str(folder / "s"))
    unix.listen()
    datagram = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    datagram.bind(str(folder / "d"))
    abstract = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    abstract.bind("\0" + marker)
    sockets = (tcp, udp, unix, datagram, abstract)
    for each in sockets:
        each.setblocking(False)
        if each.family == socket.AF_UNIX and each is not abstract:
            Path(each.getsockname()).chmod(0o777)
    return sockets


def _reached(end: socket.socket) -> bool:
    """Whether somebody has connected to a socket, or sent something to it."""
    try:
        if end.type == socket.SOCK_DGRAM:
            end.recv(100)
        else:
            end.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@contextmanager
def _adopting_orphans() -> Iterator[None]:
    libc = ctypes.CDLL(None)
    libc.prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(_ADOPT_ORPHANS, 0, 0, 0, 0)


def _state(files: tuple[Path, ...]) -> dict[str, object]:
    mask = os.umask(0o022)
    os.umask(mask)
    which = [each for each in dir(resource) if each.startswith("RLIMIT_")]
    return {
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "name": socket.gethostname(),
        "limits": {each: resource.getrlimit(getattr(resource, each)) for each in which},
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "processors": os.sched_getaffinity(0),
        "mask": mask,
        "folder": str(Path.cwd()),
        "namespaces": {each.name: str(each.readlink()) for each in Path("/proc/self/ns").iterdir()},
        "standard library": _listing(Path(os.__file__).parent),
        "interpreter": _about(Path(sys.executable).resolve()),
        "canaries": {each: (_about(each), each.read_text()) for each in files},
        "users": _about(Path("/etc/passwd")),
    }


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _about(path: Path) -> tuple[int, int, int, int]:
    found = path.stat()
    return found.st_mode, found.st_size, found.st_mtime_ns, found.st_ino


def _listing(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    return {each.name: _about(each) for each in folder.iterdir() if each.is_file()}


def _left_files() -> list[Path]:
    paths = sysconfig.get_paths()
    home, here = Path.home(), Path.cwd()
    tops = {
        Path(each)
        for each in (
            "/",
            "/tmp",
            "/var/tmp",
            "/dev",
            "/dev/shm",
            "/run",
            "/etc",
            "/usr",
            "/opt",
            "/var",
        )
    }
    tops |= {
        home,
        here,
        here.parent,
        Path(paths["purelib"]),
        Path(paths["stdlib"]),
        Path(sys.prefix),
    }
    return [each for top in tops if top.is_dir() for each in top.iterdir() if MARKER in each.name]


def _descendants() -> frozenset[str]:
    """Living processes whose chain of parents comes to this one. A zombie is not living."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            name, _, rest = (folder / "stat").read_text().rpartition(")")
        except OSError:
            continue
        state, parent = rest.split()[:2]
        if state != "Z":
            parents[int(folder.name)], names[int(folder.name)] = int(parent), name + ")"
    found: set[int] = {os.getpid()}
    while more := {each for each, parent in parents.items() if parent in found} - found:
        found |= more
    return frozenset(names[each] for each in found - {os.getpid()})
