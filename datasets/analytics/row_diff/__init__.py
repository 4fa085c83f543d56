"""Row diff of two tables by a key: rows added, deleted, changed.

Rows whose key is missing or not unique in its table match nothing for certain: they
are set aside and counted. Cells are compared as values in the type that holds both
columns' (NaN equals NaN, 0.0 equals -0.0); columns without such a type are named.
"""

from datasets.analytics.row_diff.compare import Comparison
from datasets.analytics.row_diff.model import (
    MAX_KEYS,
    REVISION,
    DiffPage,
    RetypedDiffColumn,
    Row,
    RowChange,
    Summary,
)

__all__ = [
    "MAX_KEYS",
    "REVISION",
    "Comparison",
    "DiffPage",
    "RetypedDiffColumn",
    "Row",
    "RowChange",
    "Summary",
]
