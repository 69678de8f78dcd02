"""Other seeds and other digests than the code asks for.

What takes a seed or makes a digest is replaced before the job's code is loaded. That is `random`,
numpy's generators, `hashlib`, `hmac` and checksums. A result that depends on a seed fixed in the
code, or on a digest, is another one under salt. Such a result cannot be worked out from the input.

What was salted is noted. Two calls that note the same seed for different arguments have it from no
argument. The built-in `hash` is left alone, since the gate's other hash seeds change it.
"""

from __future__ import annotations

import random
import sys
from typing import Any, Callable

from .encoder import Encoder, Invalid

NOTES = 200
NOTE_BYTES = 200
DIGEST = "digest "
"""How the note of a digest begins. That of a seed begins with "seed "."""
BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64", "SeedSequence")


class Salt:
    """One salt, which holds for the rest of the process.

    notes: what was salted since the last `pop_notes`, each once.
    """

    def __init__(self, salt: int) -> None:
        self.salt = salt
        self.notes: dict[str, None] = {}

    def apply(self) -> None:
        """Replaces all that is salted. numpy's generators only where numpy has been imported."""
        self.salt_random()
        if "numpy.random" in sys.modules:
            self.salt_numpy(sys.modules["numpy.random"])
        self.salt_digests()

    def pop_notes(self) -> list[str]:
        notes, self.notes = list(self.notes), {}
        return notes

    def note(self, text: str) -> None:
        if len(self.notes) < NOTES:
            self.notes.setdefault(text)

    def seed(self, given: Any) -> Any:
        """Another seed than `given`, which is taken wherever `given` is.

        What stands for a seed drawn by the machine, such as None, stays: no result can rest on it.
        """
        if isinstance(given, (bool, int, float, str, bytes, bytearray)):
            self.note(f"seed {given!r}"[:NOTE_BYTES])
            return (hash_of(repr(given)) ^ self.salt) % 2**32  # numpy takes no more than 32 bits
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

        # A class, as it was, since programs derive from it and ask isinstance.
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
        # Here, since few jobs are salted and these bring a large library with them.
        import binascii
        import hashlib
        import hmac
        import zlib

        more = b"%d:" % self.salt

        def salted(name: str, make: Callable[..., Any]) -> Callable[..., Any]:
            def made(*given: Any, **named: Any) -> Any:
                self.note(DIGEST + name)
                digest = make(*given, **named)
                # Among the job's data, not instead of it: a digest still depends on all that it is
                # given, only otherwise.
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
    """A number that is the same in every process, unlike the built-in `hash` of a string."""
    return int.from_bytes(text.encode("utf-8", "replace"), "big") % 4_294_967_291
