"""Input of a comparison: a sample of a table's numbers, all its categories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datasets.analytics.distributions import present
from datasets.analytics.engine import Cursor
from datasets.analytics.sql import ROW_NUMBER, Source, TableColumn, quote_ident
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = lazy_import("numpy")

SAMPLE_ROWS = 200_000
MAX_CATEGORIES = 10_000
_COLUMNS_PER_PASS = 50
_BATCH_ROWS = 122_880
_HASHES = 2**64


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Values of a column (infinities included), and how many were missing."""

    values: "npt.NDArray[np.float64]"
    nulls: int
    nans: int
    exact: bool

    @property
    def rows(self) -> int:
        return len(self.values) + self.nulls + self.nans


@dataclass(frozen=True, slots=True)
class Categories:
    """Counts by category, most frequent first; `exact` when none was left out."""

    counts: Mapping[str, int]
    total: int
    nulls: int
    exact: bool


def numbers(
    cursor: Cursor, source: Source, columns: Sequence[TableColumn], row_count: int
) -> dict[str, Numbers]:
    """Return the numbers of all rows, or of about 200,000 random ones."""
    found: dict[str, Numbers] = {}
    exact = row_count <= SAMPLE_ROWS
    cut = _HASHES - 1 if exact else _HASHES // row_count * SAMPLE_ROWS
    for start in range(0, len(columns), _COLUMNS_PER_PASS):
        part = columns[start : start + _COLUMNS_PER_PASS]
        select = ", ".join(
            f"{quote_ident(column.name)}::DOUBLE AS c{index}"
            for index, column in enumerate(part)
        )
        batches = list(
            cursor.batches(
                f"SELECT {select} FROM {source.numbered_sql}"  # noqa: S608
                f" WHERE hash({ROW_NUMBER}) <= $cut::UBIGINT",
                source.parameters | {"cut": cut},
                batch_rows=_BATCH_ROWS,
            )
        )
        for index, column in enumerate(part):
            arrays = [batch.column(index) for batch in batches]
            nulls = sum(array.null_count for array in arrays)
            values = np.concatenate(
                [np.zeros(0), *(present(array) for array in arrays)]
            )
            nans = np.isnan(values)
            found[column.name] = Numbers(values[~nans], nulls, int(nans.sum()), exact)
    return found


def categories(cursor: Cursor, source: Source, column: TableColumn) -> Categories:
    """Return the counts of a text or boolean column, up to 10,000 categories."""
    name = quote_ident(column.name)
    rows = cursor.rows(
        f"SELECT left({name}::VARCHAR, 200) AS category, count(*) AS n"  # noqa: S608
        f" FROM {source.sql} GROUP BY ALL ORDER BY n DESC, category"
        f" LIMIT {MAX_CATEGORIES + 1:d}",
        source.parameters,
    )
    (total, present) = cursor.row(
        f"SELECT count(*), count({name}) FROM {source.sql}",  # noqa: S608
        source.parameters,
    )
    counts = {row[0]: row[1] for row in rows if row[0] is not None}
    return Categories(
        counts, present, total - present, exact=len(rows) <= MAX_CATEGORIES
    )
