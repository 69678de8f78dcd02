"""Another time, or one that stands still, and another time zone for a job.

What asks for the time is replaced before the job's code is loaded. That is `time`'s functions
without an argument, and `now`, `today` and `utcnow` of datetime's classes. They answer as if the
run took place `shift_s` seconds later in `zone`, or always at `at_s`. What asks the kernel by other
ways sees the real time.
"""

from __future__ import annotations

import datetime
import os
import time
from typing import Any, Callable

REAL_DATETIME = datetime.datetime
MEASURES = ("monotonic", "perf_counter", "process_time", "thread_time")


def shift(shift_s: float, zone: str, at_s: float | None) -> None:
    """Shifts the time for the rest of the process.

    shift_s: seconds that are added. zone: a name of the zoneinfo database or a POSIX rule such as
    "XYZ-5". "" leaves the host's. at_s: seconds since 1970 at which the time stands still. What
    measures durations stands still too. None: the time goes on.
    """
    if zone:
        os.environ["TZ"] = zone
        time.tzset()
    if shift_s or at_s is not None:
        shift_time(shift_s, at_s)
        shift_datetime(shift_s, at_s)


def shift_time(shift_s: float, at_s: float | None) -> None:
    """Replaces the functions of `time`. Parameters as of `shift`."""
    real = {
        name: getattr(time, name)
        for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "strftime", "asctime")
    }

    def now() -> float:
        return float(real["time"]()) + shift_s if at_s is None else at_s

    def at(function: Callable[..., Any]) -> Callable[..., Any]:
        # With a moment given, these only convert it: what a program computes itself stays as it is.
        return lambda moment=None: function(now() if moment is None else moment)

    def strftime(form: str, moment: Any = None) -> str:
        return str(real["strftime"](form, real["localtime"](now()) if moment is None else moment))

    def asctime(moment: Any = None) -> str:
        return str(real["asctime"](real["localtime"](now()) if moment is None else moment))

    def now_ns() -> int:
        return int(real["time_ns"]()) + int(shift_s * 1e9) if at_s is None else int(at_s * 1e9)

    replaced: dict[str, Callable[..., Any]] = {
        "time": now,
        "time_ns": now_ns,
        "strftime": strftime,
        "asctime": asctime,
        **{name: at(real[name]) for name in ("localtime", "gmtime", "ctime")},
    }
    if at_s is not None:
        replaced |= {name: lambda: 0.0 for name in MEASURES} | {
            f"{name}_ns": lambda: 0 for name in MEASURES
        }
    for name, function in replaced.items():
        setattr(time, name, function)


class LikeReal(type):
    """Instances of the real class count as instances of its shifted stand-in.

    So isinstance holds for values of modules that took the real class before the shift. Only the
    stand-in has `real` among its own attributes. A job's subclass of it is asked as usual.
    """

    real: type

    def __instancecheck__(cls, value: object) -> bool:
        return (
            isinstance(value, cls.real) if "real" in vars(cls) else super().__instancecheck__(value)
        )

    def __subclasscheck__(cls, other: type) -> bool:
        return (
            issubclass(other, cls.real) if "real" in vars(cls) else super().__subclasscheck__(other)
        )


def shift_datetime(shift_s: float, at_s: float | None) -> None:
    """Replaces the classes `date` and `datetime`. Parameters as of `shift`."""
    # Subclasses, since the classes of C can be given no other methods.
    by = datetime.timedelta(seconds=shift_s)

    def moment(tz: datetime.tzinfo | None) -> datetime.datetime:
        return REAL_DATETIME.now(tz) + by if at_s is None else REAL_DATETIME.fromtimestamp(at_s, tz)

    class date(datetime.date, metaclass=LikeReal):  # noqa: N801  # for datetime.date
        real = datetime.date

        @classmethod
        def today(cls) -> date:
            now = moment(None)
            return cls(now.year, now.month, now.day)

        def __repr__(self) -> str:
            return ("datetime." if "real" in vars(type(self)) else "") + str(super().__repr__())

    class shifted(datetime.datetime, metaclass=LikeReal):  # noqa: N801  # for datetime.datetime
        real = datetime.datetime

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return cls.of(moment(tz))

        @classmethod
        def today(cls) -> Any:
            return cls.now()

        @classmethod
        def utcnow(cls) -> Any:
            return cls.of(moment(datetime.timezone.utc).replace(tzinfo=None))

        @classmethod
        def of(cls, real: datetime.datetime) -> Any:
            return cls(
                real.year,
                real.month,
                real.day,
                real.hour,
                real.minute,
                real.second,
                real.microsecond,
                real.tzinfo,
                fold=real.fold,
            )

        def date(self) -> date:
            return date(self.year, self.month, self.day)

        def __repr__(self) -> str:
            return ("datetime." if "real" in vars(type(self)) else "") + str(super().__repr__())

    # Programs print classes and pickle values, so the stand-ins bear the real names.
    shifted.__name__ = shifted.__qualname__ = "datetime"
    date.__qualname__ = "date"
    for one in (date, shifted):
        one.__module__ = "datetime"
    datetime.date, datetime.datetime = date, shifted  # type: ignore[misc]
