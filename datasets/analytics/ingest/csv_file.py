"""CSV and TSV: every row becomes a row, or is reported with its line and reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from datasets.analytics.errors import AnalyticsError, IngestRefused, TooHeavy
from datasets.analytics.ingest import quoting, rejects
from datasets.analytics.ingest.accounting import Written, described
from datasets.analytics.ingest.choices import grammar, plan
from datasets.analytics.ingest.context import Context, Read, Rejected, path_list
from datasets.analytics.ingest.dialect import Dialect, find_dialect
from datasets.analytics.ingest.names import clean_names
from datasets.analytics.ingest.partitions import literal, partitions_of
from datasets.analytics.ingest.plain import Format, Plain
from datasets.analytics.ingest.plan import Plan
from datasets.analytics.ingest.proof import Proof
from datasets.analytics.ingest.skipped_lines import skipped_note
from datasets.analytics.ingest.union import common_names
from datasets.analytics.sql import quote_literal

MAX_LINE_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class _CsvFile:
    """One file, how it is cut, and where each column of the table is in it."""

    plain: Plain
    dialect: Dialect
    places: tuple[int | None, ...]
    # Of its folders, behind the columns of the file.
    constants: tuple[str | None, ...] = ()

    @property
    def form(self) -> tuple[object, ...]:
        """Properties shared by files that are read as one table."""
        return (self.dialect, self.line_end, self.places, self.constants)

    @property
    def line_end(self) -> str:
        return self.plain.text.line_end if self.plain.text else "\\n"

    def place(self, column: int) -> int | None:
        """Return where a column of the table is in the file."""
        return self.places[column] if column < len(self.places) else None


@dataclass(slots=True)
class _CsvTable:
    """The files as one table of text. `is_rejecting` once a row cannot be cut.

    `attempts` name the tables of what the last counted reading left out.
    """

    originals: list[str]
    names: list[str]
    files: list[_CsvFile]
    expected: int
    is_rejecting: bool = False
    scans: int = 0
    attempts: list[str] = field(default_factory=list)

    @property
    def has_numbers(self) -> bool:
        return any(file.plain.format == Format.XLSX for file in self.files)

    @property
    def has_quotes(self) -> bool:
        return any(
            file.plain.text is not None
            and file.plain.text.has_quotes
            and bool(file.dialect.quote)
            for file in self.files
        )

    @property
    def is_clean(self) -> bool:
        return all(
            file.plain.text and file.plain.text.is_clean and not file.constants
            for file in self.files
        )

    def parts(self, *, limit: int | None = None, counted: bool = False) -> list[str]:
        if counted:
            self.attempts.clear()
        found = []
        for first, *rest in self._runs():
            leaving = ""
            if self.is_rejecting or limit:
                leaving = self._stored(is_counted=counted)
            plains = [file.plain for file in (first, *rest)]
            most = f" LIMIT {limit:d}" if limit else ""
            found.append(
                f"SELECT {_cells(first)} FROM {_scan(first, plains, leaving)}{most}"  # noqa: S608
            )
        return found

    def _runs(self) -> list[list[_CsvFile]]:
        """Return the files in their order, those of one dialect together."""
        keyed = groupby(self.files, key=lambda file: file.form)
        return [list(parts) for _, parts in keyed]

    def _stored(self, *, is_counted: bool) -> str:
        """Return the options that leave rows out and keep which.

        `ignore_errors` alone finds no row at all behind a quote that closes too early.
        """
        self.scans += 1
        name = f"rejects_{self.scans:d}"
        if is_counted:
            self.attempts.append(name)
        return (
            f"store_rejects=true, rejects_table='{name}',"
            f" rejects_scan='{name}_scans', rejects_limit={rejects.LISTED_ERRORS:d}"
        )

    def wholly_quoted(self, columns: Sequence[int]) -> set[int]:
        kept = set(columns)
        for file in self.files:
            places = {column: file.place(column) for column in kept}
            wanted = [place for place in places.values() if place is not None]
            found = quoting.wholly_quoted(file.plain.path, file.dialect, wanted)
            kept = {c for c, place in places.items() if place in {None, *found}}
        return kept

    def with_quoted_words(
        self, columns: Sequence[int], words: Sequence[str]
    ) -> set[int]:
        return {
            column
            for file in self.files
            for column in columns
            if (place := file.place(column)) is not None
            and quoting.has_quoted(file.plain.path, file.dialect, place, words)
        }


def _cells(file: _CsvFile) -> str:
    cells = ["NULL::VARCHAR" if p is None else f"k{p}" for p in file.places]
    cells += map(literal, file.constants)
    return ", ".join(f"{cell} AS r{column}" for column, cell in enumerate(cells))


def _scan(file: _CsvFile, plains: Sequence[Plain], leaving: str) -> str:
    dialect = file.dialect
    columns = ", ".join(f"'k{i}': 'VARCHAR'" for i in range(len(dialect.names)))
    quote = quote_literal(dialect.quote)
    options = [
        f"auto_detect=false, columns={{{columns}}}",
        # An empty cell is nothing, a quoted one an empty text.
        "nullstr='', allow_quoted_nulls=false",
        f"delim={quote_literal(dialect.delimiter)}, quote={quote}, escape={quote}",
        # Left to DuckDB, a line end inside the first cells would be taken for it.
        f"new_line={quote_literal(file.line_end)}",
        f"header={str(dialect.has_header).lower()}, max_line_size={MAX_LINE_BYTES:d}",
    ]
    if dialect.skip:
        options.append(f"skip={dialect.skip:d}")
    if leaving:
        options.append(leaving)
    paths = path_list([plain.path for plain in plains])
    return f"read_csv({paths}, {', '.join(options)})"


def read(context: Context, plains: Sequence[Plain]) -> Read:
    """Write the table. Raises IngestRefused when too much of it would be lost."""
    table = _table(context, plains)
    context.expected_rows = table.expected
    written = _written(context, table)
    rejected = rejects.rejected(context, plains, table.attempts)
    notes = _check_loss(context, table, rejected)
    dialect = table.files[0].dialect
    return Read(
        names=table.names,
        originals=table.originals,
        rejected=rejected,
        notes=written.notes + notes,
        dialect={
            "delimiter": dialect.delimiter,
            "quote": dialect.quote,
            "header": dialect.has_header,
            "skip_lines": dialect.skip + plains[0].dropped.above,
            "comment": context.options.comment,
            "encoding": sorted(
                {p.text.encoding for p in plains if p.text and p.format != Format.XLSX}
            ),
            "null_values": list(context.options.null_values),
            "date_formats": written.formats,
            "types": dict(zip(table.names, written.types, strict=True)),
        },
        cells=written.cells(),
    )


def _table(context: Context, plains: Sequence[Plain]) -> _CsvTable:
    dialects = [find_dialect(context, plain) for plain in plains]
    listed = [
        (plain.name, dialect.names)
        for plain, dialect in zip(plains, dialects, strict=True)
    ]
    originals, places = common_names(listed, union=context.options.union_by_name)
    folders = partitions_of(context, plains)
    originals += folders.keys
    parts = list(map(_CsvFile, plains, dialects, places, folders.values))
    lines = sum(
        file.plain.text.lines - file.dialect.lines_above
        for file in parts
        if file.plain.text
    )
    return _CsvTable(originals, clean_names(originals), parts, lines)


def _written(context: Context, table: _CsvTable) -> Written:
    grammars = [grammar(context.options)] * len(table.names)
    intent = plan(context.options, table.names, table.originals, grammars)
    proof = Proof(context, table, intent)
    try:
        proof.write()
    except (TooHeavy, IngestRefused):
        raise
    except AnalyticsError:
        # Something has not the form of a row. Read again, noting what.
        table.is_rejecting = True
        proof = _written_anew(context, table, intent)
    return described(proof)


def _written_anew(context: Context, table: _CsvTable, intent: Plan) -> Proof:
    proof = Proof(context, table, intent)
    try:
        proof.write()
    except (TooHeavy, IngestRefused):
        raise
    except AnalyticsError:
        raise IngestRefused(
            "invalid_file", "The file cannot be read as a table of text."
        ) from None
    return proof


def _check_loss(context: Context, table: _CsvTable, rejected: Rejected) -> list[str]:
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
    most = max(limits.rejected_rows, limits.rejected_share * table.expected)
    if missing > most:
        raise IngestRefused(
            "invalid_file",
            f"The file has {table.expected} lines of data, of which only {kept} could"
            " be read as rows. Quotes that do not close are the usual cause.",
        )
    comments = sum(file.plain.dropped.comments for file in table.files)
    above = sum(file.dialect.empty_above for file in table.files)
    counts = (
        (above, "empty line above the header", "empty lines above the header"),
        (missing, "empty line", "empty lines"),
        (comments, "comment", "comments"),
    )
    return [skipped_note(n, one, many) for n, one, many in counts if n > 0]
