"""Lines of CSV, written by DuckDB, and what a spreadsheet would make of them."""

from collections.abc import Iterator

from datasets.analytics.engine import Cursor
from datasets.analytics.ordered import Selection
from datasets.analytics.sql import Kind, TableColumn, count_where, quote_ident

# A spreadsheet runs a cell that begins with one of these (OWASP: CSV injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_IS_FORMULA = "regexp_matches({text}, '^[=+\\-@\\t\\r]')"
# Base64 may begin with a plus.
_WRITTEN = frozenset({Kind.TEXT, Kind.NESTED, Kind.BINARY})


def write(cursor: Cursor, selection: Selection, *, is_guarded: bool) -> Iterator[bytes]:
    """Yield the header and the lines; thirty times as fast as Python's csv."""
    names = [column.name for column in selection.columns]
    shown = [guarded(name) for name in names] if is_guarded else names
    yield f"{','.join(map(_quoted, shown))}\r\n".encode()
    cells = ", ',', ".join(_cell(column, is_guarded) for column in selection.columns)
    lines = f"concat({cells}, chr(13), chr(10))"
    for batch in selection.batches(cursor, lines):
        yield "".join(batch.column(0).to_pylist()).encode()


def count_guarded(cursor: Cursor, selection: Selection) -> int:
    """Return how many cells and column names `write` prefixes with `'`."""
    names = sum(guarded(column.name) != column.name for column in selection.columns)
    return names + sum(guarded_by_column(cursor, selection).values())


def guarded_by_column(cursor: Cursor, selection: Selection) -> dict[str, int]:
    """Return, by column, exactly how many cells a spreadsheet would evaluate."""
    texts = [column for column in selection.columns if column.kind in _WRITTEN]
    if not texts:
        return {}
    counts = ", ".join(
        count_where(_IS_FORMULA.format(text=_text(column))) for column in texts
    )
    source, where = selection.source, selection.where
    found = cursor.row(
        f"SELECT {counts} FROM {source.sql}{where.sql}",  # noqa: S608 - names are quoted
        source.parameters | where.parameters,
    )
    return {column.name: n for column, n in zip(texts, found, strict=True)}


def guarded(text: str) -> str:
    """Return text that a spreadsheet shows instead of evaluating."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _quoted(text: str) -> str:
    if not text or any(char in text for char in '",\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _text(column: TableColumn) -> str:
    name = quote_ident(column.name)
    if column.kind is Kind.NESTED:
        return f"to_json({name})::VARCHAR"
    if column.kind is Kind.BINARY:
        return f"to_base64({name}::BLOB)"
    if column.kind is Kind.FLOAT:
        # Of a NaN with its sign bit set, as 0/0 makes it, DuckDB says `-nan`.
        return f"CASE WHEN isnan({name}) THEN 'nan' ELSE {name}::VARCHAR END"
    return f"{name}::VARCHAR"


def _cell(column: TableColumn, is_guarded: bool) -> str:  # noqa: FBT001
    """Return SQL of a cell: NULL is empty, an empty text is `""`."""
    text = _text(column)
    if column.kind not in _WRITTEN:
        return text
    plain = text
    if is_guarded:
        is_formula = _IS_FORMULA.format(text=text)
        plain = f"concat(CASE WHEN {is_formula} THEN chr(39) END, {text})"
    return (
        f"CASE WHEN {text} IS NULL THEN NULL"
        f" WHEN {text} = '' OR regexp_matches({text}, '[\",\\r\\n]')"
        f" THEN concat('\"', replace({plain}, '\"', '\"\"'), '\"')"
        f" ELSE {plain} END"
    )
