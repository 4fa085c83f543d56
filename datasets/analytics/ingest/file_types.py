"""Files of Parquet that have different types for one column: which holds all cells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.common_types import (
    FINE_INSTANT,
    INSTANT,
    NOTHING,
    cast,
    common_type,
)
from datasets.analytics.ingest.context import Context, path_list
from datasets.analytics.ingest.plain import Plain
from datasets.analytics.sql import ROW_NUMBER, count_where


@dataclass(frozen=True, slots=True)
class TypedFile:
    """A file, the types of its columns, and where each column of the table is."""

    plain: Plain
    types: list[str]
    places: tuple[int | None, ...]
    # SQL of the columns that its folders add.
    constants: tuple[str, ...] = ()

    def kind(self, column: int) -> str:
        place = self.places[column]
        return NOTHING if place is None else self.types[place]

    @property
    def table(self) -> str:
        """SQL of the file, whose columns are c0, c1 and so on."""
        # By position: of columns "A" and "a", DuckDB reads A under both names.
        positions = ", ".join(f"c{index:d}" for index in range(len(self.types)))
        return f"read_parquet({path_list([self.plain.path])}) AS t({positions})"


def common(files: Sequence[TypedFile], column: int, name: str) -> str:
    """Return the type of a column. Raises IngestRefused, which names both types."""
    kinds = [file.kind(column) for file in files]
    found = common_type(kinds)
    if found is not None:
        return found
    first = next(i for i, kind in enumerate(kinds) if kind != NOTHING)
    # Of three types, two and two may have a common one: then the last is named.
    other = next(
        (i for i, kind in enumerate(kinds) if not common_type([kinds[first], kind])),
        len(kinds) - 1,
    )
    raise _no_common_type(
        files[other], name, kinds[other], (files[first], kinds[first])
    )


def _no_common_type(
    file: TypedFile, name: str, kind: str, first: tuple[TypedFile, str]
) -> IngestRefused:
    return IngestRefused(
        "invalid_file",
        f"Column {name!r} is {kind} in {file.plain.name!r} and {first[1]} in"
        f" {first[0].plain.name!r}: no type holds both exactly.",
        column=name,
    )


def retyped(
    files: Sequence[TypedFile], types: Sequence[str], names: Sequence[str]
) -> Iterator[str]:
    """Yield a note of each column that has several types in the files."""
    for column, name in enumerate(names[: len(types)]):
        kinds = {file.kind(column) for file in files} - {NOTHING}
        if len(kinds) > 1:
            yield f"{name}: {types[column]}, which holds {', '.join(sorted(kinds))}."


def instants(
    context: Context, files: Sequence[TypedFile], column: int, name: str
) -> tuple[str, str]:
    """Return the type of a column of instants in nanoseconds, and a note if it is text.

    Nothing but files has a type for them: whole microseconds are kept as others are.
    """
    lost = 0
    for file in files:
        if file.kind(column) == FINE_INSTANT:
            cell = f"c{file.places[column]:d}"
            (count,) = context.cursor.row(
                f"SELECT {count_where(f'epoch_ns({cell}) % 1000 <> 0')}"  # noqa: S608
                f" FROM {file.table}",
                {},
            )
            lost += count
    if not lost:
        return INSTANT, ""
    note = f"{name}: kept as text; no type with a zone holds the nanoseconds of {lost}."
    return "VARCHAR", note


def would_change(
    context: Context, files: Sequence[TypedFile], column: int, kind: str, name: str
) -> IngestRefused:
    """Return the refusal of files whose common type would change a cell."""
    for file in files:
        has = file.kind(column)
        other = next((f for f in files if f.kind(column) not in {NOTHING, has}), None)
        lost = _first_lost(context, file, column, kind) if other else None
        if other and lost:
            row, value = lost
            return IngestRefused(
                "invalid_file",
                f"Column {name!r} is {has} in {file.plain.name!r} and"
                f" {other.kind(column)} in {other.plain.name!r}: their common type"
                f" {kind} would change {value} in row {row + 1} of the first.",
                column=name,
            )
    return IngestRefused(
        "invalid_file", f"Column {name!r} has cells that {kind} changes.", column=name
    )


def _first_lost(
    context: Context, file: TypedFile, column: int, kind: str
) -> tuple[int, str] | None:
    """Return position and text of the first cell of a file that a type changes."""
    place, check = file.places[column], cast(file.kind(column), kind)
    if place is None or not check.is_checked:
        return None
    positions = ", ".join(f"c{index:d}" for index in range(len(file.types)))
    found = context.cursor.rows(
        f"SELECT n, left(c{place:d}::VARCHAR, 200)"  # noqa: S608 - numbered columns
        f" FROM read_parquet({path_list([file.plain.path])}, {ROW_NUMBER}=true)"
        f" AS t({positions}, n) WHERE c{place:d} IS NOT NULL"
        f" AND ({check.is_lost(f'c{place:d}')}) ORDER BY n LIMIT 1",
        {},
    )
    return found[0] if found else None
