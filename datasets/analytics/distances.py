"""Long numbers as offsets from one of them: doubles that lose no digit.

A double keeps 15 digits. Identifiers and exact decimals may have more, and
what tells them apart is then in the digits that it drops: their spread would be one
of roundings.
"""

from decimal import Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from datasets.analytics.sql import Kind, TableColumn, quote_ident, quote_literal
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
else:
    np = lazy_import("numpy")
    pa = lazy_import("pyarrow")

Number = int | Decimal

_DOUBLE_DIGITS = 15
_WORD = 1 << 64
_DIGITS = Context(prec=60)
_MOST = Decimal(10) ** 38


def is_long(number: Number) -> bool:
    """Return whether a number has more digits than a double always keeps."""
    return len(Decimal(number).as_tuple().digits) > _DOUBLE_DIGITS


def difference_fits(low: Number, high: Number) -> bool:
    """Return whether 38 digits hold the difference of two exact numbers."""
    scale = -int(Decimal(low).as_tuple().exponent)
    return _DIGITS.subtract(Decimal(high), Decimal(low)).scaleb(scale, _DIGITS) < _MOST


def offset_of(column: TableColumn, low: Any, high: Any) -> Number:
    """Return the offset to subtract from numbers from low to high, 0 for none.

    Only of numbers of one sign, none of which is then too far away for its own type.
    """
    if column.kind not in {Kind.INTEGER, Kind.DECIMAL} or column.type == "BIGNUM":
        return 0
    if low <= 0 <= high:
        return 0
    base: Number = low if is_long(low) or is_long(high) else 0
    return base


def distance(column: TableColumn, base: Number) -> str:
    """Return SQL of a cell minus the offset."""
    return f"({quote_ident(column.name)} - {literal(base, column.type)})::DOUBLE"


def literal(number: Number, kind: str) -> str:
    """Return SQL of a number with all its digits."""
    digits = format(Decimal(number), "f")
    return f"CAST({quote_literal(digits)} AS {kind})"


def distances(array: Any, base: Number) -> "npt.NDArray[np.float64]":
    """Return an Arrow array of integers or decimals without nulls, minus the offset."""
    if isinstance(base, int) and not pa.types.is_decimal(array.type):
        whole = array.to_numpy()
        far: npt.NDArray[np.float64] = (whole - whole.dtype.type(base)).astype("f8")
        return far
    return _of_decimals(array.cast(pa.decimal128(38, array.type.scale)), Decimal(base))


def _of_decimals(array: Any, base: Decimal) -> "npt.NDArray[np.float64]":
    """Subtract in the two words of 64 bits that Arrow has of each."""
    scale = array.type.scale
    high, low = divmod(int(base.scaleb(scale, _DIGITS)), _WORD)
    words = np.frombuffer(array.buffers()[1], np.uint64)
    words = words[2 * array.offset : 2 * (array.offset + len(array))].reshape(-1, 2)
    lower = words[:, 0] - np.uint64(low)
    borrowed = (words[:, 0] < np.uint64(low)).astype(np.uint64)
    upper = words[:, 1] - np.uint64(high % _WORD) - borrowed
    found: npt.NDArray[np.float64] = (upper * float(_WORD) + lower) / 10.0**scale
    return found


def add_offset(distance: float, base: Number) -> float:
    """Return offset plus distance, rounded once."""
    return float(Fraction(base) + Fraction(distance))


def text(distance: float, base: Number) -> str:
    """Return offset plus distance as text, with all digits."""
    exact = _DIGITS.add(Decimal(base), Decimal(distance))
    shown = format(exact, "f")
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
