"""Upload options with which an export is read back unchanged."""

from collections.abc import Sequence
from typing import Any

from datasets.analytics.export.binary_types import is_text_in_binary
from datasets.analytics.export.stream import ExportFormat
from datasets.analytics.ingest import is_chosen_type
from datasets.analytics.sql import Kind, TableColumn


def unlike(columns: Sequence[TableColumn], kind: ExportFormat | str) -> list[str]:
    """Return the columns whose type does not survive a round trip.

    In text these are nested values and types without a text form, in files that
    pyarrow writes those that it has no type for. A whole version as Parquet is a copy
    and has them all.
    """
    if kind in {ExportFormat.CSV, ExportFormat.JSON_LINES}:
        return [column.name for column in columns if not is_chosen_type(column.type)]
    return [column.name for column in columns if is_text_in_binary(column.type)]


def reading_options(
    columns: Sequence[TableColumn], kind: ExportFormat | str
) -> dict[str, Any]:
    """Return the upload options that read the export back; none for binary formats.

    An unquoted empty cell is null, `""` an empty text: no word stands for null. Nested
    values are JSON text in CSV and are inferred in JSON lines. Types without a text
    form are text.
    """
    types = {
        column.name: column.type if is_chosen_type(column.type) else "VARCHAR"
        for column in columns
        if kind != ExportFormat.JSON_LINES or column.kind is not Kind.NESTED
    }
    match ExportFormat(kind):
        case ExportFormat.CSV:
            return {
                "encoding": "utf-8",
                "delimiter": ",",
                "quote": '"',
                "has_header": True,
                "null_values": [],
                "types": types,
            }
        case ExportFormat.JSON_LINES:
            return {"encoding": "utf-8", "null_values": [], "types": types}
        case _:
            return {}
