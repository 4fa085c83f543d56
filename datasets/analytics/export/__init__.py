"""A table as a file: CSV, JSON lines, Parquet or Arrow, streamed in its order.

Parquet and Arrow read back the same by themselves; CSV (not guarded) and JSON lines
with the `reading_options` that belong to them.
"""

from datasets.analytics.export.csv_lines import guarded
from datasets.analytics.export.reading import reading_options, unlike
from datasets.analytics.export.stream import (
    ExportFormat,
    Request,
    formless_columns,
    guarded_cells,
    stream,
)

__all__ = [
    "ExportFormat",
    "Request",
    "formless_columns",
    "guarded",
    "guarded_cells",
    "reading_options",
    "stream",
    "unlike",
]
