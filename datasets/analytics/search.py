"""A text looked for in every cell of a row, as SQL with bound parameters."""

import unicodedata
from collections.abc import Sequence

from datasets.analytics.engine import Cursor
from datasets.analytics.errors import InvalidFilter, InvalidParameter
from datasets.analytics.filters import (
    Clause,
    Condition,
    bound,
    compile_filter,
    composed,
)
from datasets.analytics.sql import Kind, Source, TableColumn, quote_ident

MAX_QUERY = 200


def matching(clause: Clause, columns: Sequence[TableColumn], text: str) -> str:
    """Return the condition that any text column contains the text, whatever its case.

    A number, date or truth value also matches where a cell equals it exactly.
    Raises InvalidParameter for a text that is empty or too long.
    """
    if not text or len(text) > MAX_QUERY or "\x00" in text:
        raise InvalidParameter(
            f"q must hold between 1 and {MAX_QUERY} characters.", field="q"
        )
    needle = clause.bind(unicodedata.normalize("NFC", text).lower())
    parts = []
    for column in columns:
        name = quote_ident(column.name)
        if column.kind is Kind.TEXT:
            cell = composed(f"{name}::VARCHAR")
            parts.append(f"contains(lower({cell}), {needle})")
        elif (value := _equal_value(clause, column, text)) is not None:
            parts.append(f"{name} = {value}")
    found = f"({' OR '.join(parts or ['false'])})"
    if any(column.kind is Kind.TEXT for column in columns):
        return found
    return f"{found} AND {needle} IS NOT NULL"


def selected(
    cursor: Cursor, source: Source, conditions: Sequence[Condition], text: str = ""
) -> tuple[list[TableColumn], Source]:
    """Return the columns, and the rows that meet all conditions and hold the text.

    An empty text is looked for nowhere. Raises UnknownColumn or InvalidFilter.
    """
    columns = cursor.columns(source)
    where = compile_filter(columns, conditions)
    if text:
        found = matching(where, columns, text)
        where.sql = f"{where.sql} AND {found}" if where.sql else f" WHERE {found}"
    return columns, Source(source.paths, where.sql, where.parameters)


def _equal_value(clause: Clause, column: TableColumn, text: str) -> str | None:
    """Return the bound text as a value of the column, None where it is none."""
    if column.kind is Kind.BOOLEAN:
        truth = {"true": True, "false": False}.get(text.lower())
        return None if truth is None else bound(clause, column, truth)
    try:
        return bound(clause, column, text)
    except InvalidFilter:
        return None
