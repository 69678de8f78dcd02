"""The temporary folder of a zygote's jobs: what it may hold, and how it is emptied.

With namespaces it is a file system of its own, whose size and number of files the kernel bounds.
Elsewhere it is a folder of the host's, at which the zygote looks while a job runs.
"""

from __future__ import annotations

import os

from . import kernel

SCRATCH_BYTES = 16 << 20
SCRATCH_FILES = 2000


def mount_scratch(folder: str) -> None:
    """Mounts a fresh file system at `folder`. Raises: OSError."""
    kernel.mount(
        "scratch",
        folder,
        kind="tmpfs",
        flags=kernel.NOSUID | kernel.NODEV | kernel.NOEXEC,
        options=f"size={SCRATCH_BYTES},nr_inodes={SCRATCH_FILES},mode=700",
    )


def holds_more(folder: str, files: int, held_bytes: int) -> bool:
    """Whether more than so many files, or more than so many bytes on disk, lie below `folder`.

    What cannot be read counts as one file.
    """
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    files -= 1
                    held_bytes -= entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    if files < 0 or held_bytes < 0:
                        return True
        except OSError:
            continue  # it has just gone, or the job has shut it
    return False


def remove(folder: str) -> None:
    """Removes `folder` and all that is in it, as far as that is possible."""
    try:
        empty(folder)
        os.rmdir(folder)
    except OSError:
        pass  # it has gone, or the pool will remove it


def empty(folder: str) -> None:
    """Removes what is in `folder`, however deep and whatever its modes. Raises: OSError.

    What lies below a folder is first moved up. A job can nest folders so deep that their path is
    longer than the kernel takes, and so deep that recursion fails.
    """
    moved = 0
    os.chmod(folder, 0o700)
    while True:
        names = os.listdir(folder)
        if not names:
            return
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isdir(path):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for below in os.listdir(path):
                moved += 1
                inner = os.path.join(path, below)
                if os.path.isdir(inner) and not os.path.islink(inner):
                    os.chmod(inner, 0o700)  # a folder that may not be written cannot be moved
                os.rename(inner, os.path.join(folder, f".moved-{moved}"))
            os.rmdir(path)
