"""Correlation matrices of any number of rows, in bounded memory.

One pass over the Parquet file, row group by row group, in a few BLAS products; no
`corr()` per pair, which costs 7 ns per pair and row and knows a column of
1e9 +- 0.001 to two digits only.
"""

from datasets.analytics.correlation.comoments import CoMoments
from datasets.analytics.correlation.matrix import (
    REVISION,
    Correlation,
    CorrelationMethod,
    CorrelationPair,
    Reason,
    UndefinedPair,
)
from datasets.analytics.correlation.passes import comoments, correlate

__all__ = [
    "REVISION",
    "CoMoments",
    "Correlation",
    "CorrelationMethod",
    "CorrelationPair",
    "Reason",
    "UndefinedPair",
    "comoments",
    "correlate",
]
