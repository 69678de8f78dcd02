"""How often a text was seen before. Counts are on disk, since 10^7 of them fill a gigabyte."""

import hashlib
import sqlite3


class Occurrences:
    """Counts of texts, by digest, in a temporary database that ends with the process."""

    def __init__(self) -> None:
        # Without a name SQLite makes a file that it deletes itself. Nothing need survive a crash.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(
            "CREATE TABLE seen (digest BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID"
        )

    def __call__(self, text: str) -> int:
        """How often this was asked of the same text before: 0, 1, 2 ..."""
        found = self._database.execute(
            "INSERT INTO seen VALUES (?, 0) "
            "ON CONFLICT (digest) DO UPDATE SET times = times + 1 RETURNING times",
            (_digest(text),),
        ).fetchone()
        return int(found[0])

    def __contains__(self, text: str) -> bool:
        return (
            self._database.execute(
                "SELECT 1 FROM seen WHERE digest = ?", (_digest(text),)
            ).fetchone()
            is not None
        )

    def close(self) -> None:
        self._database.close()


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
