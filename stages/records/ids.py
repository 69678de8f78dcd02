"""Ids that follow from content, and the seeds that follow from ids."""

import hashlib


def digest(*parts: str, length: int = 16) -> str:
    """A content-derived id: `length` hex digits of the SHA-256 of the parts, which cannot run
    together."""
    hashed = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        hashed.update(b"%d:" % len(encoded) + encoded)
    return hashed.hexdigest()[:length]


def seed_of(id_: str) -> int:
    """The seed of a program's generator and runs, by its id."""
    return int(digest("seed", id_, length=8), 16)
