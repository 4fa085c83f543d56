"""Drift of one table's columns from another's.

The population stability index over deciles of the reference, with bins of their
own for NULL and NaN; the Kolmogorov-Smirnov distance and Jensen-Shannon divergence
as effect sizes; chi-square for categories; missing values and new categories. Bins
of equal width are not used: one bad tick widens them until they hide a crisis.
"""

from datasets.analytics.drift.compare import compare
from datasets.analytics.drift.report import (
    REVISION,
    Bins,
    Bound,
    Check,
    ColumnDrift,
    Level,
    TableDrift,
    Thresholds,
)

__all__ = [
    "REVISION",
    "Bins",
    "Bound",
    "Check",
    "ColumnDrift",
    "Level",
    "TableDrift",
    "Thresholds",
    "compare",
]
