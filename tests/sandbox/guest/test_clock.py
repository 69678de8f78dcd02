"""The time as a job sees it: later, in another zone, or standing still."""

import datetime
import time
from collections.abc import Iterator

import pytest

from sandbox.guest.program import clock
from tests.sandbox.guest.restored import restored

AT_S = 1_000_000_000.5
"""2001-09-09 01:46:40.5 in UTC"""


@pytest.fixture(autouse=True)
def real_time_again() -> Iterator[None]:
    with restored(time, datetime):
        yield


def stand_still(zone: str = "UTC0") -> None:
    clock.shift(0.0, zone, AT_S)


def test_no_shift_and_no_zone_change_nothing() -> None:
    before = dict(vars(time)), dict(vars(datetime))
    clock.shift(0.0, "", None)
    assert (vars(time), vars(datetime)) == before


def test_later_is_later_by_so_many_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    monkeypatch.setattr(time, "time_ns", lambda: 1000 * 10**9)
    clock.shift(3600.5, "UTC0", None)
    assert time.time() == 4600.5
    assert time.time_ns() == 4_600_500_000_000
    assert time.gmtime() == time.gmtime(4600)
    assert time.ctime() == time.ctime(4600) == "Thu Jan  1 01:16:40 1970"


def test_dates_are_later_too_and_durations_go_on() -> None:
    real, measured = datetime.datetime, (time.monotonic, time.perf_counter, time.process_time)
    clock.shift(86400.0, "", None)
    ahead = datetime.datetime.now() - real.now()
    assert datetime.timedelta(hours=23) < ahead < datetime.timedelta(hours=25)
    assert (time.monotonic, time.perf_counter, time.process_time) == measured


def test_time_that_stands_still_is_the_same_however_it_is_asked_for() -> None:
    stand_still()
    assert [time.time(), time.time(), time.time_ns()] == [AT_S, AT_S, int(AT_S * 1e9)]
    assert time.asctime() == time.ctime() == "Sun Sep  9 01:46:40 2001"
    assert time.strftime("%Y-%m-%d %H:%M:%S") == "2001-09-09 01:46:40"
    assert time.gmtime() == time.localtime() == time.gmtime(AT_S)
    now = datetime.datetime(2001, 9, 9, 1, 46, 40, 500_000)
    assert datetime.datetime.now() == datetime.datetime.today() == now
    assert datetime.datetime.utcnow() == now
    assert datetime.date.today() == now.date() == datetime.date(2001, 9, 9)


def test_durations_stand_still_with_the_time() -> None:
    stand_still()
    for name in clock.MEASURES:
        assert getattr(time, name)() == 0.0
        assert getattr(time, f"{name}_ns")() == 0


def test_a_moment_that_is_given_is_only_converted() -> None:
    stand_still()
    assert time.gmtime(0).tm_year == 1970
    assert time.ctime(0) == "Thu Jan  1 00:00:00 1970"
    assert time.strftime("%Y", time.gmtime(0)) == "1970"
    assert time.asctime(time.gmtime(0)) == "Thu Jan  1 00:00:00 1970"
    assert datetime.datetime.fromtimestamp(0) == datetime.datetime(1970, 1, 1)


def test_a_zone_changes_what_is_local_and_nothing_else() -> None:
    real = time.time
    clock.shift(0.0, "XYZ-5", None)
    assert time.tzname[0] == "XYZ"
    assert (time.localtime(0).tm_hour, time.gmtime(0).tm_hour) == (5, 0)
    assert time.time is real


def test_a_zone_and_a_time_that_stands_still_go_together() -> None:
    stand_still("XYZ-5")
    assert datetime.datetime.now().hour == 6
    assert datetime.datetime.utcnow().hour == 1
    assert datetime.datetime.now(datetime.UTC).isoformat() == ("2001-09-09T01:46:40.500000+00:00")


def test_values_of_the_real_classes_are_instances_of_the_shifted_ones() -> None:
    real_date, real_datetime = datetime.date, datetime.datetime
    stand_still()
    for real, shifted in ((real_date, datetime.date), (real_datetime, datetime.datetime)):
        assert isinstance(real(2020, 1, 2), shifted)
        assert isinstance(shifted(2020, 1, 2), real)
        assert issubclass(real, shifted)
        assert real(2020, 1, 2) == shifted(2020, 1, 2)
        assert not isinstance(1, shifted)
    assert isinstance(datetime.datetime.now() - datetime.timedelta(1), datetime.datetime)


def test_a_subclass_of_a_shifted_class_has_its_own_instances_only() -> None:
    stand_still()

    class Own(datetime.datetime):
        pass

    assert isinstance(Own.now(), Own)
    assert not isinstance(datetime.datetime.now(), Own)
    assert not issubclass(datetime.datetime, Own)


def test_the_shifted_classes_bear_the_real_names() -> None:
    stand_still()
    assert repr(datetime.datetime(2020, 1, 2)) == "datetime.datetime(2020, 1, 2, 0, 0)"
    assert repr(datetime.date(2020, 1, 2)) == "datetime.date(2020, 1, 2)"
    assert [str(datetime.datetime), str(datetime.date)] == [
        "<class 'datetime.datetime'>",
        "<class 'datetime.date'>",
    ]
