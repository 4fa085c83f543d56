"""Serializer fields that take a JSON value for what it is, and convert nothing.

DRF's own read `1` as text and `"1"` as a number; a client's mistake then becomes
data. What these refuse is a 422 with the field's name.
"""

from datetime import datetime
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from mlops.core import names, reasons, rfc3339

MAX_WHOLE = 2**63 - 1


class Text(serializers.CharField):
    """A JSON string."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)  # before trimming
        return str(super().to_internal_value(data))


class NameText(Text):
    """A JSON string that is a name; `names.clean` has the last word."""

    pattern = names.PATTERN


class ReasonText(Text):
    """Why something is done: left out or empty for no reason, never only blanks.

    A reason of blanks would stand in the history as if one had been given.
    """

    pattern = reasons.PATTERN
    default_error_messages = {"only_blanks": reasons.ONLY_BLANKS}

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, "allow_blank": True, **options})

    def run_validation(self, data: Any = empty) -> Any:
        # DRF takes blanks for an empty text before it looks any further.
        if isinstance(data, str) and reasons.is_blank(data):
            self.fail("only_blanks")
        return super().run_validation(data)


class FiniteNumberField(serializers.FloatField):
    """A finite JSON number, no string and no truth value."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        try:
            return float(super().to_internal_value(data))
        except OverflowError:
            self.fail("invalid")


class Whole(serializers.IntegerField):
    """A whole JSON number that 64 bits hold, no string and no truth value."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        if abs(data) > MAX_WHOLE:
            self.fail("max_value", max_value=MAX_WHOLE)
        return int(super().to_internal_value(data))


class ZonedTime(serializers.DateTimeField):
    """A time as RFC 3339 writes it, with its zone; DRF's own takes other spellings."""

    def to_internal_value(self, data: Any) -> datetime:
        found = rfc3339.moment(data) if isinstance(data, str) else None
        if found is None:
            self.fail("invalid", format="2026-11-22T12:00:00Z (RFC 3339, with a zone)")
        return found


class Truth(serializers.BooleanField):
    """`true` or `false`, no other spelling."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data
