"""What a guest interpreter is, and which paths of the machine its jobs may see.

Jobs see the interpreter's own modules and the system's libraries. A `.pth` file or an editable
install may add a folder from elsewhere, such as a checkout with its keys. That folder stays
outside, and `Guest.unseen` reports what is missing because of it.
"""

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from sandbox.errors import GuestUnusable
from sandbox.records import Guest

PROBE_S = 120
"""How long an interpreter may take to describe itself."""
SYSTEM = (
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/etc/ld.so.cache",
    "/usr/share/zoneinfo",
)
"""Shared libraries, how the loader finds them, and time zones."""
STORES = ("/nix/store", "/gnu/store")
"""Where Nix and Guix keep the libraries of an interpreter that they installed."""
BASES = ("/mnt", "/media", "/srv", "/opt", "/sys")
"""Folders on which a new root can be mounted, in the order in which they are tried."""
PROBE = """
import importlib.metadata as m, json, os, pkgutil, platform, site, sys
real = os.path.realpath
prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
roots = [p + "/lib" for p in prefixes] + [p + "/lib64" for p in prefixes] + site.getsitepackages()
roots = [real(p) for p in roots]
path = [p for p in sys.path if p and os.path.exists(p)]
own = [p for p in path if any((real(p) + "/").startswith(r + "/") for r in roots)]
def editable(d):
    try:
        url = json.loads(d.read_text("direct_url.json") or "{}")
        return url.get("dir_info", {}).get("editable", False)
    except (OSError, ValueError):
        return False
found = {d.metadata["Name"]: d for d in m.distributions() if d.metadata["Name"]}
standard = set(getattr(sys, "stdlib_module_names", ()))
print(json.dumps({
    "python": real(getattr(sys, "_base_executable", sys.executable) or sys.executable),
    "version": platform.python_version(), "implementation": platform.python_implementation(),
    "platform": platform.system() + "-" + platform.machine(), "base": sys.base_prefix, "path": own,
    "other": [p for p in path if p not in own],
    "packages": sorted({n + "==" + d.version for n, d in found.items() if not editable(d)}),
    "editable": sorted(n for n, d in found.items() if editable(d)),
    "modules": sorted({i.name for i in pkgutil.iter_modules(own)} | standard),
}))
"""


def probe(python: str) -> Guest:
    """Asks an interpreter what it is. Raises: GuestUnusable."""
    try:
        out = subprocess.run(
            [python, "-I", "-c", PROBE], capture_output=True, env={}, timeout=PROBE_S, check=False
        )
    except OSError as exc:
        raise GuestUnusable(f"sandbox.python: {python} cannot be started: {exc.strerror}") from exc
    except subprocess.TimeoutExpired as exc:
        raise GuestUnusable(f"sandbox.python: {python} gave no answer within {PROBE_S} s") from exc
    try:
        said = json.loads(out.stdout)
    except ValueError:
        complaint = out.stderr.decode("utf-8", "replace").strip()[-300:]
        raise GuestUnusable(
            f"sandbox.python: {python} is no usable Python 3 interpreter: {complaint}"
        ) from None
    if tuple(int(part) for part in said["version"].split(".")[:2]) < (3, 9):
        raise GuestUnusable(
            f"sandbox.python: {python} is Python {said['version']}; jobs need 3.9 or later"
        )
    unseen = [
        f"{name}: an editable install, whose folder is not shown" for name in said["editable"]
    ]
    unseen += [
        f"{path}: on the import path, but not below the interpreter's prefix"
        for path in said["other"]
    ]
    return Guest(
        python=said["python"],
        version=said["version"],
        implementation=said["implementation"],
        platform=said["platform"],
        path=tuple(said["path"]),
        packages=tuple(said["packages"]),
        view=view(said["base"], said["path"], said["python"]),
        unseen=tuple(unseen),
        modules=frozenset(said["modules"]),
    )


def view(base: str, path: Iterable[str], python: str) -> tuple[str, ...]:
    """The paths shown to jobs, none below another, outer ones first.

    base: the interpreter's sys.base_prefix. path: its import path. python: its real path.
    """
    stores = [store for store in STORES if python.startswith(store + "/")]
    wanted = [*SYSTEM, *stores, f"{base}/lib", f"{base}/lib64", *path]
    # A link is shown as a link, so what it points to has to be shown as well.
    wanted += [os.path.realpath(one) for one in wanted]
    shown: list[str] = []
    for one in sorted({os.path.normpath(one) for one in wanted if Path(one).exists()}):
        if not any(below(one, outer) for outer in shown):
            shown.append(one)
    return tuple(shown)


def below(path: str, outer: str) -> bool:
    """Whether a path is `outer` or lies in it. Both are normalised."""
    return path == outer or path.startswith(outer.rstrip("/") + "/")


def scratch(shown: Iterable[str]) -> str:
    """The path of the jobs' own folder inside the walls.

    It is /tmp, unless the interpreter's packages lie there and would be hidden.
    """
    return "/scratch" if any(below(path, "/tmp") for path in shown) else "/tmp"  # noqa: S108


def base(shown: tuple[str, ...]) -> str:
    """A folder on which the new root can be mounted without hiding a shown path.

    Raises: GuestUnusable.
    """
    for folder in BASES:
        if Path(folder).is_dir() and not any(
            below(path, folder) or below(folder, path) for path in shown
        ):
            return folder
    raise GuestUnusable(f"sandbox.python: its modules lie below every one of {', '.join(BASES)}")
