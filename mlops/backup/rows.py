"""Reads the tables of a snapshot into chunks."""

from collections.abc import Iterator
from typing import Any, Final

from django.db.models import BinaryField, JSONField, Model, TextField

from mlops.backup.cells import encode
from mlops.backup.cutting import pieces
from mlops.backup.folder import BackupFolder
from mlops.backup.manifest import Table
from mlops.backup.pool import in_order
from mlops.backup.progress import TerminalProgress
from mlops.backup.tables import columns

_AT_ONCE: Final = 2000
_WIDE_AT_ONCE: Final = 50

Row = tuple[Any, ...]


def store_table(
    model: type[Model], alias: str, folder: BackupFolder, progress: TerminalProgress
) -> Table:
    """Store every row of a table, in the order of its key."""
    fields = columns(model)
    table = Table([field.attname for field in fields])
    key = table.columns.index(model._meta.pk.attname)  # noqa: SLF001
    wide = [
        place
        for place, field in enumerate(fields)
        if isinstance(field, BinaryField | JSONField | TextField)
    ]
    rows = _rows(model, alias, table.columns, _WIDE_AT_ONCE if wide else _AT_ONCE)
    cut = pieces(
        rows, lambda row: row[key], (lambda row: _weight(row, wide)) if wide else None
    )

    def store(piece: list[Row]) -> tuple[str, int]:
        return folder.put(encode(list(map(list, zip(*piece, strict=True))), fields)), (
            len(piece)
        )

    for name, count in in_order(store, cut):
        table.chunks.append(name)
        table.rows += count
        progress.advance(count)
    return table


def _rows(
    model: type[Model], alias: str, names: list[str], at_once: int
) -> Iterator[Row]:
    found = model._base_manager.using(alias).order_by("pk").values_list(*names)  # noqa: SLF001
    return iter(found.iterator(chunk_size=at_once))


def _weight(row: Row, places: list[int]) -> int:
    """Return about how many bytes the unbounded values of a row are."""
    total = 0
    for place in places:
        value = row[place]
        if isinstance(value, str | bytes | memoryview):
            total += len(value)
        elif value is not None:
            total += len(str(value))
    return total
