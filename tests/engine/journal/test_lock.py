"""Who is refused a folder, and by whose name."""

import json
import os
import socket
import time
from pathlib import Path

import pytest

from engine.errors import FolderInUse
from engine.journal.lock import STALE_S, Lock, shared

MOUNTS = """\
22 1 259:1 / / rw shared:1 - ext4 /dev/root rw
30 22 0:40 / /data rw shared:2 - nfs4 server:/data rw
31 30 0:41 / /data/local\\040disk rw shared:3 - xfs /dev/sdb rw
"""


def mounts(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS)
    return path


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/home/x", False),
        ("/data", True),
        ("/data/runs/a", True),
        ("/data/local disk/a", False),
        ("/database", False),
    ],
)
def test_a_folder_is_shared_where_the_innermost_mount_is_a_network_file_system(
    tmp_path: Path, folder: str, expected: bool
) -> None:
    assert shared(Path(folder), mounts(tmp_path)) is expected


def test_a_lock_names_its_holder_until_it_is_released(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    lock.take()
    assert f": process {os.getpid()} on {socket.gethostname()} since 20" in lock.holder()
    lock.release()
    assert lock.holder() == ""


def test_a_lock_of_another_host_counts_on_a_shared_disk_until_it_is_silent(
    tmp_path: Path,
) -> None:
    lock = Lock(tmp_path, on_shared_disk=True)
    lock.path.write_text(json.dumps({"pid": 7, "host": "elsewhere", "since": "2026-01-01"}))
    with pytest.raises(FolderInUse, match="process 7 on elsewhere since 2026-01-01"):
        lock.take()
    long_ago = time.time() - STALE_S - 5
    os.utime(lock.path, (long_ago, long_ago))
    lock.take()
    assert str(os.getpid()) in lock.holder()


def test_a_lock_that_a_kill_left_on_this_machine_is_no_hindrance(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    lock.path.write_text(json.dumps({"pid": 7, "host": "elsewhere", "since": "2026-01-01"}))
    lock.take()
    lock.path.write_text("not json")
    lock.take()
