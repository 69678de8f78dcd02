"""What a guest interpreter is, and what of the machine its jobs may see: its own modules and the
system's libraries.

Nothing is shown that is not the interpreter's own: a folder that a `.pth` file or an editable
install adds from elsewhere (a checkout with its keys, say) stays outside, and what it would bring
is reported in `Guest.unseen`.
"""

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from sandbox.errors import GuestUnusable
from sandbox.records import Guest

PROBE_S = 120
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
"""Where whole systems keep libraries under names of their own."""
BASES = ("/mnt", "/media", "/srv", "/opt", "/sys")
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
        return json.loads(d.read_text("direct_url.json") or "{}").get("dir_info", {}).get("editable", False)
    except (OSError, ValueError):
        return False
found = {d.metadata["Name"]: d for d in m.distributions() if d.metadata["Name"]}
print(json.dumps({
    "python": real(getattr(sys, "_base_executable", sys.executable) or sys.executable),
    "version": platform.python_version(), "implementation": platform.python_implementation(),
    "platform": platform.system() + "-" + platform.machine(), "base": sys.base_prefix, "path": own,
    "other": [p for p in path if p not in own],
    "packages": sorted({n + "==" + d.version for n, d in found.items() if not editable(d)}),
    "editable": sorted(n for n, d in found.items() if editable(d)),
    "modules": sorted({i.name for i in pkgutil.iter_modules(own)} | set(getattr(sys, "stdlib_module_names", ()))),
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
        told = out.stderr.decode("utf-8", "replace").strip()[-300:]
        raise GuestUnusable(
            f"sandbox.python: {python} is no usable Python 3 interpreter: {told}"
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
    """The paths shown to jobs, none below another, outer ones first."""
    stores = [store for store in STORES if python.startswith(store + "/")]
    wanted = [*SYSTEM, *stores, f"{base}/lib", f"{base}/lib64", *path]
    wanted += [
        os.path.realpath(one) for one in wanted
    ]  # a link is shown as a link, so its end has to be there
    shown: list[str] = []
    for one in sorted({os.path.normpath(one) for one in wanted if Path(one).exists()}):
        if not any(below(one, outer) for outer in shown):
            shown.append(one)
    return tuple(shown)


def below(path: str, outer: str) -> bool:
    return path == outer or path.startswith(outer.rstrip("/") + "/")


def scratch(shown: Iterable[str]) -> str:
    """Where, inside the walls, the jobs' own folder is: /tmp, unless the interpreter's packages lie
    there."""
    # the jail's own
    return "/scratch" if any(below(path, "/tmp") for path in shown) else "/tmp"  # noqa: S108


def base(shown: tuple[str, ...]) -> str:
    """A folder on which the new root can be mounted without hiding what it shows."""
    for folder in BASES:
        if Path(folder).is_dir() and not any(
            below(path, folder) or below(folder, path) for path in shown
        ):
            return folder
    raise GuestUnusable(f"sandbox.python: its modules lie below every one of {', '.join(BASES)}")
