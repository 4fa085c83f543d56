"""How an export has to be read for its rows to come back, as an upload takes it."""

from collections.abc import Sequence
from typing import Any

from datasets.analytics.export.stream import Format
from datasets.analytics.sql import TableColumn


def reading_options(
    columns: Sequence[TableColumn], kind: Format | str
) -> dict[str, Any]:
    """Return the options of an upload; none for formats that say it themselves.

    A cell without quotes and characters is missing, `""` an empty text: no word
    stands for a missing value.
    """
    types = {column.name: column.type for column in columns}
    match Format(kind):
        case Format.CSV:
            return {
                "encoding": "utf-8",
                "delimiter": ",",
                "quote": '"',
                "has_header": True,
                "null_values": [],
                "types": types,
            }
        case Format.JSON_LINES:
            return {"encoding": "utf-8", "null_values": [], "types": types}
        case _:
            return {}
