"""Milliseconds since 1970 (UTC), as the MLflow protocol keeps times, and back."""

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def to_ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def to_ms_up(moment: datetime) -> int:
    """Return the first whole millisecond that is not before the moment."""
    return -((_EPOCH - moment) // timedelta(milliseconds=1))


def from_ms(milliseconds: int) -> datetime:
    """Return the moment; what no calendar holds becomes its first or last day.

    The MLflow protocol lets a client send any 64-bit number as a time.
    """
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return _LAST if milliseconds > 0 else _FIRST


def stamp(moment: datetime) -> str:
    """Return RFC 3339 in UTC with microseconds, ending in Z."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='microseconds')}Z"


def stamp_ms(milliseconds: int) -> str:
    return stamp(from_ms(milliseconds))
