"""What waits until nothing else moves."""

import pytest

from engine.flow.parking import MOST, Parking


def test_what_is_parked_is_due_in_its_order_once_nothing_moves() -> None:
    parking = Parking[str]()
    parking.moving = 1
    parking.park("a")
    parking.park("b")
    assert parking.due() == []
    parking.moving = 0
    assert parking.due() == ["a", "b"]
    assert parking.moving == 2
    parking.moving = 0
    assert parking.due() == []


def test_what_is_parked_waits_for_every_source_even_one_that_fails() -> None:
    parking = Parking[str]()
    parking.park("a")
    with parking.feeding():
        with pytest.raises(OSError), parking.feeding():
            raise OSError
        assert parking.due() == []
    assert parking.due() == ["a"]


def test_more_than_are_kept_are_due_while_others_move() -> None:
    parking = Parking[int]()
    parking.moving = 3
    for number in range(MOST):
        parking.park(number)
    assert parking.due() == []
    parking.park(MOST)
    assert parking.due() == list(range(MOST + 1))
    assert parking.moving == 3 + MOST + 1
