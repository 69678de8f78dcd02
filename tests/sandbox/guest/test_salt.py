"""Seeds and digests under salt: others than without, and the same for the same salt."""

import binascii
import hashlib
import hmac
import random
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.guest.program.salt import NOTE_BYTES, NOTES, Salt, hash_of
from tests.sandbox.guest.restored import restored

SEEDS = [
    True,
    0,
    3,
    -1,
    2**70,
    1.5,
    "word",
    b"word",
    bytearray(b"word"),
    [1, 2],
    (1, 2),
    [[1], "a"],
]


@pytest.mark.parametrize("given_seed", SEEDS, ids=repr)
def test_a_seed_becomes_another_that_every_generator_takes(given_seed: Any) -> None:
    found = Salt(7).seed(given_seed)
    assert type(found) is int
    assert 0 <= found < 2**32
    assert found == Salt(7).seed(given_seed) != Salt(8).seed(given_seed)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers() | st.text(max_size=9))
def test_two_salts_never_give_one_seed(one: int, other: int, given_seed: int | str) -> None:
    assert (Salt(one).seed(given_seed) == Salt(other).seed(given_seed)) == (one == other)


def test_different_seeds_stay_different() -> None:
    salt = Salt(7)
    assert len({salt.seed(number) for number in range(10_000)}) == 10_000


@pytest.mark.parametrize("given_seed", [None, object(), {"a": 1}, [object()], [None] * 300])
def test_what_is_no_fixed_seed_is_left_as_it_is_and_not_noted(given_seed: Any) -> None:
    salt = Salt(7)
    assert salt.seed(given_seed) is given_seed
    assert salt.pop_notes() == []


def test_a_seed_of_numpy_is_salted_like_the_number_that_it_is() -> None:
    np = pytest.importorskip("numpy")
    salt = Salt(7)
    assert salt.seed(np.int64(3)) == salt.seed(3)
    assert salt.seed(np.array([1, 2])) == salt.seed([1, 2])
    assert salt.pop_notes() == ["seed 3", "seed [1, 2]"]


def test_notes_say_what_was_salted_once_and_are_taken_once() -> None:
    salt = Salt(7)
    for given_seed in (1, "a", 1, [2]):
        salt.seed(given_seed)
    assert salt.pop_notes() == ["seed 1", "seed 'a'", "seed [2]"]
    assert salt.pop_notes() == []


def test_notes_are_bounded_in_number_and_length() -> None:
    salt = Salt(7)
    salt.seed("x" * 1000)
    for number in range(2 * NOTES):
        salt.seed(number)
    notes = salt.pop_notes()
    assert len(notes) == NOTES
    assert max(map(len, notes)) == NOTE_BYTES


def test_the_hash_of_a_text_is_the_same_in_every_process() -> None:
    assert [hash_of(""), hash_of("a"), hash_of("word")] == [0, 97, 2_003_792_484]
    assert 0 <= hash_of("\ud800 日" * 1000) < 2**32


def test_generators_of_the_standard_library_draw_other_numbers_from_a_fixed_seed() -> None:
    def drawn() -> list[float]:
        random.seed(1)
        return [random.random(), random.Random(2).random(), random.Random("a").random()]

    with restored(random):
        plain, state = drawn(), random.getstate()
        Salt(7).salt_random()
        salted = drawn()
        assert drawn() == salted
        assert not set(plain) & set(salted)
        made = random.Random(3)
        made.seed(4)
        assert isinstance(made, random.Random)
        assert (type(made).__module__, type(made).__qualname__) == ("random", "Random")
        random.setstate(state)


def test_generators_of_numpy_draw_other_numbers_from_a_fixed_seed() -> None:
    numpy = pytest.importorskip("numpy")
    module = SimpleNamespace(**vars(numpy.random))

    def drawn() -> list[float]:
        return [
            module.RandomState(1).rand(),
            module.default_rng(1).random(),
            module.default_rng(seed=2).random(),
            module.Generator(module.PCG64(3)).random(),
            module.Generator(module.MT19937(seed=4)).random(),
        ]

    plain = drawn()
    Salt(7).salt_numpy(module)
    salted = drawn()
    assert drawn() == salted
    assert not set(plain) & set(salted)
    state = module.RandomState(1)
    state.seed(5)
    assert state.rand() != numpy.random.RandomState(5).rand()


def test_digests_are_others_and_still_depend_on_all_that_they_are_given() -> None:
    def taken(data: bytes) -> list[object]:
        late = hashlib.sha256(b"x")
        late.update(data)
        return [
            hashlib.sha256(data).hexdigest(),
            hashlib.new("md5", data).hexdigest(),
            hashlib.blake2b(data, digest_size=8).hexdigest(),
            late.hexdigest(),
            hmac.new(b"key", data, "sha1").hexdigest(),
            hmac.digest(b"key", data, "sha1"),
            zlib.crc32(data),
            zlib.adler32(data, 1),
            binascii.crc32(data),
        ]

    salt = Salt(7)
    with restored(hashlib, hmac, zlib, binascii):
        plain = taken(b"a")
        salt.salt_digests()
        salted, again, other = taken(b"a"), taken(b"a"), taken(b"b")
    assert salted == again
    assert not any(one == two for one, two in zip(salted, plain, strict=True))
    assert not any(one == two for one, two in zip(salted, other, strict=True))
    assert set(salt.pop_notes()) == {
        f"digest {name}" for name in ("sha256", "new", "blake2b", "hmac", "crc32", "adler32")
    }
    assert taken(b"a") == plain
