"""Cells that a format has no form for, as only the cells of a column show."""

from datasets.analytics.engine import Cursor
from datasets.analytics.ordered import Selection
from datasets.analytics.sql import Kind, TableColumn, count_where, quote_ident


def with_nul(cursor: Cursor, selection: Selection) -> list[str]:
    """Return the columns with a NUL character: a line with one is rejected."""
    texts = [column for column in selection.columns if column.kind is Kind.TEXT]
    return _columns_where(cursor, selection, texts, "contains({}::VARCHAR, chr(0))")


def with_end_of_day(cursor: Cursor, selection: Selection) -> list[str]:
    """Return the columns with the time 24:00:00.

    A time of Arrow ends before it, and so does what is read as a time in a text.
    """
    times = [column for column in selection.columns if column.type == "TIME"]
    return _columns_where(cursor, selection, times, "{} = TIME '24:00:00'")


def _columns_where(
    cursor: Cursor, selection: Selection, columns: list[TableColumn], condition: str
) -> list[str]:
    """Return the columns with a selected cell that meets the condition."""
    if not columns:
        return []
    counts = ", ".join(
        count_where(condition.format(quote_ident(column.name))) for column in columns
    )
    source, where = selection.source, selection.where
    found = cursor.row(
        f"SELECT {counts} FROM {source.sql}{where.sql}",  # noqa: S608 - names are quoted
        source.parameters | where.parameters,
    )
    return [column.name for column, n in zip(columns, found, strict=True) if n]
