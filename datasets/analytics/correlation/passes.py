"""Passes over tables: map partitions to states, merge, solve, refine."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from typing import TYPE_CHECKING, Protocol, TypeVar

from datasets.analytics.blas import one_thread_per_product
from datasets.analytics.correlation.blocks import (
    ColumnValues,
    Partition,
    blocks,
    partitions,
)
from datasets.analytics.correlation.comoments import CoMoments
from datasets.analytics.correlation.matrix import (
    Correlation,
    CorrelationMethod,
    Reason,
    Solved,
    solve,
)
from datasets.analytics.correlation.ranks import Ranked, rank_columns
from datasets.analytics.correlation.sums import block_comoments
from datasets.analytics.engine import Cursor, Engine, Lane
from datasets.analytics.errors import InvalidParameter, TooHeavy
from datasets.analytics.sql import (
    NUMERIC,
    Kind,
    Source,
    Table,
    TableColumn,
    pick,
    source_of,
)
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_import("numpy")

MAX_COLUMNS = 2_000
MAX_MENDED = 200

_CORRELATED = NUMERIC | {Kind.BOOLEAN}

Part = TypeVar("Part")
State = TypeVar("State")


class Mapper(Protocol):
    """Applies a function to every part: threads here, Ray or Spark elsewhere."""

    def __call__(
        self, function: Callable[[Part], State], parts: Iterable[Part]
    ) -> Iterable[State]: ...


def correlate(
    table: Table,
    columns: Sequence[str] | None = None,
    *,
    method: CorrelationMethod | str = CorrelationMethod.PEARSON,
) -> Correlation:
    """Return the correlations of the numeric and boolean columns.

    Other columns are `excluded`, unless named: then InvalidParameter is raised, as
    for more than 2,000 columns. Raises UnknownColumn, QueryTimeout or Busy.
    """
    source = source_of(table)
    engine = Engine.for_process(Lane.HEAVY)
    with engine.cursor() as cursor, one_thread_per_product():
        names, excluded = _numeric(cursor.columns(source), columns)
        row_count = int(
            cursor.row(f"SELECT count(*) FROM {source.sql}", source.parameters)[0]  # noqa: S608
        )
        solved, exact = _solved(
            source, names, CorrelationMethod(method), engine, cursor
        )
    return Correlation(
        method=CorrelationMethod(method),
        row_count=row_count,
        columns=tuple(names),
        excluded=excluded,
        matrix=solved.matrix,
        counts=solved.counts,
        reasons=solved.reasons,
        exact=exact,
    )


def _never() -> None:
    """The default check: never cancel (a function, unlike a lambda, can be pickled)."""


def comoments(
    partition: Partition,
    names: Sequence[str],
    check: Callable[[], None] = _never,
) -> CoMoments:
    """Return the state of one partition: what a remote worker computes.

    `check` is called between blocks and may raise to stop the pass.
    """
    state: CoMoments | None = None
    for block in blocks(partition, names):
        check()
        if len(block[0]):
            found = block_comoments(block)
            state = found if state is None else state.merge(found)
    if state is None:
        empty = [ColumnValues(np.zeros(0), None) for _ in names]
        return block_comoments(empty)
    return state


def gathered(
    parts: Sequence[Partition],
    names: Sequence[str],
    run: Mapper,
    check: Callable[[], None] = _never,
) -> CoMoments:
    """Return the state of all partitions, merged in their order."""
    states = run(partial(comoments, names=names, check=check), parts)
    return reduce(CoMoments.merge, states)


def _numeric(
    found: Sequence[TableColumn], wanted: Sequence[str] | None
) -> tuple[list[str], tuple[tuple[str, Reason], ...]]:
    chosen = pick(found, wanted, field="columns")
    others = [column.name for column in chosen if column.kind not in _CORRELATED]
    names = [column.name for column in chosen if column.kind in _CORRELATED]
    if wanted is not None and others:
        raise InvalidParameter(
            f"{others[0]!r} is not numeric.", field="columns", columns=others
        )
    if len(names) > MAX_COLUMNS:
        raise InvalidParameter(
            f"At most {MAX_COLUMNS} columns can be correlated at once.", field="columns"
        )
    return names, tuple((name, Reason.NOT_NUMERIC) for name in others)


def _solved(
    source: Source,
    names: list[str],
    method: CorrelationMethod,
    engine: Engine,
    cursor: Cursor,
) -> tuple[Solved, bool]:
    if not names:
        empty = np.zeros((0, 0))
        flags = empty.astype(bool)
        return Solved(empty, empty.astype(int), empty.astype(np.int8), flags), True
    threads = engine.limits.threads
    if method is CorrelationMethod.SPEARMAN:
        with rank_columns(source, names, engine.folder, cursor.check) as ranked:
            state = reduce(CoMoments.merge, map(block_comoments, ranked.blocks()))
            return _ranked_again(solve(state), ranked, cursor.check)
    parts = partitions(source.paths, parts=threads)
    state = gathered(parts, names, in_threads(threads), cursor.check)
    return _refined(solve(state), parts, names, cursor), True


def _ranked_again(
    solved: Solved, ranked: Ranked, check: Callable[[], None]
) -> tuple[Solved, bool]:
    """Rank pairs with gaps within their common rows, unless that is too much work.

    Returns also whether all pairs are ranked so.
    """
    if not ranked.can_rank_again:
        return solved, False
    for i, j in ranked.pairs_with_gaps():
        check()
        alone = solve(block_comoments(ranked.common(i, j)))
        solved.matrix[i, j] = solved.matrix[j, i] = alone.matrix[0, 1]
        solved.reasons[i, j] = solved.reasons[j, i] = alone.reasons[0, 1]
    return solved, True


def in_threads(count: int) -> Mapper:
    """Return a mapper that works on `count` parts at a time, in this process."""

    def run(
        function: Callable[[Part], State], parts: Iterable[Part]
    ) -> Iterable[State]:
        listed = list(parts)
        if count == 1 or len(listed) == 1:
            return map(function, listed)
        with ThreadPoolExecutor(count, thread_name_prefix="correlation") as pool:
            return list(pool.map(function, listed))

    return run


def _refined(
    solved: Solved, parts: Sequence[Partition], names: Sequence[str], cursor: Cursor
) -> Solved:
    """Compute pairs that lost digits from the two columns' common rows alone."""
    first, second = np.nonzero(np.triu(solved.imprecise, 1))
    if len(first) > MAX_MENDED:
        raise TooHeavy(
            f"{len(first)} pairs of columns are too close to constant to be computed"
            " together; ask for fewer columns.",
            field="columns",
        )
    for i, j in zip(map(int, first), map(int, second), strict=True):
        value, reason = _exact_pair(parts, (names[i], names[j]), cursor.check)
        solved.matrix[i, j] = solved.matrix[j, i] = value
        solved.reasons[i, j] = solved.reasons[j, i] = reason
    return solved


def _exact_pair(
    parts: Sequence[Partition], names: tuple[str, str], check: Callable[[], None]
) -> tuple[float, int]:
    state: CoMoments | None = None
    for block in _common_rows(parts, names):
        check()
        found = block_comoments(block)
        state = found if state is None else state.merge(found)
    if state is None:
        state = block_comoments([ColumnValues(np.zeros(0), None)] * 2)
    solved = solve(state)
    return float(solved.matrix[0, 1]), int(solved.reasons[0, 1])


def _common_rows(
    parts: Sequence[Partition], names: tuple[str, str]
) -> Iterator[list[ColumnValues]]:
    for part in parts:
        for block in blocks(part, names):
            common = np.ones(len(block[0]), dtype=bool)
            for column in block:
                common &= np.isfinite(column.values)
                if column.present is not None:
                    common &= column.present
            if common.any():
                yield [ColumnValues(column.values[common], None) for column in block]
