"""Types of a table in files that pyarrow writes, where Arrow has other ones."""

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from datasets.analytics.sql import TableColumn, quote_ident
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import pyarrow as pa
else:
    pa = lazy_import("pyarrow")

# pyarrow reads no such type back, or writes none to Parquet.
_WITHOUT_TYPE = frozenset({"INTERVAL", "TIME WITH TIME ZONE"})
# A type, and no name of a field, has nothing but brackets and commas behind it.
_INSIDE = re.compile(r"\b(UUID|JSON|INTERVAL|TIME WITH TIME ZONE)(?=[\[\],)])")


def select_list(columns: Sequence[TableColumn], texts: Collection[str] = ()) -> str:
    """Return SQL of the columns, from which `typed` makes their types again.

    Columns named as texts are written as text, whatever their type.
    """
    return ", ".join(_cell(c, is_text=c.name in texts) for c in columns)


def typed(batch: "pa.RecordBatch", columns: Sequence[TableColumn]) -> "pa.RecordBatch":
    """Return the rows with UUID and JSON as the types of Arrow that mean these."""
    cells = [
        _typed(cell, column.type)
        for cell, column in zip(batch.columns, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(cells, names=[c.name for c in columns])


def is_text_in_binary(kind: str) -> bool:
    """Return whether values of a type, or some inside it, are written as text."""
    return kind in _WITHOUT_TYPE or _INSIDE.search(kind) is not None


def _cell(column: TableColumn, *, is_text: bool) -> str:
    name = quote_ident(column.name)
    if column.type == "UUID":
        return f"unhex(replace({name}::VARCHAR, '-', '')) AS {name}"
    if is_text or column.type in _WITHOUT_TYPE:
        return f"{name}::VARCHAR AS {name}"
    return name


def _typed(cells: "pa.Array", kind: str) -> "pa.Array":
    if kind == "UUID":
        return pa.ExtensionArray.from_storage(pa.uuid(), cells.cast(pa.binary(16)))
    if kind == "JSON":
        return pa.ExtensionArray.from_storage(pa.json_(), cells.cast(pa.string()))
    return cells
