"""A table's rows as text that no database has a word in, and back.

A chunk is JSON: a list of columns, each the list of its values. Whole numbers, texts,
truth values and floats are as JSON has them (NaN and infinities by Python's words);
times in ISO 8601 in UTC, UUIDs as 32 hexadecimal digits, bytes in Base64, and values
of JSON columns as what they hold.
"""

import base64
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from django.db.models import Field, ForeignKey, JSONField

Column = list[Any]
_Change = Callable[[Any], Any]


def encode(columns: Sequence[Column], fields: Sequence["Field[Any, Any]"]) -> bytes:
    """Return the chunk of some rows, given column by column as Django reads them."""
    told = [
        _changed(column, _TO_TEXT.get(kind_of(field)))
        for column, field in zip(columns, fields, strict=True)
    ]
    return json.dumps(told, separators=(",", ":")).encode()


def decode(
    chunk: bytes, fields: Sequence["Field[Any, Any]"]
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a chunk as Django gives them to a field."""
    columns = [
        _changed(column, _FROM_TEXT.get(kind_of(field)))
        for column, field in zip(json.loads(chunk), fields, strict=True)
    ]
    return zip(*columns, strict=True)


def kind_of(field: "Field[Any, Any]") -> str:
    """Return Django's word for a column's type; of a reference, that of its key."""
    while isinstance(field, ForeignKey):
        field = field.target_field
    return "JSONField" if isinstance(field, JSONField) else field.get_internal_type()


def _changed(column: Column, change: _Change | None) -> Column:
    if change is None:
        return column
    return [None if value is None else change(value) for value in column]


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat()


def _base64(value: Any) -> str:
    return base64.b64encode(bytes(value)).decode()


_TO_TEXT: Final[dict[str, _Change]] = {
    "UUIDField": lambda value: value.hex,
    "DateTimeField": _moment,
    "DateField": date.isoformat,
    "BinaryField": _base64,
}
_FROM_TEXT: Final[dict[str, _Change]] = {
    "UUIDField": uuid.UUID,
    "DateTimeField": datetime.fromisoformat,
    "DateField": date.fromisoformat,
    "BinaryField": base64.b64decode,
}
_AS_THEY_ARE: Final = frozenset(
    {"AutoField", "BigAutoField", "SmallAutoField", "IntegerField", "BigIntegerField"}
    | {"SmallIntegerField", "PositiveIntegerField", "PositiveBigIntegerField"}
    | {"PositiveSmallIntegerField", "BooleanField", "FloatField", "CharField"}
    | {"TextField", "JSONField", "URLField", "EmailField", "SlugField"}
)
KINDS: Final = _AS_THEY_ARE | _TO_TEXT.keys()
"""The types of columns that can be carried; a test holds every model to them."""
