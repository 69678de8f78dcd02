"""A shifted clock and another time zone, by replacing what asks for the time before the job's code is loaded.

`time`'s functions without an argument, and `now`, `today` and `utcnow` of datetime's classes, answer as if the run
took place `shift_s` seconds later in `zone`. What asks the kernel by other ways sees the real time.
"""

from __future__ import annotations

import datetime
import os
import time
from typing import Any, Callable

REAL_DATETIME = datetime.datetime


def shift(shift_s: float, zone: str) -> None:
    """Holds for the rest of the process. zone: a name of the zoneinfo database or a POSIX rule such as "XYZ-5"."""
    if zone:
        os.environ["TZ"] = zone
        time.tzset()
    if shift_s:
        shift_time(shift_s)
        shift_datetime(shift_s)


def shift_time(shift_s: float) -> None:
    real = {
        name: getattr(time, name) for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "strftime", "asctime")
    }

    def now() -> float:
        return float(real["time"]()) + shift_s

    def at(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda moment=None: function(now() if moment is None else moment)

    def strftime(form: str, moment: Any = None) -> str:
        return str(real["strftime"](form, real["localtime"](now()) if moment is None else moment))

    def asctime(moment: Any = None) -> str:
        return str(real["asctime"](real["localtime"](now()) if moment is None else moment))

    replaced = {"time": now, "time_ns": lambda: real["time_ns"]() + int(shift_s * 1e9), "strftime": strftime,
                "asctime": asctime, **{name: at(real[name]) for name in ("localtime", "gmtime", "ctime")}}  # fmt: skip
    for name, function in replaced.items():
        setattr(time, name, function)


class LikeReal(type):
    """Instances of the real class count as instances of its shifted stand-in, so that isinstance holds everywhere."""

    real: type

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, cls.real) if "real" in vars(cls) else super().__instancecheck__(value)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.real) if "real" in vars(cls) else super().__subclasscheck__(other)


def shift_datetime(shift_s: float) -> None:
    by = datetime.timedelta(seconds=shift_s)

    class date(datetime.date, metaclass=LikeReal):  # noqa: N801  # stands in for datetime.date
        real = datetime.date

        @classmethod
        def today(cls) -> date:
            moment = REAL_DATETIME.now() + by
            return cls(moment.year, moment.month, moment.day)

        def __repr__(self) -> str:
            return ("datetime." if "real" in vars(type(self)) else "") + str(super().__repr__())

    class shifted(datetime.datetime, metaclass=LikeReal):  # noqa: N801  # stands in for datetime.datetime
        real = datetime.datetime

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return cls.of(REAL_DATETIME.now(tz) + by)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

        @classmethod
        def utcnow(cls) -> Any:
            return cls.of(REAL_DATETIME.now(datetime.timezone.utc).replace(tzinfo=None) + by)

        @classmethod
        def of(cls, moment: datetime.datetime) -> Any:
            return cls(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second,
                       moment.microsecond, moment.tzinfo, fold=moment.fold)  # fmt: skip

        def date(self) -> date:
            return date(self.year, self.month, self.day)

        def __repr__(self) -> str:
            return ("datetime." if "real" in vars(type(self)) else "") + str(super().__repr__())

    shifted.__name__ = shifted.__qualname__ = "datetime"
    date.__qualname__ = "date"
    for one in (date, shifted):
        one.__module__ = "datetime"
    datetime.date, datetime.datetime = date, shifted  # type: ignore[misc]
