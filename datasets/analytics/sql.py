"""The only place where names and paths become SQL text.

Everything else a caller gives (paths to read, values to compare) is bound as a
named parameter.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from datasets.analytics.errors import SourceMissing, UnknownColumn

GLOB_CHARACTERS = frozenset("*?[]{}")
ROW_NUMBER = "file_row_number"
KEY_WORDS = frozenset({"id", "key", "uuid"})


class Kind(StrEnum):
    """Kind of a column, by the questions that it supports."""

    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TEXT = "text"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIME = "time"
    INTERVAL = "interval"
    BINARY = "binary"
    NESTED = "nested"


NUMERIC = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL})
TEMPORAL = frozenset({Kind.DATE, Kind.TIMESTAMP})

_KINDS = (
    (r"(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|BIGNUM)", Kind.INTEGER),
    (r"(FLOAT|DOUBLE)", Kind.FLOAT),
    (r"DECIMAL\(\d+,\d+\)", Kind.DECIMAL),
    (r"BOOLEAN", Kind.BOOLEAN),
    (r"(VARCHAR|UUID|BIT|ENUM\(.*\))", Kind.TEXT),
    (r"DATE", Kind.DATE),
    (r"TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?", Kind.TIMESTAMP),
    (r"TIME(_NS| WITH TIME ZONE)?", Kind.TIME),
    (r"INTERVAL", Kind.INTERVAL),
    (r"(BLOB|GEOMETRY(\(.*\))?)", Kind.BINARY),
)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column in file order, with the type that DuckDB gives it."""

    name: str
    type: str

    @property
    def kind(self) -> Kind:
        return _kind(self.type)


@lru_cache(maxsize=1_024)
def _kind(type_: str) -> Kind:
    for pattern, kind in _KINDS:
        if re.fullmatch(pattern, type_, re.DOTALL):
            return kind
    return Kind.NESTED


@dataclass(frozen=True, slots=True)
class Source:
    """One table: Parquet files of equal schema, read one after the other.

    With `where` (and the `values` it binds) only the rows that meet it; with
    `select` what that makes of the columns.
    """

    paths: tuple[Path, ...]
    where: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    select: str = ""

    @property
    def sql(self) -> str:
        """A table expression that needs the parameters of `parameters`."""
        return self._met("read_parquet($source)", self.select or "*")

    @property
    def numbered_sql(self) -> str:
        """The same with the position of each row in its file."""
        select = f"{self.select}, {ROW_NUMBER}" if self.select else "*"
        return self._met(f"read_parquet($source, {ROW_NUMBER}=true)", select)

    @property
    def parameters(self) -> dict[str, object]:
        return {"source": [str(path) for path in self.paths], **self.values}

    def _met(self, table: str, select: str) -> str:
        if not self.where and select == "*":
            return table
        return f"(SELECT {select} FROM {table}{self.where})"  # noqa: S608 - ours


Table = Path | str | Sequence[Path] | Source


def source_of(table: Table) -> Source:
    """Return the source of one path or of several.

    A glob character in a path is refused: DuckDB would also read the files of
    others that match. Raises SourceMissing when a file is not there.
    """
    if isinstance(table, Source):
        return table
    given = [table] if isinstance(table, Path | str) else table
    paths = tuple(Path(path).resolve() for path in given)
    for path in paths:
        if GLOB_CHARACTERS & set(str(path)):
            raise ValueError("a path with a glob character would match other files")
        if not path.is_file():
            raise SourceMissing("The content of this version is missing.")
    return Source(paths)


def single(table: Table) -> Source:
    """Return the source of one file, whose rows have one position each.

    Raises SourceMissing, and ValueError for several files.
    """
    source = source_of(table)
    if len(source.paths) != 1:
        raise ValueError("rows of several files have no common position")
    return source


def quote_ident(name: str) -> str:
    """Return a name as an SQL identifier, whatever characters it holds."""
    if "\x00" in name:
        raise ValueError("an identifier cannot hold a NUL character")
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Return a text as an SQL literal, where a parameter is not allowed (COPY)."""
    if "\x00" in text:
        raise ValueError("a literal cannot hold a NUL character")
    return "'" + text.replace("'", "''") + "'"


def is_called_key(name: str) -> bool:
    """Whether a column's name says that it identifies rows, such as `user_id`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return any(word in KEY_WORDS for word in re.split(r"[^a-z]+", words))


def count_where(condition: str) -> str:
    """Return an aggregate of the rows where it holds: never NULL, unlike count_if."""
    return f"coalesce(count_if({condition}), 0)"


def pick(
    columns: Sequence[TableColumn], names: Iterable[str] | None, *, field: str
) -> list[TableColumn]:
    """Return the named columns in the order asked for; all of them for None.

    Names are exact: DuckDB would also take another case. A name given twice
    counts once. Raises UnknownColumn.
    """
    if names is None:
        return list(columns)
    by_name = {column.name: column for column in columns}
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in by_name:
            raise UnknownColumn(
                f"There is no column {name!r}.", field=field, columns=list(by_name)
            )
    return [by_name[name] for name in wanted]
