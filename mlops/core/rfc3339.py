"""Times as RFC 3339 writes them, and no other spelling."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME: Final = (
    DATE + r"[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:)(\d\d)(?:\.(\d+))?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_DATE = re.compile(DATE)
_UNENCODED_PLUS = re.compile(r" (?=\d\d:\d\d$)", re.ASCII)
_LEAP_SECOND = "60"


def moment(text: str) -> datetime | None:
    """Return the time in UTC that a text is, None if it is none.

    It has to have a zone: what is noon in Seoul is no noon elsewhere. Digits beyond
    microseconds are cut. A leap second is the second after it, as POSIX counts.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    day, minute, second, fraction, sign, hours, minutes = found.groups()
    is_leap = second == _LEAP_SECOND
    micros = (fraction or "")[:6].ljust(6, "0")
    try:
        local = datetime.fromisoformat(
            f"{day}T{minute}{'59' if is_leap else second}.{micros}"
        )
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        zone = timezone(-offset if sign == "-" else offset)
        utc = local.replace(tzinfo=zone).astimezone(UTC)
        if not is_leap:
            return utc
        ends_the_day = (utc.hour, utc.minute) == (23, 59)
        return utc + timedelta(seconds=1) if ends_the_day else None
    except (ValueError, OverflowError):
        return None


def day(text: str) -> date | None:
    """Return the day that a text such as 2026-11-22 is, None if it is none."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def asked(text: str) -> datetime | None:
    """As `moment`, of a query string, where a bare `+` has arrived as a blank."""
    return moment(_UNENCODED_PLUS.sub("+", text))
