"""Who holds a run folder: `run.lock` names the holder, and keeps other hosts out of a shared disk.

SQLite's own lock decides between processes of one kernel, and between hosts where the file system
carries locks. On a network file system locks may be switched off. There `run.lock` is a lock too,
while its holder on another host was heard of within STALE_S seconds.
"""

import json
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.errors import FolderInUse

BEAT_S = 5.0
STALE_S = 30.0
NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "lustre",
    "ceph",
    "gluster",
    "fuse",
    "9p",
    "beegfs",
    "gpfs",
    "afs",
    "virtiofs",
)
"""Beginnings of the names of file systems that other hosts may write to."""


class Lock:
    """The folder's `run.lock`. It is taken once SQLite's lock is held."""

    def __init__(self, folder: Path, *, on_shared_disk: bool | None = None) -> None:
        """on_shared_disk: whether other hosts may write there. None: as the mounts say."""
        self.path = folder / "run.lock"
        self._shared = shared(folder) if on_shared_disk is None else on_shared_disk
        self._beaten = 0.0
        self._taken = False

    def take(self) -> None:
        """Takes the lock. Raises: FolderInUse, OSError."""
        found = self._read()
        # On this host SQLite's lock has decided already: what is left here is a killed run's.
        if (
            found.get("host") not in (None, socket.gethostname())
            and self._shared
            and not self._stale()
        ):
            raise FolderInUse(
                f"{self.path.parent}: another run holds this folder (output.dir){self.holder()}. "
                f"If it has been killed, the same command continues {STALE_S:g} s after it was "
                "last heard of"
            )
        self._write()
        self._taken = True

    def beat(self) -> None:
        """Shows other hosts that the holder is alive, every BEAT_S seconds at most."""
        if time.monotonic() - self._beaten >= BEAT_S and self.path.exists():
            self._beaten = time.monotonic()
            os.utime(self.path)

    def release(self) -> None:
        if self._taken:  # and not another run's
            self.path.unlink(missing_ok=True)

    def holder(self) -> str:
        """Who holds the folder, in words."""
        found = self._read()
        return (
            f": process {found['pid']} on {found['host']} since {found['since']}"
            if found.get("pid")
            else ""
        )

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self) -> None:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self.path.write_text(
            json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}) + "\n"
        )

    def _stale(self) -> bool:
        """Whether its holder was last heard of more than STALE_S seconds ago."""
        # Both times come from the file system, since the clocks of two hosts may differ.
        probe = self.path.with_name("run.lock.now")
        probe.write_text("")
        now_s = probe.stat().st_mtime
        probe.unlink()
        return now_s - self.path.stat().st_mtime > STALE_S


def shared(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> bool:
    """Whether other hosts may write to `folder`.

    Source: proc_pid_mountinfo(5): the mount point is the fifth field, the type stands after ` - `.
    """
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return False
    place, kind = "", ""
    for line in lines:
        fields, _, rest = line.partition(" - ")
        point = fields.split()[4].replace("\\040", " ")
        if len(point) >= len(place) and folder.resolve().is_relative_to(point):
            place, kind = point, rest.split()[0]
    return kind.startswith(NETWORK)
