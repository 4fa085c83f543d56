"""Rows that come after those of a version: its types hold, or it is said where not.

The new files are read as an upload of their own; the version is its Parquet, which is
not parsed from its upload again. Then each column gets one type: that of the version,
where every new cell fits it, or (if widening is allowed) the narrowest that holds
both exactly, as one upload of all the files would have had.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from datasets.analytics.errors import IngestRefused, QueryFailed
from datasets.analytics.ingest.common_types import NOTHING, cast, common_type, is_nested
from datasets.analytics.ingest.context import Context, Read, path_list
from datasets.analytics.ingest.model import Base
from datasets.analytics.ingest.names import clean_names
from datasets.analytics.ingest.plain import Format, Plain
from datasets.analytics.ingest.rules import TEXT as TEXT_RULE
from datasets.analytics.ingest.type_mismatches import LINED, TypeMismatches, line_of
from datasets.analytics.ingest.union import common_names
from datasets.analytics.sql import quote_ident

TEXT = TEXT_RULE.type
Reader = Callable[[Context, Sequence[Plain]], Read]
_SPELLED = LINED | {Format.XLSX}
_LOSSY = "value-would-change"


class Append:
    """One append: the version's table, the new files, and their reading options."""

    def __init__(
        self, context: Context, base: Base, plains: Sequence[Plain], reader: Reader
    ) -> None:
        self.context = context
        self.base = base
        self.plains = plains
        self.reader = reader
        self._part = context.temporary / "part.parquet"
        self._is_spelled = plains[0].format in _SPELLED

    def joined(self, read: Read) -> Read:
        """Write data.parquet: the version's rows, then those that were read.

        Raises IngestRefused, which names column and line of a cell that does not fit.
        """
        names, places = self._columns(read)
        types = [
            self._type(read, name, *place)
            for name, place in zip(names, places, strict=True)
        ]
        spelled = {
            read.names[new]: TEXT
            for (_, new), kind in zip(places, types, strict=True)
            if new is not None
            and kind == TEXT
            and self._kinds[new] not in {TEXT, NOTHING}
        }
        if spelled and self._is_spelled:
            read = self._read_as_text(spelled)
        self._copy(names, types, places)
        return self._described(read, names, types, places)

    def _columns(
        self, read: Read
    ) -> tuple[list[str], list[tuple[int | None, int | None]]]:
        """Return the names of the table, and where each is in both parts."""
        self._keep_part()
        listed = [
            (f"version {self.base.version}", self.base.originals),
            (self.plains[0].name, read.originals),
        ]
        union = self.context.options.union_by_name
        originals, (old, new) = common_names(listed, union=union)
        self._originals = originals
        known = len(self.base.names)
        names = [*self.base.names, *clean_names(originals)[known:]]
        if len({name.lower() for name in names}) < len(names):
            names = clean_names(originals)
        return names, list(zip(old, new, strict=True))

    def _keep_part(self) -> None:
        (self.context.folder / "data.parquet").rename(self._part)
        rows = self.context.cursor.rows(
            f"DESCRIBE SELECT * FROM {self._table}",  # noqa: S608 - our own path
            {},
        )
        self._kinds = [row[1] for row in rows]
        counts = ", ".join(f"count({quote_ident(row[0])})" for row in rows)
        self._rows, *filled = self.context.cursor.row(
            f"SELECT count(*), {counts} FROM {self._table}",  # noqa: S608
            {},
        )
        for index, count in enumerate(filled):
            if not count:
                self._kinds[index] = NOTHING

    @property
    def _table(self) -> str:
        return f"read_parquet({path_list([self._part])})"

    def _type(self, read: Read, name: str, old: int | None, new: int | None) -> str:
        """Return the type of a column of the table. Raises IngestRefused."""
        if new is None or old is None:
            kind = self.base.types[old] if old is not None else self._kinds[new or 0]
            return TEXT if kind == NOTHING else kind
        held = self.base.types[old]
        if self._is_held(read, old, new):
            return held
        if self.base.widens:
            wider = common_type(
                [NOTHING if self._is_empty(old) else held, self._kinds[new]]
            )
            if wider and self._holds(old, new, wider, read):
                return wider
            if self._is_spelled and not (
                is_nested(held) or is_nested(self._kinds[new])
            ):
                return TEXT
        raise self._mismatch(read, name, new, held)

    def _is_held(self, read: Read, old: int, new: int) -> bool:
        """Return whether every new cell fits the type of the version."""
        held, kind = self.base.types[old], self._kinds[new]
        if kind in {NOTHING, held}:
            return True
        if self._only_words(read, new, held):
            self._kinds[new] = NOTHING
            return True
        if held == TEXT:
            return (
                self._is_spelled
                and not is_nested(kind)
                and not (self.base.widens and self._is_empty(old))
            )
        return common_type([held, kind]) == held and self._is_cast(
            kind, held, read.names[new]
        )

    def _is_empty(self, old: int) -> bool:
        """Return whether a column of the version holds nothing that has a type."""
        return self.base.nulls[old] == self.base.rows

    def _only_words(self, read: Read, new: int, held: str) -> bool:
        """Return whether the new cells are null words: missing in this type."""
        words = [word for word in self.context.options.null_values if word]
        if (
            held == TEXT
            or self._kinds[new] != TEXT
            or not self._is_spelled
            or not words
        ):
            return False
        cell = quote_ident(read.names[new])
        (only,) = self.context.cursor.row(
            f"SELECT bool_and(trim({cell}) IN (SELECT unnest($words)))"  # noqa: S608
            f" FROM {self._table} WHERE {cell} IS NOT NULL",
            {"words": words},
        )
        if only:
            count = self.context.cursor.row(
                f"SELECT count({cell}) FROM {self._table}",  # noqa: S608
                {},
            )[0]
            read.cells.setdefault("missing_words", []).append(
                {"column": read.names[new], "count": count}
            )
        return bool(only)

    def _holds(self, old: int, new: int, wider: str, read: Read) -> bool:
        """Return whether a type keeps the cells of both parts unchanged."""
        base = f"read_parquet({path_list([self.base.path])})"
        held = self.base.types[old]
        return self._is_cast(
            self._kinds[new], wider, read.names[new]
        ) and self._is_cast(held, wider, self.base.names[old], base)

    def _is_cast(self, kind: str, wider: str, name: str, table: str = "") -> bool:
        cell = cast(kind, wider).of(quote_ident(name), _LOSSY)
        try:
            self.context.cursor.row(
                f"SELECT count({cell}) FROM {table or self._table}",  # noqa: S608
                {},
            )
        except QueryFailed:
            return False
        return True

    def _mismatch(self, read: Read, name: str, new: int, held: str) -> IngestRefused:
        kind = self._kinds[new]
        mismatches = TypeMismatches(
            self.context, self._part, read.names[new], kind, held
        )
        row, text = mismatches.first()
        line = line_of(self.context, self.plains, read, row)
        where = f"row {row + 1} of what was sent" if line is None else f"line {line}"
        return IngestRefused(
            "does_not_fit",
            f"Column {name!r} is {held} in version {self.base.version}; {text!r} in"
            f" {where} does not fit it. {self._way_out}, or send the whole table anew.",
            column=name,
            type=held,
            found=kind,
            row=row + 1,
            line=line,
        )

    @property
    def _way_out(self) -> str:
        if self.base.widens:
            return "No type holds both as they are: change the cells"
        return "Append with `widen` for a wider type"

    def _read_as_text(self, columns: dict[str, str]) -> Read:
        """Read the new files again, these columns as text."""
        context = self.context
        names = context.cursor.rows(
            "SELECT table_name FROM duckdb_tables()"
            " WHERE starts_with(table_name, 'rejects_')",
            {},
        )
        for (name,) in names:
            context.cursor.rows(f"DROP TABLE IF EXISTS {quote_ident(name)}", {})
        types = {**context.options.types, **columns}
        context.options = replace(context.options, types=types)
        read = self.reader(context, self.plains)
        self._keep_part()
        return read

    def _copy(
        self,
        names: Sequence[str],
        types: Sequence[str],
        places: Sequence[tuple[int | None, int | None]],
    ) -> None:
        sides = [
            (self.base.path, self.base.types, [old for old, _ in places]),
            (self._part, self._kinds, [new for _, new in places]),
        ]
        selects = [_select(*side, names, types) for side in sides]
        self.context.expected_rows = self.base.rows + self._rows
        self.context.copy(selects, columns=len(names))

    def _described(
        self,
        read: Read,
        names: Sequence[str],
        types: Sequence[str],
        places: Sequence[tuple[int | None, int | None]],
    ) -> Read:
        widened = [
            {"column": name, "before": self.base.types[old], "after": kind}
            for name, kind, (old, _) in zip(names, types, places, strict=True)
            if old is not None and kind != self.base.types[old]
        ]
        notes = [
            f"{item['column']}: now {item['after']}; rows of before are written as"
            f" their values in {item['before']}, not as their file spelled them."
            for item in widened
            if item["after"] == TEXT
        ]
        read.appended = {
            "to_version": self.base.version,
            "rows_before": self.base.rows,
            "rows_added": self._rows,
            "widened": widened,
        }
        return replace(
            read, names=list(names), originals=self._originals, notes=read.notes + notes
        )


def _select(
    path: Path,
    kinds: Sequence[str],
    places: Sequence[int | None],
    names: Sequence[str],
    types: Sequence[str],
) -> str:
    """Return the rows of one part by position, in the types of the table."""
    cells = []
    for place, name, kind in zip(places, names, types, strict=True):
        if place is None or kinds[place] == NOTHING:
            cell = f"NULL::{kind}"
        elif kinds[place] == kind:
            cell = f"c{place:d}"
        else:
            cell = cast(kinds[place], kind).of(f"c{place:d}", _LOSSY)
        cells.append(f"{cell} AS {quote_ident(name)}")
    listed = ", ".join(f"c{index:d}" for index in range(len(kinds)))
    return (
        f"SELECT {', '.join(cells)} FROM"  # noqa: S608 - names are quoted
        f" read_parquet({path_list([path])}) AS t({listed})"
    )
