"""Times of the store: whole microseconds since 1970 in UTC, and ISO 8601 outside the store."""

from __future__ import annotations

import datetime as dt
import time
from typing import Final

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)


def now_us() -> int:
    """Return the time in microseconds since 1970."""
    return time.time_ns() // 1000


#: Time minus the monotonic clock at the start of the process, in nanoseconds.
_BEGAN: Final = time.time_ns() - time.monotonic_ns()


def steady_us() -> int:
    """Return the time in microseconds since 1970, without changes of the clock since the process started."""
    return (_BEGAN + time.monotonic_ns()) // 1000


def iso_time(microseconds: int, timespec: str = "auto") -> str:
    """Return a time of the store as ISO 8601 in UTC.

    Args:
        timespec: as of `datetime.isoformat`; "auto" omits a zero fraction of a second.
    """
    return (_EPOCH + microseconds * _MICROSECOND).isoformat(timespec=timespec).replace("+00:00", "Z")


def iso_time_or_none(microseconds: int | None, timespec: str = "auto") -> str | None:
    """Return `iso_time`; None for None."""
    return None if microseconds is None else iso_time(microseconds, timespec)


def microseconds_of(when: dt.datetime) -> int:
    """Return a time with a zone in microseconds since 1970."""
    return (when - _EPOCH) // _MICROSECOND
