"""Other seeds and other digests than the code asks for, by replacing what takes them before the
job's code is loaded.

What a result owes to a seed that the code fixes itself, or to a digest, is another result under
salt. What was salted is noted: two calls that give the same seed for different arguments have it
from no argument.
"""

from __future__ import annotations

import random
import sys
from typing import Any, Callable

from .encoder import Encoder, Invalid

NOTES = 200
NOTE_BYTES = 200
DIGEST = "digest "
"""How the note of a digest begins; that of a seed begins with `seed `."""
BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64", "SeedSequence")


class Salt:
    """Holds for the rest of the process. notes: what was salted since they were last taken, each
    once."""

    def __init__(self, salt: int) -> None:
        self.salt = salt
        self.notes: dict[str, None] = {}

    def apply(self) -> None:
        self.salt_random()
        if "numpy.random" in sys.modules:
            self.salt_numpy(sys.modules["numpy.random"])
        self.salt_digests()

    def taken(self) -> list[str]:
        notes, self.notes = list(self.notes), {}
        return notes

    def note(self, text: str) -> None:
        if len(self.notes) < NOTES:
            self.notes.setdefault(text)

    def seed(self, given: Any) -> Any:
        """Another seed than `given`, of a type that is taken wherever it is; what draws its own
        stays."""
        if isinstance(given, (bool, int, float, str, bytes, bytearray)):
            self.note(f"seed {given!r}"[:NOTE_BYTES])
            return (hash_of(repr(given)) ^ self.salt) % 2**32
        numpy = sys.modules.get("numpy")
        plain = (
            given.tolist()
            if numpy is not None and isinstance(given, (numpy.ndarray, numpy.integer))
            else given
        )
        if isinstance(plain, (int, list, tuple)):
            try:
                text = Encoder(NOTE_BYTES).text(plain)
            except Invalid:
                return given
            self.note(f"seed {text}")
            return (hash_of(text) ^ self.salt) % 2**32
        return given

    def salt_random(self) -> None:
        salted, plain = self.seed, random.seed

        class Random(random.Random):
            def seed(self, a: Any = None, version: int = 2) -> None:
                super().seed(salted(a), version)

        Random.__module__, Random.__qualname__ = "random", "Random"
        random.Random = Random  # type: ignore[misc]
        random.seed = lambda a=None, version=2: plain(salted(a), version)

    def salt_numpy(self, module: Any) -> None:
        salted, plain = self.seed, module.seed

        class RandomState(module.RandomState):  # type: ignore[misc]
            def __init__(self, seed: Any = None) -> None:
                super().__init__(salted(seed))

            def seed(self, seed: Any = None) -> None:
                super().seed(salted(seed))

        def first_salted(make: Callable[..., Any]) -> Callable[..., Any]:
            return lambda seed=None, *rest, **named: make(salted(seed), *rest, **named)

        module.RandomState = RandomState
        module.seed = lambda seed=None: plain(salted(seed))
        for name in ("default_rng", *BIT_GENERATORS):
            if hasattr(module, name):
                setattr(module, name, first_salted(getattr(module, name)))

    def salt_digests(self) -> None:
        import binascii  # here, since few jobs are salted and these bring a large library with them
        import hashlib
        import hmac
        import zlib

        more = b"%d:" % self.salt

        def salted(name: str, make: Callable[..., Any]) -> Callable[..., Any]:
            def made(*given: Any, **named: Any) -> Any:
                self.note(DIGEST + name)
                digest = make(*given, **named)
                digest.update(more)
                return digest

            return made

        def summed(name: str, make: Callable[..., int]) -> Callable[..., int]:
            def made(data: Any, *given: Any) -> int:
                self.note(DIGEST + name)
                return make(bytes(data) + more, *given)

            return made

        for name in (*hashlib.algorithms_guaranteed, "new"):
            if hasattr(hashlib, name):
                setattr(hashlib, name, salted(name, getattr(hashlib, name)))
        hmac.new = salted("hmac", hmac.new)
        plain_digest = hmac.digest

        def keyed(key: Any, msg: Any, digest: Any) -> bytes:
            self.note(DIGEST + "hmac")
            return plain_digest(key, bytes(msg) + more, digest)

        hmac.digest = keyed
        for module in (zlib, binascii):
            for name in ("crc32", "adler32"):
                if hasattr(module, name):
                    setattr(module, name, summed(name, getattr(module, name)))


def hash_of(text: str) -> int:
    return int.from_bytes(text.encode("utf-8", "replace"), "big") % 4_294_967_291
