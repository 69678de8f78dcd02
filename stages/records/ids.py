"""Ids that are hashes of content, and seeds that are hashes of ids."""

import hashlib


def digest(*parts: str, length: int = 16) -> str:
    """A content-derived id: `length` hex digits of the SHA-256 of the parts."""
    hashed = hashlib.sha256()
    for part in parts:
        # With its length before it, no part runs into the next: ("ab", "c") is not ("a", "bc").
        encoded = part.encode("utf-8", "surrogatepass")
        hashed.update(b"%d:" % len(encoded) + encoded)
    return hashed.hexdigest()[:length]


def seed_of(id_: str) -> int:
    """The seed of a program's generator and runs, 32 bits of a hash of its id."""
    return int(digest("seed", id_, length=8), 16)
