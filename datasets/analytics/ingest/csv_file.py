"""CSV and TSV: every row becomes a row, or is reported with its line and reason."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets.analytics.errors import AnalyticsError, IngestRefused, TooHeavy
from datasets.analytics.ingest.column_types import ColumnTypes, find_types
from datasets.analytics.ingest.context import Context, Read, Rejected, path_list
from datasets.analytics.ingest.dialect import Dialect, find_dialect
from datasets.analytics.ingest.names import clean_names
from datasets.analytics.ingest.plain import Plain
from datasets.analytics.sql import quote_literal

MAX_LINE_BYTES = 2 << 20
_LISTED_ERRORS = 100_000
_ROUNDS = 4
_REASONS = {
    "CAST": "not a value of the column's type {type}",
    "MISSING COLUMNS": "too few cells",
    "TOO MANY COLUMNS": "too many cells",
    "UNQUOTED VALUE": "a quote that does not close or stands inside a cell",
    "LINE SIZE OVER MAXIMUM": "a line of more than 2 MB",
    "INVALID ENCODING": "bytes that are not UTF-8",
}


@dataclass(slots=True)
class _Table:
    """What is known of the files while they are tried."""

    plains: Sequence[Plain]
    dialect: Dialect
    names: list[str]
    types: ColumnTypes
    expected: int

    def select(self, context: Context, rejects: str = "") -> str:
        columns = ", ".join(
            f"{quote_literal(name)}: {quote_literal(kind)}"
            for name, kind in zip(self.names, self.types.types, strict=True)
        )
        nulls = ", ".join(map(quote_literal, context.options.null_values))
        form = self.types.date_format
        return (
            f"SELECT * FROM read_csv({path_list([p.path for p in self.plains])},"  # noqa: S608
            f" auto_detect=false, columns={{{columns}}}, nullstr=[{nulls}],"
            f" delim={quote_literal(self.dialect.delimiter)},"
            f" quote='\"', escape='\"', header={str(self.dialect.has_header).lower()},"
            f" max_line_size={MAX_LINE_BYTES:d}"
            f"{f', dateformat={quote_literal(form)}' if form else ''}{rejects})"
        )


def read(context: Context, plains: Sequence[Plain]) -> Read:
    """Write the table. Raises IngestRefused when too much of it would be lost."""
    table = _table(context, plains)
    context.expected_rows = table.expected
    rejected = Rejected()
    try:
        context.copy(table.select(context), columns=len(table.names))
    except TooHeavy:
        raise
    except AnalyticsError:
        # Something does not fit. Read again, noting what, until only rows that are
        # wrong themselves are left out.
        rejected = _read_with_rejects(context, table)
    _check_loss(context, table, rejected)
    return Read(
        names=table.names,
        originals=list(table.dialect.names),
        rejected=rejected,
        notes=table.types.notes,
        dialect={
            "delimiter": table.dialect.delimiter,
            "header": table.dialect.has_header,
            "encoding": sorted({p.text.encoding for p in plains if p.text}),
            "null_values": list(context.options.null_values),
            "date_format": table.types.date_format,
        },
    )


def _table(context: Context, plains: Sequence[Plain]) -> _Table:
    dialects = [find_dialect(context, plain) for plain in plains]
    first = dialects[0]
    for plain, other in zip(plains, dialects, strict=True):
        if (other.names, other.delimiter) != (first.names, first.delimiter):
            raise IngestRefused(
                "invalid_file",
                f"{plain.name!r} has other columns than {plains[0].name!r}.",
            )
    names = clean_names(first.names)
    types = find_types(context, [plain.path for plain in plains], first, names)
    lines = sum(plain.text.lines for plain in plains if plain.text)
    return _Table(plains, first, names, types, lines - len(plains) * first.has_header)


def _read_with_rejects(context: Context, table: _Table) -> Rejected:
    for attempt in range(_ROUNDS):
        errors = _attempt(context, table, attempt)
        if not _widen(context, table, errors):
            return _rejected(context, table, errors)
    raise IngestRefused("invalid_file", "The columns have no types that hold.")


def _attempt(context: Context, table: _Table, number: int) -> list[dict[str, Any]]:
    """Copy what can be read; return what could not, by file and line."""
    rejects, scans = f"rejects_{number:d}", f"scans_{number:d}"
    option = (
        f", store_rejects=true, rejects_table='{rejects}', rejects_scan='{scans}',"
        f" rejects_limit={_LISTED_ERRORS:d}"
    )
    try:
        context.copy(table.select(context, option), columns=len(table.names))
    except TooHeavy:
        raise
    except AnalyticsError:
        raise IngestRefused(
            "invalid_file", "The file cannot be read as a table of text."
        ) from None
    found = context.cursor.rows(
        f"SELECT s.file_path, e.line, e.column_name, e.error_type::VARCHAR,"  # noqa: S608
        f" left(e.csv_line, 200), e.column_idx FROM {rejects} e JOIN {scans} s"
        " USING (scan_id, file_id) ORDER BY e.file_id, e.line, e.column_idx",
        {},
    )
    files = {str(plain.path): plain.name for plain in table.plains}
    keys = ("file", "line", "column", "error", "text", "position")
    return [
        dict(zip(keys, (files.get(row[0], ""), *row[1:]), strict=True)) for row in found
    ]


def _widen(context: Context, table: _Table, errors: Sequence[dict[str, Any]]) -> bool:
    """Give wider types to columns whose values often do not fit."""
    often = max(context.limits.rejected_rows, table.expected * 0.001)
    misfits = Counter(e["column"] for e in errors if e["error"] == "CAST")
    widened = False
    for name, count in misfits.items():
        if count > often:
            position = table.names.index(name)
            was = table.types.types[position]
            now = "DOUBLE" if was == "BIGINT" else "VARCHAR"
            table.types.types[position] = now
            table.types.notes.append(f"{name}: {now} instead of {was}, which fails.")
            widened = True
    return widened


def _rejected(
    context: Context, table: _Table, errors: Sequence[dict[str, Any]]
) -> Rejected:
    lines: dict[tuple[str, int], dict[str, Any]] = {}
    for error in errors:
        lines.setdefault((error["file"], error["line"]), error)
    types = dict(zip(table.names, table.types.types, strict=True))
    listed = [
        {
            "file": error["file"],
            "line": error["line"],
            "column": error["column"] if error["error"] == "CAST" else None,
            "reason": _REASONS.get(error["error"], "not readable").format(
                type=types.get(error["column"], "")
            ),
            "text": error["text"],
        }
        for error in list(lines.values())[: context.limits.reported_rows]
    ]
    return Rejected(len(lines), len(errors) < _LISTED_ERRORS, listed)


def _check_loss(context: Context, table: _Table, rejected: Rejected) -> None:
    """Refuse a table that lost too much, by the rejects or by the count of lines."""
    path = quote_literal(str(context.folder / "data.parquet"))
    (kept,) = context.cursor.row(f"SELECT count(*) FROM read_parquet({path})", {})  # noqa: S608
    limits = context.limits
    if not rejected.exact:
        rejected.count = max(rejected.count, table.expected - kept)
    lost = rejected.count
    too_many = lost > limits.rejected_rows and lost > limits.rejected_share * (
        kept + lost
    )
    if too_many or lost > kept:
        raise IngestRefused(
            "invalid_file",
            f"{lost} of {kept + lost} rows cannot be read; the first is line"
            f" {rejected.rows[0]['line']}: {rejected.rows[0]['reason']}.",
            rejected=rejected.count,
            rows=rejected.rows[:20],
        )
    missing = table.expected - kept - lost
    if missing > max(limits.rejected_rows, limits.rejected_share * table.expected):
        raise IngestRefused(
            "invalid_file",
            f"The file has {table.expected} lines of data, of which only {kept} could"
            " be read as rows. Quotes that do not close are the usual cause.",
        )
    if missing > 0:
        table.types.notes.append(f"{missing} empty lines were skipped.")
