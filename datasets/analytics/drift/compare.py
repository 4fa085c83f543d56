"""Compares the columns of two tables, each by what it holds."""

from collections.abc import Sequence
from dataclasses import asdict

from datasets.analytics.drift.divergence import (
    chi_square,
    deciles,
    expected_psi,
    jensen_shannon,
    kolmogorov_smirnov,
    psi,
    shares_in,
)
from datasets.analytics.drift.identity import left_out
from datasets.analytics.drift.report import (
    Bins,
    Bound,
    Check,
    ColumnDrift,
    Excluded,
    Level,
    TableDrift,
    Thresholds,
    worst,
)
from datasets.analytics.drift.samples import (
    Categories,
    Numbers,
    categories,
    numbers,
)
from datasets.analytics.drift.schema import change, family
from datasets.analytics.engine import Cursor, Engine, Lane
from datasets.analytics.errors import UnknownColumn
from datasets.analytics.sql import (
    NUMERIC,
    Kind,
    Source,
    Table,
    TableColumn,
    pick,
    quote_ident,
    source_of,
)

TOP_CATEGORIES = 20
MIN_ROWS = 500


def compare(
    reference: Table,
    current: Table,
    columns: Sequence[str] | None = None,
    *,
    thresholds: Thresholds | None = None,
    is_same_source: bool = False,
) -> TableDrift:
    """Return how the columns of `current` differ from those of `reference`.

    Numbers are compared by values, text and truth values by categories, times by
    missing values only (they always move on). Tables of the same source differ in
    types by the rules of the reader alone. Raises UnknownColumn for a named column
    that one table lacks.
    """
    old, new = source_of(reference), source_of(current)
    with Engine.for_process(Lane.HEAVY).cursor() as cursor:
        before, after = cursor.columns(old), cursor.columns(new)
        shared = _shared(before, after, columns)
        judge = _Comparer(cursor, old, new, thresholds or Thresholds())
        excluded = left_out(cursor, (old, new), shared)
        found = judge.columns(_without(shared, excluded))
        changed = change(before, after)
        if is_same_source:
            changed = changed.by_rules()
        levels = [column.level for column in found]
        return TableDrift(
            level=worst(levels + (changed.levels if columns is None else [])),
            row_count_reference=judge.rows[0],
            row_count_current=judge.rows[1],
            columns=tuple(found),
            **asdict(changed),
            skipped=tuple(c.name for c in shared if c.kind in _INCOMPARABLE),
            excluded=excluded,
        )


_INCOMPARABLE = frozenset({Kind.NESTED, Kind.BINARY, Kind.INTERVAL})
_CATEGORICAL = frozenset({Kind.TEXT, Kind.BOOLEAN})


def _without(
    shared: Sequence[TableColumn], excluded: Sequence[Excluded]
) -> list[TableColumn]:
    gone = {item.column for item in excluded}
    return [column for column in shared if column.name not in gone]


def _shared(
    before: Sequence[TableColumn],
    after: Sequence[TableColumn],
    wanted: Sequence[str] | None,
) -> list[TableColumn]:
    chosen = pick(before, wanted, field="columns")
    later = {column.name: column for column in after}
    if wanted is not None:
        for column in chosen:
            if column.name not in later:
                raise UnknownColumn(
                    f"The current version has no column {column.name!r}.",
                    field="columns",
                )
    return [
        column
        for column in chosen
        if column.name in later and family(later[column.name]) == family(column)
    ]


class _Comparer:
    """Compares columns of two tables under one set of thresholds."""

    def __init__(
        self, cursor: Cursor, old: Source, new: Source, thresholds: Thresholds
    ) -> None:
        self._cursor = cursor
        self._sources = old, new
        self._thresholds = thresholds
        self.rows = _count(cursor, old), _count(cursor, new)

    def columns(self, shared: Sequence[TableColumn]) -> list[ColumnDrift]:
        compared = [c for c in shared if c.kind not in _INCOMPARABLE]
        missing = self._missing(compared)
        numeric = [column for column in compared if column.kind in NUMERIC]
        old = numbers(self._cursor, self._sources[0], numeric, self.rows[0])
        new = numbers(self._cursor, self._sources[1], numeric, self.rows[1])
        found = []
        for column in compared:
            gaps = missing[column.name]
            if column.kind in NUMERIC:
                drift = self._number(column, old[column.name], new[column.name], gaps)
            elif column.kind in _CATEGORICAL:
                drift = self._category(column, gaps)
            else:
                drift = self._column(column, gaps, [], self.rows)
            found.append(drift)
        return found

    def _missing(
        self, columns: Sequence[TableColumn]
    ) -> dict[str, tuple[float, float]]:
        """Return the shares of missing values (NULL or NaN) by column, exactly."""
        if not columns:
            return {}
        shares = []
        for source, rows in zip(self._sources, self.rows, strict=True):
            select = ", ".join(_missing_count(column) for column in columns)
            counts = self._cursor.row(
                f"SELECT {select} FROM {source.sql}",  # noqa: S608 - names are quoted
                source.parameters,
            )
            shares.append([count / rows if rows else 0.0 for count in counts])
        return {
            column.name: (shares[0][index], shares[1][index])
            for index, column in enumerate(columns)
        }

    def _number(
        self,
        column: TableColumn,
        old: Numbers,
        new: Numbers,
        gaps: tuple[float, float],
    ) -> ColumnDrift:
        sizes = old.rows, new.rows
        edges = deciles(old.values)
        labels, before = shares_in(edges, old.values, old.nulls, old.nans)
        _, after = shares_in(edges, new.values, new.nulls, new.nans)
        index, noise = psi(before, after), expected_psi(before, after, sizes)
        distance = kolmogorov_smirnov(old.values, new.values)
        divergence = jensen_shannon(before, after)
        bounds = self._thresholds
        checks = [
            _check("psi", max(index - noise, 0.0), bounds.psi),
            _check("js", divergence, bounds.js),
        ]
        if distance is not None:
            checks.append(_check("ks", distance, bounds.ks))
        return self._column(
            column,
            gaps,
            checks,
            sizes,
            psi=index,
            psi_expected=noise,
            ks=distance,
            js=divergence,
            exact=old.exact and new.exact,
            bins=Bins(tuple(labels), tuple(before), tuple(after)),
        )

    def _category(self, column: TableColumn, gaps: tuple[float, float]) -> ColumnDrift:
        old, new = (
            categories(self._cursor, source, column) for source in self._sources
        )
        labels, before, after = _aligned(old, new)
        sizes = self.rows
        shares = [
            [count / max(size, 1) for count in counts]
            for counts, size in zip((before, after), sizes, strict=True)
        ]
        index, noise = (
            psi(shares[0], shares[1]),
            expected_psi(shares[0], shares[1], sizes),
        )
        statistic, freedom, effect = chi_square(before, after)
        divergence = jensen_shannon(shares[0], shares[1])
        fresh = [name for name in new.counts if name not in old.counts]
        fresh_share = sum(new.counts[name] for name in fresh) / max(sizes[1], 1)
        bounds = self._thresholds
        return self._column(
            column,
            gaps,
            [
                _check("psi", max(index - noise, 0.0), bounds.psi),
                _check("js", divergence, bounds.js),
                _check("cramers_v", effect, bounds.cramers_v),
                _check("new_categories", fresh_share, bounds.new_categories),
            ],
            sizes,
            psi=index,
            psi_expected=noise,
            js=divergence,
            chi_square=statistic,
            degrees_of_freedom=freedom,
            cramers_v=effect,
            exact=old.exact and new.exact,
            new_categories=tuple(fresh[:TOP_CATEGORIES]),
            new_category_share=fresh_share,
            bins=Bins(tuple(labels), tuple(shares[0]), tuple(shares[1])),
        )

    def _column(
        self,
        column: TableColumn,
        gaps: tuple[float, float],
        checks: list[Check],
        sizes: tuple[int, int],
        **figures: object,
    ) -> ColumnDrift:
        moved = _check("missing", abs(gaps[1] - gaps[0]), self._thresholds.missing)
        checks = [moved, *checks]
        level = worst(check.level for check in checks)
        if min(sizes) < MIN_ROWS:
            level = Level.TOO_FEW_ROWS
        return ColumnDrift(
            name=column.name,
            kind=column.kind,
            level=level,
            checks=tuple(checks),
            n_reference=sizes[0],
            n_current=sizes[1],
            missing_reference=gaps[0],
            missing_current=gaps[1],
            **{"exact": True, **figures},  # type: ignore[arg-type]  # fields by name
        )


def _count(cursor: Cursor, source: Source) -> int:
    (count,) = cursor.row(
        f"SELECT count(*) FROM {source.sql}",  # noqa: S608 - a bound path
        source.parameters,
    )
    return int(count)


def _missing_count(column: TableColumn) -> str:
    name = quote_ident(column.name)
    is_nan = f" OR isnan({name})" if column.kind is Kind.FLOAT else ""
    return f"count_if({name} IS NULL{is_nan})"


def _check(name: str, value: float, bound: Bound) -> Check:
    return Check(name, value, bound.warning, bound.drift, bound.level(value))


def _aligned(
    old: Categories, new: Categories
) -> tuple[list[str], list[int], list[int]]:
    """Return counts of the reference's top categories, the others, and missing."""
    top = list(old.counts)[:TOP_CATEGORIES]
    rows = []
    for found in (old, new):
        counts = [found.counts.get(name, 0) for name in top]
        rows.append([*counts, found.total - sum(counts), found.nulls])
    return [*top, "(other)", "(missing)"], rows[0], rows[1]
