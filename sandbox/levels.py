"""The levels of isolation, strongest first: the walls that each builds, and what each needs."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox.guest.walls.landlock import DEVICES
from sandbox.guest.walls.scratch import SCRATCH_BYTES
from sandbox.records import Guest

GUEST = Path(__file__).with_name("guest")
"""The package that runs in the guest interpreter."""
STUB = (
    "import sys; sys.path.insert(0, {folder!r}); "
    "from guest.{module} import main; main(int(sys.argv[1]))"
)
"""The guest interpreter's first program. It imports `guest` without the rest of this package."""
FILES, READING, NETWORK, PROCESSES, KERNEL = "files", "reading", "network", "processes", "kernel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level: its walls, what it promises, and what a machine must have for it.

    namespaces, landlock, seccomp: the walls that our own guest builds.
    holds: the promises that it keeps, out of the five below.
    needs: what a machine must have, in words.

    files: nothing outside the temporary folder is changed. reading: nothing outside the view is
    read. network: no socket is made. processes: none is started or signalled. kernel: no privileged
    or unusual system call is made.

    Every level limits time, memory and the size of files. Every level gives each job a clean
    environment and a clean temporary folder.
    """

    name: str
    namespaces: bool
    landlock: bool
    seccomp: bool
    holds: frozenset[str]
    needs: str
    wrapper: str = ""
    """A program that builds the outer walls. Where `spawned`, it wraps each job's process."""
    spawned: bool = False
    """Each job gets a process that was started ahead, in place of a fork of a preloaded one."""
    system: str = "linux"
    """The value of `sys.platform` that it needs, or "" for any."""

    @property
    def own_root(self) -> bool:
        """Whether jobs see a root of their own."""
        return self.namespaces or self.wrapper == "bwrap"

    @property
    def prefix(self) -> list[str]:
        """The wrapper of each spawned process."""
        return [self.wrapper] if self.spawned and self.wrapper else []

    @property
    def writable(self) -> bool:
        """Whether jobs have a temporary folder to write in."""
        return self.landlock or not self.seccomp

    def impossible(self) -> str:
        """Why this level cannot even be tried on this machine, or "" if it can."""
        if self.system and sys.platform != self.system:
            return f"runs on {self.system} only"
        if self.wrapper and shutil.which(self.wrapper) is None:
            return f"{self.wrapper} is not installed"
        return ""

    def command(self, guest: Guest, fd: int, scratch: str) -> list[str]:
        """The command that starts a zygote.

        fd: the control socket's descriptor. scratch: the temporary folder as jobs see it.
        """
        stub = STUB.format(
            folder=str(GUEST.parent), module="spawned" if self.spawned else "launcher"
        )
        # Without -S, `site` would run what .pth files hold before any wall is built.
        python = [guest.python, "-s", "-S", "-B", "-c", stub, str(fd)]
        if self.wrapper == "bwrap":
            return bubblewrapped(guest, scratch, python)
        return python


EVERYTHING = frozenset((FILES, READING, NETWORK, PROCESSES, KERNEL))
LADDER = (
    Level(name="namespaces", namespaces=True, landlock=True, seccomp=True, holds=EVERYTHING,
          needs="Linux 5.13 or later with Landlock, and root or unprivileged user namespaces "
                "(sysctl kernel.unprivileged_userns_clone=1, "
                "kernel.apparmor_restrict_unprivileged_userns=0)"),
    Level(name="bubblewrap", namespaces=False, landlock=True, seccomp=True, holds=EVERYTHING,
          needs="bubblewrap (apt install bubblewrap) allowed to make user namespaces, "
                "and Linux 5.13 or later with Landlock", wrapper="bwrap"),
    Level(name="landlock", namespaces=False, landlock=True, seccomp=True, holds=EVERYTHING,
          needs="Linux 5.13 or later with Landlock among its security modules "
                "(boot with lsm=landlock,...)"),
    Level(name="seccomp", namespaces=False, landlock=False, seccomp=True,
          holds=EVERYTHING - {READING}, needs="Linux with seccomp filters, on x86_64 or aarch64"),
    Level(name="seatbelt", namespaces=False, landlock=False, seccomp=False,
          holds=EVERYTHING - {KERNEL}, needs="macOS with sandbox-exec",
          wrapper="sandbox-exec", spawned=True, system="darwin"),
    Level(name="rlimits", namespaces=False, landlock=False, seccomp=False, holds=frozenset(),
          needs="nothing, and it holds back nothing hostile: "
                "name it only for code that you trust", system=""),
)  # fmt: skip
BY_NAME = {level.name: level for level in LADDER}
AUTOMATIC = tuple(level for level in LADDER if level.holds)
"""What `auto` tries, in this order. A level without walls is only taken by name."""


def bubblewrapped(guest: Guest, scratch: str, python: list[str]) -> list[str]:
    """The launcher inside bubblewrap, which shows it the same view that our own walls would."""
    out = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
    out += ["--cap-drop", "ALL", "--hostname", "sandbox"]
    shown = {Path(path).resolve() for path in guest.view}
    for path in guest.view:
        # Bound in its place, a link such as /lib would hide that it is one: the loader's paths and
        # the interpreter's prefixes are found by following it.
        if Path(path).is_symlink() and any(
            path_below(Path(path).resolve(), other) for other in shown
        ):
            out += ["--symlink", str(Path(path).readlink()), path]
        else:
            out += ["--ro-bind", path, path]
    out += ["--ro-bind-try", guest.python, guest.python, "--ro-bind-try", str(GUEST), str(GUEST)]
    for path in DEVICES:
        out += ["--dev-bind", path, path]
    out += ["--proc", "/proc", "--size", str(SCRATCH_BYTES), "--tmpfs", scratch, "--chdir", "/"]
    return [*out, "--", *python]


def path_below(path: Path, outer: Path) -> bool:
    """Whether a path is `outer` or lies in it."""
    return path == outer or outer in path.parents
