"""Moments and durations as protobuf's JSON writes them, and milliseconds.

https://protobuf.dev/programming-guides/json/
"""

import re
from decimal import Decimal
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from lifecycle.mlflow.checks import invalid

_MS: Final = 1000
_DURATION: Final = re.compile(r"-?\d{1,12}(\.\d{1,9})?s")
_LAST_MS: Final = 253_402_300_799_999
_FIRST_MS: Final = -62_135_596_800_000


def moment_ms(text: str, field: str) -> int:
    """Return an RFC 3339 moment in milliseconds. Raises InvalidValue."""
    moment = Timestamp()
    try:
        moment.FromJsonString(text)
    except ValueError:
        raise invalid(field, text, "It must be an RFC 3339 time.") from None
    return int(moment.ToMilliseconds())


def moment_text(milliseconds: int) -> str:
    """Return the moment; one that no calendar holds becomes its first or last."""
    moment = Timestamp()
    moment.FromMilliseconds(min(max(milliseconds, _FIRST_MS), _LAST_MS))
    return str(moment.ToJsonString())


def duration_ms(text: str, field: str) -> int:
    """Return a duration like `0.046s` in milliseconds. Raises InvalidValue."""
    if not _DURATION.fullmatch(text):
        raise invalid(field, text, 'It must be a duration like "1.5s".')
    return int(Decimal(text[:-1]) * _MS)


def duration_text(milliseconds: int) -> str:
    seconds, rest = divmod(abs(milliseconds), _MS)
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{seconds}.{rest:03}s" if rest else f"{sign}{seconds}s"
