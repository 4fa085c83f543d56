"""The rows of a difference, read by their positions."""

from collections.abc import Sequence
from typing import Any

import orjson

from datasets.analytics.cells import Losses, records, select_list
from datasets.analytics.engine import Cursor
from datasets.analytics.sql import (
    ROW_NUMBER,
    Source,
    TableColumn,
)


def shown_rows(
    cursor: Cursor,
    source: Source,
    columns: dict[str, TableColumn],
    positions: Sequence[int | None],
) -> dict[int, dict[str, Any]]:
    """Return rows by their position, as the API writes them."""
    numbers = [number for number in positions if number is not None]
    if not numbers:
        return {}
    shown = list(columns.values())
    found = cursor.rows(
        f"SELECT {ROW_NUMBER}, {select_list(shown)} FROM {source.numbered_sql}"  # noqa: S608
        f" WHERE {ROW_NUMBER} IN (SELECT unnest($numbers::BIGINT[]))",
        source.parameters | {"numbers": numbers},
    )
    rows = records(shown, [row[1:] for row in found], Losses())
    return {row[0]: values for row, values in zip(found, rows, strict=True)}


def as_texts(
    columns: Sequence[TableColumn], rows: Sequence[Sequence[Any]]
) -> list[list[str]]:
    """Return the cells of a `select_list` as texts of what the API shows of them."""
    return [
        [
            value if isinstance(value, str) else orjson.dumps(value).decode()
            for value in shown.values()
        ]
        for shown in records(columns, rows, Losses())
    ]
