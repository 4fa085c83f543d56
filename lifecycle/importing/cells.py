"""Values of a foreign store, checked: what a column should hold and may not."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

Row = Mapping[str, Any]

MAX_KEY: Final = 500
_INT64: Final = 2**63
_RUN_ID: Final = re.compile(r"[A-Za-z0-9][\w-]{0,255}", re.ASCII)
MODEL_ID_LENGTH: Final = 34
"""`m-` and 32 digits; MLflow's column has room for two more, its ids have not."""
_MODEL_ID: Final = re.compile(r"[A-Za-z0-9][\w-]*", re.ASCII)
_SHOWN: Final = 80


class Unfit(ValueError):
    """A row that cannot come in; the text says which column and why."""


def text(row: Row, column: str, *, most: int | None = None) -> str:
    """Return a text; NULL and a column that is not there are "". Raises Unfit."""
    value = row.get(column)
    if value is None:
        return ""
    return checked(value, column, most=most)


def checked(value: object, named: str, *, most: int | None = None) -> str:
    """Return a text that both databases keep as it is. Raises Unfit."""
    if isinstance(value, bool | int | float):
        value = str(value)
    if not isinstance(value, str):
        raise Unfit(f"{named} is no text in UTF-8")
    if "\0" in value:
        raise Unfit(f"{named} holds a NUL character")
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise Unfit(f"{named} is no text in UTF-8")
    if most is not None and len(value) > most:
        raise Unfit(f"{named} has {len(value)} characters; at most {most} are kept")
    return value


def key(value: object) -> str:
    """Return the name of a metric, parameter or tag. Raises Unfit."""
    name = checked(value, "key", most=MAX_KEY)
    if not name:
        raise Unfit("key is empty")
    return name


def pairs(rows: Mapping[str, object] | list[tuple[object, object]]) -> dict[str, str]:
    """Return name → value of tags or parameters. Raises Unfit."""
    listed = rows.items() if isinstance(rows, Mapping) else rows
    return {
        key(name): checked(
            "" if value is None else value, f"value of {name!r}"[:_SHOWN]
        )
        for name, value in listed
    }


def integer(row: Row, column: str) -> int | None:
    """Return a whole number of 64 bits, or None for NULL. Raises Unfit."""
    value = row.get(column)
    return None if value is None else whole(value, column)


def whole(value: object, named: str) -> int:
    """Return a whole number of 64 bits. Raises Unfit."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unfit(f"{named} is no whole number: {str(value)[:_SHOWN]!r}")
    if not -_INT64 <= value < _INT64:
        raise Unfit(f"{named} has more than 64 bits")
    return value


def real(value: object, *, is_nan: object = False) -> float:
    """Return the value of a metric; what is marked NaN is NaN. Raises Unfit."""
    if is_nan in (True, 1):
        return math.nan
    if isinstance(value, bool | str | bytes) or not isinstance(value, float | int):
        if value is None:
            return math.nan  # a column of floats has no other word for it
        raise Unfit(f"value is no number: {str(value)[:_SHOWN]!r}")
    try:
        return float(value)
    except OverflowError:
        raise Unfit("value is larger than a double") from None


def run_id(value: object) -> str:
    """Return the id of a run, of characters that are safe in an address."""
    if not isinstance(value, str) or not _RUN_ID.fullmatch(value):
        raise Unfit(f"{str(value)[:_SHOWN]!r} is no id of a run")
    return value


def model_id(value: object) -> str:
    """Return the id of a logged model, of characters that are safe in an address."""
    if not isinstance(value, str) or not _MODEL_ID.fullmatch(value):
        raise Unfit(f"{str(value)[:_SHOWN]!r} is no id of a logged model")
    if len(value) > MODEL_ID_LENGTH:
        raise Unfit(
            f"{value[:_SHOWN]!r} is longer than the {MODEL_ID_LENGTH} characters "
            "of a logged model's id"
        )
    return value


def require_readable(row: Row) -> None:
    """Raise Unfit for a row whose file could not be read."""
    if why := row.get("unfit"):
        raise Unfit(str(why))


def is_deleted(row: Row) -> bool:
    return row.get("lifecycle_stage") == "deleted"
